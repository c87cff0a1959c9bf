//! The limit of one request: what a cache line costs between the two cores.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::harness::machine::{Machine, on_threads};

/// Round trips a second of one cache line between the two cores.
pub(crate) fn run(machine: &Machine, millis: u64) -> f64 {
    #[repr(align(128))]
    struct Line(AtomicU64);
    let line = Line(AtomicU64::new(0));
    let stop = u64::MAX;
    on_threads(machine, 2, millis, |side, clock| {
        let mut round = 0;
        if side == 0 {
            while round % 1024 != 0 || !clock.is_over() {
                line.0.store(2 * round + 1, Ordering::Release);
                while line.0.load(Ordering::Acquire) == 2 * round + 1 {}
                round += 1;
            }
            line.0.store(stop, Ordering::Release);
            return round;
        }
        let mut seen = 0;
        loop {
            let value = line.0.load(Ordering::Acquire);
            if value == stop {
                return 0;
            }
            if value != seen {
                seen = value + 1;
                line.0.store(seen, Ordering::Release);
            }
        }
    })
    .rate
}
