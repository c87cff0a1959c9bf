//! A process that outlives the launcher by a moment, to end what it leaves behind.
//!
//! The system kills each node when the launcher dies, but not what that node has started. The
//! guard knows the process groups, and kills them when the pipe from the launcher ends before the
//! launcher has said that all is over.

use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::node::THIS_EXECUTABLE;

/// The launcher's end.
pub(crate) struct Guard {
    process: Child,
    /// Until it is dismissed.
    pipe: Option<ChildStdin>,
}

impl Guard {
    pub(crate) fn start() -> io::Result<Self> {
        let mut process = Command::new(THIS_EXECUTABLE)
            .arg(WORD)
            .stdin(Stdio::piped())
            // So that whoever reads the launcher's output does not wait for the guard.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = process.stdin.take();
        Ok(Self { process, pipe })
    }

    pub(crate) fn watch(&mut self, group: Pid) -> io::Result<()> {
        match &mut self.pipe {
            Some(pipe) => writeln!(pipe, "{}", group.as_raw_nonzero()),
            None => Ok(()),
        }
    }

    /// Nothing is left to be ended.
    pub(crate) fn dismiss(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // If it is gone already, it has nothing to do either.
            let _ = writeln!(pipe, "{DISMISSED}");
            drop(pipe);
            let _ = self.process.wait();
        }
    }
}

/// Of the guard's process.
pub(crate) fn main() -> ExitCode {
    let mut groups = Vec::new();
    for line in io::stdin().lock().lines() {
        match line {
            Ok(line) if line == DISMISSED => return ExitCode::SUCCESS,
            Ok(line) => groups.extend(line.parse().ok().and_then(Pid::from_raw)),
            Err(_) => break,
        }
    }
    for group in groups {
        // It may have ended by itself.
        let _ = kill_process_group(group, Signal::KILL);
    }
    ExitCode::SUCCESS
}

pub(crate) const WORD: &str = "__guard";

const DISMISSED: &str = "dismissed";
