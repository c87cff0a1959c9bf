//! A critical section: how long an operation keeps its object.

use std::hint::{black_box, spin_loop};
use std::time::{Duration, Instant};

/// What an operation does beside its few instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Section {
    Nothing,
    /// One hint to the core that it waits.
    Pause,
    /// So many turns of an empty loop.
    Turns(u64),
}

impl Section {
    #[inline(always)]
    pub(crate) fn spend(self) {
        match self {
            Self::Nothing => {}
            Self::Pause => spin_loop(),
            Self::Turns(turns) => turn(turns),
        }
    }
}

/// Counted in turns and not by a clock, which costs as much as a short section.
#[inline(never)]
fn turn(turns: u64) {
    for turn in 0..turns {
        black_box(turn);
    }
}

/// How many turns there are in a microsecond here, in the fastest of some trials.
pub(crate) fn turns_per_micro() -> u64 {
    const TURNS: u64 = 100_000;
    let trials = (0..30).map(|_| {
        let start = Instant::now();
        turn(TURNS);
        start.elapsed()
    });
    let fastest = trials.min().expect("some").max(Duration::from_micros(1));
    (TURNS as f64 / (fastest.as_secs_f64() * 1e6)) as u64
}
