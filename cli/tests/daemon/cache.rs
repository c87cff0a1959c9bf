//! Executables, where there is little room for them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::rack::Rack;

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

struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        // Also while the daemon has it open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
