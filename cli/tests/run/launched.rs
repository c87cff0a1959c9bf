//! A launcher under test.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// `gossamer run` with these options; its nodes run a script.
pub(crate) fn script(options: &[&str], script: &str) -> Command {
    let mut command = gossamer(&["run"]);
    command.args(options).args(["--", "sh", "-c", script]);
    command
}

pub(crate) fn gossamer(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gossamer"));
    command
        .args(arguments)
        .env_remove("GOSSAMER_GRACE")
        .stdin(Stdio::null());
    command
}

pub(crate) fn finish(mut command: Command) -> Output {
    command.output().expect("the launcher starts")
}

/// Its lines, in an order that does not depend on which node was first.
pub(crate) fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<_> = text.lines().map(String::from).collect();
    lines.sort();
    lines
}

/// One that runs.
pub(crate) struct Launched {
    process: Child,
    output: BufReader<ChildStdout>,
    errors: ChildStderr,
}

impl Launched {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the launcher starts");
        let output = process.stdout.take().expect("it is piped");
        let errors = process.stderr.take().expect("it is piped");
        Self {
            process,
            output: BufReader::new(output),
            errors,
        }
    }

    /// The next line that a node says, without its prefix.
    pub(crate) fn hears(&mut self) -> String {
        self.hears_with_node().1
    }

    fn hears_with_node(&mut self) -> (u32, String) {
        let mut line = String::new();
        let bytes = self.output.read_line(&mut line).expect("text");
        assert!(bytes > 0, "it has ended: {}", self.errors());
        let (node, said) = line.split_once("] ").expect("a prefix");
        let node = node.strip_prefix('[').and_then(|node| node.parse().ok());
        (node.expect("a number"), said.trim_end().to_owned())
    }

    /// Kills a node, once all have said the number of their process as their only line; returns
    /// something that tells the ends of all.
    pub(crate) fn kill_node(&mut self, victim: u32, nodes: usize) -> Vec<OwnedFd> {
        let said: Vec<_> = (0..nodes).map(|_| self.hears_with_node()).collect();
        let processes = said.into_iter().map(|(node, number)| {
            let process = Pid::from_raw(number.parse().expect("a number"));
            (node, process.expect("a process"))
        });
        let processes: Vec<_> = processes.collect();
        let ends = processes
            .iter()
            .map(|(_, process)| pidfd_open(*process, PidfdFlags::empty()).expect("it lives"))
            .collect();
        let found = processes.iter().find(|(node, _)| *node == victim);
        let (_, process) = found.expect("it has said its number");
        kill_process(*process, Signal::KILL).expect("it lives");
        ends
    }

    /// Numbers of processes that nodes say, one a line, each as something that tells its end.
    pub(crate) fn hears_of_processes(&mut self, count: usize) -> Vec<OwnedFd> {
        let processes = (0..count).map(|_| {
            let number = self.hears().parse().expect("a number");
            let process = Pid::from_raw(number).expect("a process");
            pidfd_open(process, PidfdFlags::empty()).expect("it lives")
        });
        processes.collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("it runs");
    }

    /// Its status, and what is left of what it says.
    pub(crate) fn end(mut self) -> (ExitStatus, String, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("text");
        let errors = self.errors();
        (self.process.wait().expect("it ends"), rest, errors)
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        self.errors.read_to_string(&mut text).expect("text");
        text
    }
}

/// Returns when all of them have ended; fails if that takes so long that something is wrong.
pub(crate) fn await_ends(processes: &[OwnedFd]) {
    for process in processes {
        let mut interest = [PollFd::new(process, PollFlags::IN)];
        let limit = Timespec {
            tv_sec: 60,
            tv_nsec: 0,
        };
        let ended = poll(&mut interest, Some(&limit)).expect("it can be waited for");
        assert_eq!(ended, 1, "a process is left behind");
    }
}
