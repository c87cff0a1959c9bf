//! The machine: which cores are used, and threads on them.

use std::fmt;
use std::sync::Barrier;
use std::thread;

use serde::Serialize;

use super::meter::{Clock, Meter, Sample};

/// What is measured on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    model: String,
    /// The cores that the process may use.
    pub(crate) cores: Vec<usize>,
}

impl Machine {
    /// # Panics
    /// If the process may use fewer than two cores.
    pub(crate) fn detect() -> Self {
        let cores = gossamer_executor::allowed_cores().expect("the cores can be read");
        assert!(cores.len() >= 2, "this benchmark needs two cores");
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .unwrap_or("?");
        let model = model.trim_start_matches(['\t', ' ', ':']).to_owned();
        // The first claim counts the cores, and so is not to come from a thread that is pinned.
        drop(gossamer_executor::Claim::new());
        Self { model, cores }
    }

    /// The first two cores, for what needs just two.
    pub(crate) fn pair(&self) -> [usize; 2] {
        [self.cores[0], self.cores[1]]
    }

    /// The core of thread `index`, where there may be more threads than cores.
    pub(crate) fn core(&self, index: usize) -> usize {
        self.cores[index % self.cores.len()]
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, cores } = self;
        write!(f, "{model}, {} cores {cores:?}, pinned", cores.len())
    }
}

/// Binds the calling thread to a core.
pub(crate) fn pin(core: usize) {
    gossamer_executor::pin_to(core).expect("the core is allowed");
}

/// Runs `side` on so many pinned threads at once, for so long.
///
/// Each side gets its index and a clock that says when to stop, and returns what it has done.
pub(crate) fn on_threads(
    machine: &Machine,
    threads: usize,
    millis: u64,
    side: impl Fn(usize, &Clock) -> u64 + Sync,
) -> Sample {
    let (ready, go) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
    let meter = std::sync::OnceLock::new();
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|index| {
                let (side, ready, go, meter) = (&side, &ready, &go, &meter);
                let core = machine.core(index);
                scope.spawn(move || {
                    pin(core);
                    ready.wait();
                    go.wait();
                    let meter: &Meter = meter.get().expect("set before they go");
                    let clock = meter.clock();
                    clock.done(side(index, &clock))
                })
            })
            .collect();
        ready.wait();
        let meter = meter.get_or_init(|| Meter::start(millis));
        go.wait();
        let clients: Vec<_> = running
            .into_iter()
            .map(|thread| thread.join().expect("a side ran"))
            .collect();
        meter.sample(&clients)
    })
}
