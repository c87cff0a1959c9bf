//! Signals that come to the launcher.

use std::os::unix::process::CommandExt;

use rustix::process::Signal;

use crate::launched::{Launched, await_ends, gossamer, script};

#[test]
fn signals_go_to_all_nodes() {
    for (signal, name) in [
        (Signal::INT, "INT"),
        (Signal::TERM, "TERM"),
        (Signal::HUP, "HUP"),
    ] {
        if is_ignored(signal) {
            continue; // by whoever has started this test, and so by the launcher
        }
        let text = format!(
            "trap 'echo got {name}; exit 4' {name}; echo ready; while :; do sleep 1000 & wait; done"
        );
        let mut launched = Launched::start(script(&["-n", "2"], &text));
        assert_eq!(
            (launched.hears(), launched.hears()),
            ("ready".into(), "ready".into())
        );
        launched.signal(signal);
        let (status, text, errors) = launched.end();
        assert_eq!(status.code(), Some(4), "{errors}");
        assert_eq!(text.matches(&format!("got {name}")).count(), 2);
        assert_eq!(errors, "", "the user knows");
    }
}

fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("it runs");
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let set = u64::from_str_radix(set.expect("it is there").trim(), 16).expect("a set");
    set >> (signal.as_raw() - 1) & 1 == 1
}

#[test]
fn node_0_is_ended_by_a_signal_that_was_passed_on() {
    let mut launched = Launched::start(script(&["-n", "2"], "echo $$; exec sleep 1000000"));
    let processes = launched.hears_of_processes(2);
    launched.signal(Signal::TERM);
    let (status, ..) = launched.end();
    await_ends(&processes);
    assert_eq!(status.code(), Some(128 + 15));
}

/// As `nohup` has it: what the launcher is told to ignore, it does, and so do the nodes.
#[test]
fn ignored_signals_are_not_passed_on() {
    let launcher = gossamer(&[]).get_program().to_owned();
    let mut command = std::process::Command::new("sh");
    command
        .args([
            "-c",
            "trap '' HUP; exec \"$0\" run -n 1 -- sh -c 'echo $$; exec sleep 1000000'",
        ])
        .arg(launcher)
        .process_group(0);
    let mut launched = Launched::start(command);
    let processes = launched.hears_of_processes(1);
    launched.signal(Signal::HUP);
    launched.signal(Signal::TERM);
    let (status, ..) = launched.end();
    await_ends(&processes);
    assert_eq!(status.code(), Some(128 + 15), "not that of the first");
}
