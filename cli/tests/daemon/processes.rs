//! The processes of programs, as the system knows them.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::process::{Pid, Signal, kill_process};

use crate::namespace::Namespace;

/// All processes whose environment says all of these.
pub(crate) fn marked(marks: &[String]) -> Vec<Pid> {
    let is_marked = |pid: &Pid| {
        let environment = fs::read(file(*pid, "environ")).unwrap_or_default();
        let has = |mark: &String| {
            environment
                .split(|byte| *byte == 0)
                .any(|v| v == mark.as_bytes())
        };
        marks.iter().all(has)
    };
    all().filter(is_marked).collect()
}

/// All processes of a host, but its daemon and what that needs.
pub(crate) fn of_host(namespace: &Namespace, daemon: Option<u32>) -> Vec<Pid> {
    let inode = |path: String| fs::metadata(path).ok().map(|metadata| metadata.ino());
    let host = inode(namespace.path());
    let is_of_daemon = |pid: &Pid| {
        let daemon = daemon.map(u32::cast_signed);
        let parent = fs::read_to_string(file(*pid, "stat")).unwrap_or_default();
        // Behind the name, which ends with the last bracket, and the state.
        let parent = parent.rsplit_once(')').map_or("", |(_, rest)| rest);
        let parent = parent.split_whitespace().nth(1);
        let is_child = daemon.is_some() && parent.and_then(|pid| pid.parse().ok()) == daemon;
        Some(pid.as_raw_nonzero().get()) == daemon || is_child && is_guard(*pid)
    };
    all()
        .filter(|pid| host.is_some() && inode(file(*pid, "ns/net")) == host)
        .filter(|pid| !is_of_daemon(pid))
        .collect()
}

/// What ends the processes that a daemon leaves behind.
pub(crate) fn is_guard(pid: Pid) -> bool {
    let line = fs::read(file(pid, "cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|word| word == b"__guard")
}

/// What descriptors and threads a process has.
pub(crate) fn burden(process: u32) -> [Vec<String>; 2] {
    let all = |what, name: fn(PathBuf) -> io::Result<String>| {
        let entries = fs::read_dir(format!("/proc/{process}/{what}")).expect("it runs");
        let entries = entries.flatten().map(|entry| name(entry.path()));
        entries.map(|name| name.unwrap_or_default()).collect() // it has gone meanwhile
    };
    let descriptor = |path| Ok(fs::read_link(path)?.display().to_string());
    let thread = |path: PathBuf| fs::read_to_string(path.join("comm"));
    [all("fd", descriptor), all("task", thread)]
}

fn all() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").expect("it is mounted").flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(Pid::from_raw)
}

fn file(pid: Pid, name: &str) -> String {
    format!("/proc/{}/{name}", pid.as_raw_nonzero())
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
