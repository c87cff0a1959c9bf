//! How nodes end, what becomes of the others, and the exit status. A node that must not end by
//! itself sleeps for ever, in a process of its own.

use crate::launched::{Launched, await_ends, finish, script};

fn status_and_errors(options: &[&str], text: &str) -> (Option<i32>, String) {
    let output = finish(script(options, text));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), errors)
}

#[test]
fn status_of_node_0() {
    let text = "exit $((GOSSAMER_NODE == 0 ? 7 : 0))";
    let (status, _) = status_and_errors(&["-n", "3"], text);
    assert_eq!(status, Some(7));
    let (status, errors) = status_and_errors(&["-n", "1"], "kill -SEGV $$");
    let says = "gossamer: node 0 was ended by signal 11 (SIGSEGV)\n";
    assert_eq!(
        (status, &*errors),
        (Some(139), says),
        "nobody else is ended"
    );
}

#[test]
fn failure_ends_the_others() {
    let text = "echo $$; exec sleep 1000000";
    let mut launched = Launched::start(script(&["-n", "3"], text));
    let processes = launched.kill_node(1, 3);
    let (status, _, errors) = launched.end();
    await_ends(&processes);
    assert_eq!(status.code(), Some(128 + 9), "of the node that failed");
    assert_eq!(
        errors,
        "gossamer: node 1 was ended by signal 9 (SIGKILL): the other nodes are ended\n"
    );
}

/// They do not care when they are asked to end.
#[test]
fn grace_ends() {
    let text = "trap '' TERM; echo $$; while :; do sleep 1000; done";
    let mut command = script(&["-n", "3"], text);
    command.env("GOSSAMER_GRACE", "0.2");
    let mut launched = Launched::start(command);
    let processes = launched.kill_node(2, 3);
    let (status, ..) = launched.end();
    await_ends(&processes);
    assert_eq!(status.code(), Some(128 + 9));
}

#[test]
fn node_that_stays_when_node_0_has_ended() {
    let text = "[ $GOSSAMER_NODE = 0 ] && { read line; exit 0; }; echo $$; exec sleep 1000000";
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = script(&["-n", "2"], text);
    command.env("GOSSAMER_GRACE", "0.2").stdin(reader);
    let mut launched = Launched::start(command);
    let processes = launched.hears_of_processes(1);
    drop(writer);
    let (status, ..) = launched.end();
    await_ends(&processes);
    assert_eq!(status.code(), Some(0), "node 0 has done its work");
}

#[test]
fn survivors_go_on() {
    let text = "[ $GOSSAMER_NODE = 1 ] && kill -9 $$; read line; exit 0";
    let mut command = script(&["-n", "3", "--on-node-loss", "survive"], text);
    command.stdin(std::process::Stdio::piped());
    let output = command.stderr(std::process::Stdio::piped()).spawn();
    let mut child = output.expect("the launcher starts");
    // Node 0 waits for this until the death of node 1 was told.
    let mut errors = std::io::BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut errors, &mut line).expect("text");
    assert_eq!(line, "gossamer: node 1 was ended by signal 9 (SIGKILL)\n");
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// What a node has started and left does not outlive the rack.
#[test]
fn nothing_is_left_of_a_node_that_ended_well() {
    let text = "sleep 1000000 >/dev/null & echo $!";
    let mut launched = Launched::start(script(&["-n", "2"], text));
    let processes = launched.hears_of_processes(2);
    let (status, ..) = launched.end();
    await_ends(&processes);
    assert!(status.success());
}
