//! What nodes say and hear.

use std::io::Write;
use std::process::Stdio;

use crate::launched::{Launched, finish, lines, script};

#[test]
fn each_line_has_the_number_of_its_node() {
    let output = finish(script(
        &["-n", "3"],
        "echo one from $GOSSAMER_NODE; echo; printf 'no end'; echo bad >&2",
    ));
    assert!(output.status.success());
    let mut expected = Vec::new();
    for node in 0..3 {
        expected.extend([
            format!("[{node}] "),
            format!("[{node}] no end"),
            format!("[{node}] one from {node}"),
        ]);
    }
    expected.sort();
    assert_eq!(lines(&output.stdout), expected);
    assert_eq!(lines(&output.stderr), ["[0] bad", "[1] bad", "[2] bad"]);
}

#[test]
fn bytes_that_are_no_text() {
    let output = finish(script(&["-n", "1"], r"printf '\377\000\r\n\376'"));
    assert_eq!(output.stdout, b"[0] \xff\x00\r\n[0] \xfe\n");
}

/// Long lines of both streams of all nodes, into one pipe.
#[test]
fn no_line_gets_into_another() {
    let mut command = script(
        &["-n", "4"],
        "line=$(printf '%05000d' $GOSSAMER_NODE); for i in 1 2 3 4 5 6 7 8 9; do echo $line; echo \
         $line >&2; done",
    );
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    command.stdout(writer.try_clone().expect("a pipe"));
    command.stderr(writer);
    let mut child = command.spawn().expect("the launcher starts");
    drop(command);
    let mut all = Vec::new();
    std::io::Read::read_to_end(&mut reader, &mut all).expect("it can be read");
    assert!(child.wait().expect("it ends").success());
    let lines = lines(&all);
    assert_eq!(lines.len(), 4 * 9 * 2);
    for (place, line) in lines.iter().enumerate() {
        let node = place / 18;
        assert_eq!(*line, format!("[{node}] {node:05000}"));
    }
}

#[test]
fn node_0_reads_what_the_launcher_is_given() {
    let mut command = script(&["-n", "2"], "cat; echo end");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the launcher starts");
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(b"for node 0\n").expect("it is read");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        lines(&output.stdout),
        ["[0] end", "[0] for node 0", "[1] end"]
    );
}

/// As with any command before `head`: whoever says more is ended by the system.
#[test]
fn nobody_reads_what_nodes_say() {
    let mut command = script(&["-n", "2"], "while echo more; do :; done");
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the launcher starts");
    drop(child.stdout.take());
    let status = child.wait().expect("it ends");
    assert!(!status.success());
}

#[test]
fn what_was_said_before_the_end_is_printed() {
    let launched = Launched::start(script(
        &["-n", "2"],
        "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line; done",
    ));
    let (status, text, _) = launched.end();
    assert!(status.success());
    assert_eq!(text.lines().count(), 40_000);
}
