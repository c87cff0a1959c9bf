//! A launcher that is killed takes all with it: its nodes, and what those have started.

use std::io::Read;
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};
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

/// At any moment of its start. All that it starts, and all that those start, have the other end of
/// a pipe, which ends when none of them is left.
#[test]
fn launcher_that_is_killed_while_it_starts_nodes() {
    for round in 0..60_u64 {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = script(&["-n", "4"], "sleep 1000000 & exec sleep 1000000");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        fcntl_setfd(&writer, FdFlags::empty()).expect("it is open");
        let mut child = command.spawn().expect("the launcher starts");
        drop(writer);
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
