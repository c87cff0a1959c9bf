//! Processes of programs that nobody watches any more: those that have left the group of their
//! node, and all that a daemon has left that was killed.
//!
//! They are found by their environment, which names the folder of their daemon and their program,
//! and which they hand on to what they start.

use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Kills all processes in whose environment all of these stand, again and again until none is left.
pub(crate) fn end(marks: &[String]) {
    for _ in 0..ROUNDS_MAX {
        let mut found = false;
        for process in processes() {
            // Before its environment is read: so that the signal comes to none but that process.
            let Ok(descriptor) = pidfd_open(process, PidfdFlags::empty()) else {
                continue; // it has ended
            };
            if is_marked(process, marks) {
                found = true;
                // It may have ended by itself.
                let _ = pidfd_send_signal(&descriptor, Signal::KILL);
            }
        }
        if !found {
            return;
        }
        std::thread::yield_now();
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

/// What has ended and is not waited for has no environment.
fn is_marked(process: Pid, marks: &[String]) -> bool {
    let path = format!("/proc/{}/environ", process.as_raw_nonzero());
    let Ok(environment) = fs::read(path) else {
        return false; // it has ended, or is another user's
    };
    let has = |mark: &String| {
        environment
            .split(|byte| *byte == 0)
            .any(|v| v == mark.as_bytes())
    };
    marks.iter().all(has)
}

/// What starts processes faster than they are killed is not waited for.
const ROUNDS_MAX: u32 = 1000;

#[cfg(test)]
mod tests {
    use std::io::Read;
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
}
