//! What a started process does before it becomes a node: it ties its life to the launcher's.
//!
//! It then executes the program, in the same process. That the launcher may have died before is
//! looked at afterwards: from then on its death kills this process.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::program::STATUS_NOT_EXECUTABLE;

/// The command that makes `program` a node, which is known by `name`.
pub(crate) fn command(program: &[OsString], found: &std::path::Path) -> Command {
    let mut command = Command::new(THIS_EXECUTABLE);
    command
        .arg(WORD)
        .arg(std::process::id().to_string())
        .arg(found)
        .args(program)
        // Signals of the terminal come to the launcher, which passes them on.
        .process_group(0);
    command
}

/// Of the process that was started: the launcher, the file, the program's name and its arguments.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let launcher = arguments.next().and_then(|id| id.to_str()?.parse().ok());
    let (Some(launcher), Some(file), Some(name)) = (launcher, arguments.next(), arguments.next())
    else {
        eprintln!("gossamer: `{WORD}` is for the launcher's own use");
        return ExitCode::FAILURE;
    };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        eprintln!("gossamer: a node cannot be tied to the launcher: {error}");
        return ExitCode::FAILURE;
    }
    if getppid().map(Pid::as_raw_nonzero).map(i32::from) != Some(launcher) {
        return ExitCode::FAILURE; // nobody is there to be told
    }
    let error = Command::new(&file).arg0(name).args(arguments).exec();
    let file = file.display();
    eprintln!("gossamer: `{file}` cannot be executed: {error}");
    ExitCode::from(STATUS_NOT_EXECUTABLE)
}

pub(crate) const WORD: &str = "__node";

/// Also if the file has another name by now, or none.
pub(crate) const THIS_EXECUTABLE: &str = "/proc/self/exe";
