//! What a started process does before it becomes a node: it ties its life to the launcher's.
//!
//! It then executes the program, in the same process. Whether the launcher has died before is
//! looked at last: from then on its death kills this process, and the guard what it has started.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::guard::{self, Guard};
use crate::program::STATUS_NOT_EXECUTABLE;

/// The command that makes `program`, which was found in that file, a node.
pub(crate) fn command(program: &[OsString], found: &Path, guard: &Guard) -> Command {
    let pipe = guard.pipe().expect("it is not dismissed while nodes start");
    let mut command = Command::new(THIS_EXECUTABLE);
    command
        .arg(WORD)
        .arg(std::process::id().to_string())
        .arg(pipe.to_string())
        .arg(found)
        .args(program)
        // Signals of the terminal come to the launcher, which passes them on.
        .process_group(0);
    command
}

/// Of the process that was started: the launcher, its pipe to the guard, the file, the program's
/// name and its arguments.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut number = || arguments.next()?.to_str()?.parse().ok();
    let (launcher, pipe) = (number(), number());
    let (Some(launcher), Some(pipe)) = (launcher, pipe) else {
        return not_for_users();
    };
    let (Some(file), Some(name)) = (arguments.next(), arguments.next()) else {
        return not_for_users();
    };
    let tied = set_parent_process_death_signal(Some(Signal::KILL)).map_err(Into::into);
    let tied = tied.and_then(|()| guard::register(launcher, pipe));
    if getppid().map(|parent| parent.as_raw_nonzero().get()) != Some(launcher) {
        return ExitCode::FAILURE; // nobody is there to be told
    }
    if let Err(error) = tied {
        eprintln!("gossamer: a node cannot be tied to the launcher: {error}");
        return ExitCode::FAILURE;
    }
    let mut program = Command::new(&file);
    program.arg0(name).args(arguments);
    let error = execute(&mut program);
    let file = file.display();
    eprintln!("gossamer: `{file}` cannot be executed: {error}");
    ExitCode::from(STATUS_NOT_EXECUTABLE)
}

/// A file that was just written is busy for as long as some process, between its start and its
/// program, has it open as well.
fn execute(program: &mut Command) -> io::Error {
    let deadline = Instant::now() + BUSY_TIME_MAX;
    loop {
        let error = program.exec();
        if error.kind() != io::ErrorKind::ExecutableFileBusy || Instant::now() >= deadline {
            return error;
        }
        std::thread::sleep(PAUSE);
    }
}

fn not_for_users() -> ExitCode {
    eprintln!("gossamer: `{WORD}` is for the launcher's own use");
    ExitCode::FAILURE
}

const BUSY_TIME_MAX: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(2);

pub(crate) const WORD: &str = "__node";

/// Also if the file has another name by now, or none.
pub(crate) const THIS_EXECUTABLE: &str = "/proc/self/exe";
