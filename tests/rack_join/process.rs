//! Processes that are started to be nodes, and how they end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::rack::{self, Port};

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Outcome(Output);

impl Outcome {
    pub(crate) fn joined(&self, says: &str) {
        let output = String::from_utf8_lossy(&self.0.stdout);
        assert!(self.0.status.success(), "{self:?}");
        assert!(output.contains(says), "{output}");
    }

    pub(crate) fn failed(&self, says: &str) {
        let error = self.error();
        assert_eq!(self.0.status.code(), Some(1), "{error}");
        assert!(error.contains(says), "{error}");
        assert!(error.starts_with("error: "), "{error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }

    pub(crate) fn says(&self, what: &str) -> bool {
        self.error().contains(what)
    }

    /// The hashes that it names, in order.
    pub(crate) fn hashes(&self) -> Vec<String> {
        let error = self.error();
        let words = error.split(|char: char| !char.is_ascii_hexdigit());
        words
            .filter(|word| word.len() == 32)
            .map(String::from)
            .collect()
    }

    fn error(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

/// A process without any word of a rack.
pub(crate) fn plain() -> Command {
    node_of(&this_executable())
}

pub(crate) fn node(port: &Port, node: u32, nodes: u32) -> Command {
    let mut command = plain();
    tell(&mut command, port, node, nodes);
    command
}

pub(crate) fn tell(command: &mut Command, port: &Port, node: u32, nodes: u32) {
    command
        .env("GOSSAMER_NODE", node.to_string())
        .env("GOSSAMER_NODES", nodes.to_string())
        .env("GOSSAMER_RENDEZVOUS", port.address().to_string())
        .env("GOSSAMER_RENDEZVOUS_RESERVED", "true")
        .env("GOSSAMER_KEY", KEY);
}

pub(crate) fn node_of(executable: &Path) -> Command {
    rack::command(executable, "body_of_a_node")
}

/// Lets all of them run at once, to their ends.
pub(crate) fn finish(commands: Vec<Command>) -> Vec<Outcome> {
    finish_with(commands, || ())
}

/// Lets all of them run at once, to their ends, and does something meanwhile.
pub(crate) fn finish_with(commands: Vec<Command>, meanwhile: impl FnOnce()) -> Vec<Outcome> {
    let started = commands
        .into_iter()
        .map(|mut command| command.spawn().expect("it starts"));
    let started: Vec<_> = started.collect();
    meanwhile();
    let ended = started
        .into_iter()
        .map(|child| child.wait_with_output().expect("it ends"));
    ended.map(Outcome).collect()
}

pub(crate) fn this_executable() -> PathBuf {
    std::env::current_exe().expect("a test has a path")
}

/// Of all nodes here.
pub(crate) const KEY: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
