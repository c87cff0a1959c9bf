//! Executables, where there is little room for them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::faults::await_loss;
use crate::lives::Launched;
use crate::rack::{Rack, await_until};

#[test]
fn executable_that_is_larger_than_the_cache() {
    let Some(mut rack) = Rack::start(2) else {
        return;
    };
    rack.lose_daemon(1, 0);
    fs::remove_file(rack.state(1).join("address")).expect("it was killed");
    rack.start_daemon(1, &["--cache-bytes", "100000"]);
    rack.await_hosts(0, 2);
    let (status, text) = rack.fails(0, &["run", "--", env!("CARGO_BIN_EXE_gossamer"), "--help"]);
    assert!(text.contains("the cache of host b holds 100000"), "{text}");
    assert_eq!(status, Some(125));
    // What fits takes turns.
    for number in 0..5 {
        let script = rack.folder().join(format!("script{number}"));
        let text = format!(
            "#!/bin/sh\n# {}\necho number {number}\n",
            "x".repeat(40_000)
        );
        fs::write(&script, text).expect("there is room");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&script, mode).expect("it is ours");
        let said = rack.says(0, &["run", "--", script.to_str().expect("text")]);
        assert!(said.contains(&format!("[1@b] number {number}")), "{said}");
        let kept = fs::read_dir(rack.state(1).join("cache"))
            .expect("a folder")
            .count();
        assert!(kept <= 2);
    }
    (0..2).for_each(|host| rack.await_nothing(host));
}

#[test]
fn disk_that_is_full() {
    let Some(mut rack) = Rack::start(2) else {
        return;
    };
    fill_disk(&mut rack);
}

/// That of host b: it says so, and all others go on.
pub(crate) fn fill_disk(rack: &mut Rack) {
    rack.lose_daemon(1, 0);
    let cache = rack.state(1).join("cache");
    let mut mount = Command::new("mount");
    mount
        .args(["-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs"])
        .arg(&cache);
    if !mount.status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED a full disk, as no file system can be mounted");
        rack.restart_daemon(1);
        return;
    }
    let mounted = Mounted(cache);
    rack.restart_daemon(1);
    rack.await_hosts(0, rack.hosts());
    let run = ["run", "--hosts", "a,b", "--"];
    for _ in 0..3 {
        let program = [&run[..], &[env!("CARGO_BIN_EXE_gossamer"), "--help"]].concat();
        let (status, text) = rack.fails(0, &program);
        assert!(
            text.contains("host b cannot keep the executable in"),
            "{text}"
        );
        assert!(text.contains("No space left on device"), "{text}");
        assert_eq!(status, Some(125));
    }
    (0..2).for_each(|host| rack.await_nothing(host));
    // The others go on.
    let said = rack.says(0, &["run", "--hosts", "a", "--", "sh", "-c", "echo here"]);
    assert_eq!(said, "[0@a] here\n");
    rack.lose_daemon(1, 0);
    drop(mounted);
    rack.restart_daemon(1);
}

#[test]
fn executable_that_does_not_come_to_its_end() {
    let Some(mut rack) = Rack::start(2) else {
        return;
    };
    for (number, is_daemon_killed) in [(0, false), (1, true)] {
        break_off(&mut rack, number, is_daemon_killed);
        (0..2).for_each(|host| rack.await_hosts(host, 2));
        (0..2).for_each(|host| rack.await_only(host, &[]));
    }
}

/// Whoever sends it to host b is killed, or who takes it; if all of it was sent by then, it ends
/// with that, too.
pub(crate) fn break_off(rack: &mut Rack, number: u64, is_daemon_killed: bool) {
    let script = rack.folder().join(format!("sent{number}"));
    let mut text = format!("#!/bin/sh\n# {number}\nexec sleep 1000000\n").into_bytes();
    text.resize(SENT_BYTES, b'x');
    fs::write(&script, text).expect("there is room");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let cache = rack.state(1).join("cache");
    let before = bytes_of(&cache);
    let mut command = rack.on(0, &["run", "--hosts", "b", "--"]);
    let launched = Launched::start(rack, 0, command.arg(&script));
    await_until("it comes", || bytes_of(&cache) > before);
    match is_daemon_killed {
        true => rack.kill_daemon(1),
        false => launched.signal(Signal::KILL),
    }
    let (status, errors) = launched.end();
    assert!(!status.success());
    fs::remove_file(script).expect("it is ours");
    if is_daemon_killed {
        let [sent, ran] = [
            "the daemon at 10.77.0.2:7410 ",
            "node 0 on b is lost: the daemon of its host has ended",
        ];
        assert!(errors.contains(sent) || errors.contains(ran), "{errors}");
        await_loss(rack, 1);
        rack.restart_daemon(1);
    }
}

fn bytes_of(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).expect("it is there").flatten();
    let bytes = |file: fs::DirEntry| file.metadata().map_or(0, |file| file.len()); // it has gone
    files.map(bytes).sum()
}

struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        // Also while the daemon has it open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// More than is sent before anybody looks.
const SENT_BYTES: usize = 24 << 20;
