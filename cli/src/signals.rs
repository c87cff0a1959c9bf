//! The signals that are passed on to the nodes.

use std::fs;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Those that this process does not ignore: under `nohup`, and in the background of a script, it
/// is told to.
pub(crate) fn forwarded() -> Vec<i32> {
    let mut signals = vec![SIGINT, SIGTERM, SIGHUP];
    let ignored = ignored(&signals);
    signals.retain(|signal| !ignored.contains(signal));
    signals
}

/// Those of these that this process ignores.
pub(crate) fn ignored(signals: &[i32]) -> Vec<i32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = set_of_ignored(&status);
    let mut signals = signals.to_vec();
    signals.retain(|signal| ignored >> (signal - 1) & 1 == 1);
    signals
}

/// As a set of bits, from 1.
fn set_of_ignored(status: &str) -> u64 {
    let mut lines = status.lines();
    let digits = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    digits
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals() {
        let status = "Name:\tgossamer\nSigIgn:\t0000000000001003\nSigCgt:\t0000000000000000\n";
        let ignored = set_of_ignored(status);
        for signal in [SIGHUP, SIGINT] {
            assert_eq!(ignored >> (signal - 1) & 1, 1);
        }
        assert_eq!(ignored >> (SIGTERM - 1) & 1, 0);
    }
}
