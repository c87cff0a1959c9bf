//! How long programs take to start, and how fast executables travel. It claims nothing:
//! `cargo test -p gossamer-cli --release --test daemon -- pace --ignored --nocapture`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::rack::Rack;

#[test]
#[ignore = "it prints figures"]
fn pace_of_starts_and_transfers() {
    let Some(rack) = Rack::start(2) else { return };
    rack.says(0, &["run", "--", "true"]);
    let starts = timed(20, |_| drop(rack.says(0, &["run", "--", "true"])));
    println!("two nodes from start to end: {starts:?} (median of 20)");
    let script = |number: usize| {
        let path = rack.folder().join(format!("script{number}"));
        path.to_str().expect("text").to_owned()
    };
    for number in 0..TRANSFERS {
        let mut text = format!("#!/bin/sh\n# {number}\nexit\n").into_bytes();
        text.resize(BYTES, b'x');
        fs::write(script(number), text).expect("there is room");
        fs::set_permissions(script(number), Permissions::from_mode(0o755)).expect("it is ours");
    }
    let transfers = timed(TRANSFERS, |number| {
        rack.says(0, &["run", "--hosts", "b", "--", &script(number)]);
    });
    let speed = BYTES as f64 / 1e6 / transfers.saturating_sub(starts).as_secs_f64();
    println!(
        "{BYTES} bytes to one host and a start: {transfers:?}, {speed:.0} MB/s (median of {TRANSFERS})"
    );
}

/// The median.
fn timed(times: usize, mut f: impl FnMut(usize)) -> Duration {
    let mut took: Vec<_> = (0..times)
        .map(|number| {
            let began = Instant::now();
            f(number);
            began.elapsed()
        })
        .collect();
    took.sort();
    took[times / 2]
}

const TRANSFERS: usize = 5;
const BYTES: usize = 64 << 20;
