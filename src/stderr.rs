//! Standard error: what the library has to say to whoever runs the program.

use std::fmt::Arguments;
use std::io::{Write, stderr};

/// Writes a line there, at once, so that it is whole also if the process is killed meanwhile.
///
/// Whoever has read it may be gone, as the other end of a pipe: then nobody is told, and the
/// program goes on. `eprintln!` would panic.
pub(crate) fn say(line: Arguments<'_>) {
    let _ = stderr().write_all(format!("{line}\n").as_bytes());
}
