//! Processes of programs that nobody watches any more: those that have left the group of their
//! node, and all that a daemon has left that was killed.
//!
//! They are found by their environment, which names the folder of their daemon and their program,
//! and which they hand on to what they start.

use std::fs::{self, File};
use std::io::{self, Read};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Kills all processes in whose environment all of these stand, again and again until none is left.
pub(crate) fn end(marks: &[String]) {
    for _ in 0..ROUNDS_MAX {
        let mut is_over = true;
        for process in processes() {
            // Before its environment is read: so that the signal comes to none but that process.
            let Ok(descriptor) = pidfd_open(process, PidfdFlags::empty()) else {
                continue; // it has ended
            };
            match environment(process) {
                Some(environment) if !has_all(&environment, marks) => {}
                Some(_) => {
                    is_over = false;
                    // It may have ended by itself.
                    let _ = pidfd_send_signal(&descriptor, Signal::KILL);
                }
                None => is_over = false,
            }
        }
        if is_over {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let own = rustix::process::getpid();
    processes
        .filter_map(Pid::from_raw)
        .filter(move |pid| *pid != own)
}

/// The environment of a process; nothing while it becomes another program: until that has its
/// environment, the system shows an empty one.
fn environment(process: Pid) -> Option<Vec<u8>> {
    let file = |name| format!("/proc/{}/{name}", process.as_raw_nonzero());
    let read = || read_at_once(&file("environ")).unwrap_or_default(); // another user's
    let environment = read();
    // What has ended and is not waited for has no program either, nor have the kernel's own.
    if !environment.is_empty() || fs::read_link(file("exe")).is_err() {
        return Some(environment);
    }
    // A name need not be text.
    let stat = || fs::read(file("stat")).unwrap_or_default();
    let place = || place(&String::from_utf8_lossy(&stat()));
    let before = place()?;
    // Twice, as where memory is not laid out at random the next may have it in the same place.
    for _ in 0..2 {
        let environment = read();
        if !environment.is_empty() {
            return Some(environment);
        }
        if place() != Some(before) {
            return None;
        }
    }
    Some(environment)
}

/// All of an environment by one call: between two of them it may go away, and look as if it ended.
fn read_at_once(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let length = File::open(path)?.read(&mut bytes)?;
        if length < bytes.len() {
            bytes.truncate(length);
            return Ok(bytes);
        }
        bytes.resize(2 * length, 0);
    }
}

/// Where in its memory the environment of a process lies, which each program has elsewhere; nothing
/// until its code has a place, too, which comes after the environment.
fn place(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut places = after_name.split_ascii_whitespace().skip(23);
    let code: u64 = places.next()?.parse().ok()?;
    let environment = places.nth(23)?.parse().ok()?;
    (code != 0).then_some(environment)
}

fn has_all(environment: &[u8], marks: &[String]) -> bool {
    let has = |mark: &String| {
        environment
            .split(|byte| *byte == 0)
            .any(|v| v == mark.as_bytes())
    };
    marks.iter().all(has)
}

/// What starts processes faster than they are killed is not waited for.
const ROUNDS_MAX: u32 = 1000;

/// What was killed has not ended yet, and what starts has yet to.
const PAUSE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn found_by_their_environment() {
        let mark = format!("GOSSAMER_TEST_MARK={}", std::process::id());
        let (name, value) = mark.split_once('=').expect("a variable");
        let start = |value: &str| {
            let mut child = Command::new("sh")
                .args(["-c", "setsid sleep 1000000 & echo; wait"])
                .env(name, value)
                .stdout(Stdio::piped())
                .spawn()
                .expect("a shell");
            let mut output = child.stdout.take().expect("piped");
            output.read_exact(&mut [0]).expect("it runs");
            (child, output)
        };
        let (mut ours, mut ends) = start(value);
        let (mut others, _) = start("another");
        end(std::slice::from_ref(&mark));
        // Also what has gone into a session of its own: the pipe ends with the last of them.
        ends.read_to_end(&mut Vec::new()).expect("it ends");
        assert!(!ours.wait().expect("it is ours").success());
        assert_eq!(others.try_wait().expect("it is ours"), None);
        end(&[format!("{name}=another")]);
        others.wait().expect("it is ours");
    }

    /// What is about to become another program has no environment for a moment.
    #[test]
    fn found_while_they_start() {
        let mark = format!("GOSSAMER_TEST_STARTS={}", std::process::id());
        let (name, value) = mark.split_once('=').expect("a variable");
        let again = r#"exec sh -c "$0" "$0""#;
        for _ in 0..200 {
            let mut child = Command::new("sh")
                .args(["-c", again, again])
                .env(name, value)
                .spawn()
                .expect("a shell");
            end(std::slice::from_ref(&mark));
            // Who was found ends by the signal that came first.
            let pid = Pid::from_child(&child);
            rustix::process::kill_process(pid, Signal::TERM).expect("it is not waited for");
            let status = child.wait().expect("it is ours");
            assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
        }
    }

    /// What has none is not taken for what has none yet.
    #[test]
    fn no_environment_at_all() {
        let mut child = Command::new("sleep")
            .arg("1000000")
            .env_clear()
            .spawn()
            .expect("it starts");
        let pid = Pid::from_child(&child);
        let environment = std::iter::repeat(()).find_map(|()| {
            std::thread::yield_now(); // it may still become what sleeps
            environment(pid)
        });
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
        assert_eq!(environment, Some(Vec::new()));
    }
}
