//! A launcher that is killed takes all with it: its nodes, and what those have started.

use rustix::process::Signal;

use crate::launched::{Launched, await_ends, script};

#[test]
fn nothing_is_left_of_a_launcher_that_was_killed() {
    let text = "trap '' TERM HUP; sleep 1000000 & echo $$; echo $!; wait";
    let mut launched = Launched::start(script(&["-n", "3"], text));
    let processes = launched.hears_of_processes(6);
    launched.signal(Signal::KILL);
    await_ends(&processes);
    let (status, ..) = launched.end();
    assert_eq!(status.code(), None);
}

/// At any moment of its start: whoever holds the other end of this pipe has ended when it ends.
#[test]
fn launcher_that_is_killed_while_it_starts_nodes() {
    for round in 0..40_u64 {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = script(&["-n", "4"], "sleep 1000000 & exec sleep 1000000");
        // What the launcher is given to read, node 0 and its children hold.
        command.stdin(writer).stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null());
        let mut child = command.spawn().expect("the launcher starts");
        drop(command);
        // Some work, more of it each round, so that the moments differ.
        let mut sum = round;
        for number in 0..round * 40_000 {
            sum = std::hint::black_box(sum ^ number);
        }
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        let mut nothing = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut nothing).expect("it can be read");
    }
}
