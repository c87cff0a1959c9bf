//! A process that outlives the launcher by a moment, to end what it leaves behind.
//!
//! The system kills each node when the launcher dies, but not what that node has started. The
//! guard knows the process groups, and kills them when the pipe to it ends before the launcher has
//! said that all is over.
//!
//! **Invariant:** a group is known before its program runs, as the process itself says so: the
//! launcher may die between starting it and saying anything.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, BufRead, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::daemon::remains;
use crate::node::THIS_EXECUTABLE;

/// The launcher's end.
pub(crate) struct Guard {
    process: Child,
    /// Until it is dismissed.
    pipe: Option<ChildStdin>,
}

impl Guard {
    /// One that ends, besides groups, all processes in whose environment a mark stands, if it is
    /// told of one.
    pub(crate) fn start(mark: Option<&str>) -> io::Result<Self> {
        let mut process = Command::new(THIS_EXECUTABLE)
            .arg(WORD)
            .args(mark)
            .stdin(Stdio::piped())
            // So that whoever reads the launcher's output does not wait for the guard.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = process.stdin.take();
        Ok(Self { process, pipe })
    }

    pub(crate) fn process(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// What a process of this launcher must know to [`register`].
    pub(crate) fn pipe(&self) -> Option<i32> {
        self.pipe.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Nothing of a group is left: its number may stand for another one from now on.
    pub(crate) fn forget(&self, group: Pid) {
        if let Some(mut pipe) = self.pipe.as_ref() {
            // If it is gone, it kills nobody.
            let _ = pipe.write_all(format!("-{}\n", group.as_raw_nonzero()).as_bytes());
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

/// Of a process that is the leader of its group: tells the guard of it, by the pipe of its
/// launcher. The guard hears it even if the launcher dies meanwhile, as this end is open then.
pub(crate) fn register(launcher: i32, pipe: i32) -> io::Result<()> {
    let path = format!("/proc/{launcher}/fd/{pipe}");
    let mut pipe = OpenOptions::new().write(true).open(path)?;
    // At once, so that it is not mixed with what others say.
    pipe.write_all(format!("{}\n", std::process::id()).as_bytes())
}

/// Of the guard's process.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mark = arguments.next().and_then(|mark| mark.into_string().ok());
    let mut groups = Vec::new();
    for line in io::stdin().lock().lines() {
        match line {
            Ok(line) if line == DISMISSED => return ExitCode::SUCCESS,
            Ok(line) => match line.strip_prefix('-') {
                Some(gone) => {
                    let gone = gone.parse().ok().and_then(Pid::from_raw);
                    groups.retain(|group| Some(*group) != gone);
                }
                None => groups.extend(line.parse().ok().and_then(Pid::from_raw)),
            },
            Err(_) => break,
        }
    }
    for group in groups {
        // It may have ended by itself.
        let _ = kill_process_group(group, Signal::KILL);
    }
    // What has left its group.
    if let Some(mark) = mark {
        remains::end(&[mark]);
    }
    ExitCode::SUCCESS
}

pub(crate) const WORD: &str = "__guard";

const DISMISSED: &str = "dismissed";
