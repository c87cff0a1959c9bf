//! The processes of programs, as the system knows them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// All processes whose environment says all of these.
pub(crate) fn marked(marks: &[String]) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").expect("it is mounted").flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_marked = |pid: &Pid| {
        let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
        let environment = fs::read(path).unwrap_or_default();
        let has = |mark: &String| {
            environment
                .split(|byte| *byte == 0)
                .any(|v| v == mark.as_bytes())
        };
        marks.iter().all(has)
    };
    numbers
        .filter_map(Pid::from_raw)
        .filter(is_marked)
        .collect()
}

/// Of the programs that the daemon with this folder has started.
pub(crate) fn of_daemon(folder: &Path) -> Vec<Pid> {
    marked(&[mark(folder)])
}

/// Of one node of a program.
pub(crate) fn of_node(folder: &Path, program: &str, node: usize) -> Vec<Pid> {
    marked(&[
        mark(folder),
        format!("GOSSAMER_PROGRAM={program}"),
        format!("GOSSAMER_NODE={node}"),
    ])
}

pub(crate) fn kill(pid: Pid, signal: Signal) {
    // It may have ended by itself.
    let _ = kill_process(pid, signal);
}

fn mark(folder: &Path) -> String {
    let folder = fs::canonicalize(folder).expect("it is there");
    let metadata = fs::metadata(&folder).expect("it is there");
    let (device, inode) = (metadata.dev(), metadata.ino());
    let folder = folder.display();
    format!("GOSSAMER_DAEMON_FOLDER={folder}:{device}:{inode}")
}
