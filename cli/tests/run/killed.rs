//! A launcher that is killed takes all with it: its nodes, and what those have started.

use std::io::Read;
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use crate::launched::{Launched, await_ends, gossamer, script};

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

/// At any moment of its start. All that it starts, and all that those start, have the other end of
/// a pipe, which ends when none of them is left.
#[test]
fn launcher_that_is_killed_while_it_starts_nodes() {
    for round in 0..60_u64 {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        // The shell hands its output on under a number that nobody closes: to this launcher alone.
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" \"$@\" 3>&1 >/dev/null"])
            .arg(gossamer(&[]).get_program())
            .args(["run", "-n", "4", "--"])
            .args(["sh", "-c", "sleep 1000000 & exec sleep 1000000"])
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("the launcher starts");
        drop(command);
        // Some work, more of it each round, so that the moments differ.
        let mut sum = round;
        for number in 0..round * 40_000 {
            sum = std::hint::black_box(sum ^ number);
        }
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        let mut interest = [PollFd::new(&reader, PollFlags::IN)];
        let limit = Timespec {
            tv_sec: 60,
            tv_nsec: 0,
        };
        let ended = poll(&mut interest, Some(&limit)).expect("it can be waited for");
        assert_eq!(ended, 1, "a process is left behind in round {round}");
        assert_eq!(reader.read(&mut [0]).expect("it can be read"), 0);
    }
}
