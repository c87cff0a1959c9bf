//! The machine: which cores are used, and two threads on them.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

/// What is measured on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) model: String,
    pub(crate) cores: usize,
    /// The two cores that the benchmark uses.
    pub(crate) pair: [usize; 2],
}

impl Machine {
    /// # Panics
    /// If the process may use fewer than two cores.
    pub(crate) fn detect() -> Self {
        let allowed = gossamer_executor::allowed_cores().expect("the cores can be read");
        assert!(allowed.len() >= 2, "this benchmark needs two cores");
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .unwrap_or("?");
        let model = model.trim_start_matches(['\t', ' ', ':']).to_owned();
        Self {
            model,
            cores: allowed.len(),
            pair: [allowed[0], allowed[1]],
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, cores, pair } = self;
        write!(f, "{model}, {cores} cores; pinned to {pair:?}")
    }
}

/// Binds the calling thread to a core.
pub(crate) fn pin(core: usize) {
    gossamer_executor::pin_to(core).expect("the core is allowed");
}

/// Runs `side` on both cores at once for so long, and returns operations a second in all.
///
/// Each side gets its index and a function that says when to stop, and returns what it has done.
pub(crate) fn on_both(
    machine: &Machine,
    millis: u64,
    side: impl Fn(usize, &Clock) -> u64 + Sync,
) -> f64 {
    let barrier = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        let threads = [0, 1].map(|index| {
            let (side, barrier, core) = (&side, &barrier, machine.pair[index]);
            scope.spawn(move || {
                pin(core);
                barrier.wait();
                let clock = Clock::start(millis);
                let done = side(index, &clock);
                done as f64 / clock.elapsed()
            })
        });
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a side ran"))
            .sum()
    })
}

/// Says when a run is over.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    length: Duration,
}

impl Clock {
    pub(crate) fn start(millis: u64) -> Self {
        Self {
            start: Instant::now(),
            length: Duration::from_millis(millis),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.start.elapsed() >= self.length
    }

    /// Seconds since the start.
    pub(crate) fn elapsed(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}
