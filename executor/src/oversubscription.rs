//! Whether the process runs more executors than it has cores, or several on one: then spinning
//! steals from the very thread that is waited for.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::affinity::allowed_cores;
use crate::sync::fixed::{AtomicUsize, Ordering};

/// One executor that runs, counted while this lives.
#[derive(Debug)]
pub(crate) struct Running {
    /// The core that it is pinned to.
    core: Option<usize>,
}

impl Running {
    /// That of the calling thread.
    pub(crate) fn new() -> Self {
        let core = match allowed_cores().as_deref() {
            Ok(&[core]) => Some(core),
            _ => None,
        };
        // Relaxed: a hint for how to idle; nothing is published by it.
        RUNNING.fetch_add(1, Ordering::Relaxed);
        change_pins(core, Pins::add);
        Self { core }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Relaxed: as above.
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        change_pins(self.core, Pins::remove);
    }
}

fn change_pins(core: Option<usize>, change: impl FnOnce(&mut Pins, usize)) {
    if let Some(core) = core {
        let mut pins = PINS.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut pins, core);
        // Relaxed: as above.
        SHARED_CORES.store(pins.count_shared(), Ordering::Relaxed);
    }
}

/// By core, how many executors are pinned to it.
#[derive(Debug)]
struct Pins(BTreeMap<usize, usize>);

impl Pins {
    const fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn add(&mut self, core: usize) {
        *self.0.entry(core).or_default() += 1;
    }

    fn remove(&mut self, core: usize) {
        if let Some(count) = self.0.get_mut(&core) {
            *count -= 1;
        }
    }

    fn count_shared(&self) -> usize {
        self.0.values().filter(|&&count| count > 1).count()
    }
}

/// Whether more executors run than this process may use cores (affinity and cgroup quota counted),
/// or several are pinned to one of them.
#[inline]
pub(crate) fn is_oversubscribed() -> bool {
    // Relaxed: as above.
    let shared_cores = SHARED_CORES.load(Ordering::Relaxed);
    shared_cores > 0 || RUNNING.load(Ordering::Relaxed) > count_cores()
}

/// Whether the process runs any executor but the caller's.
pub(crate) fn has_others() -> bool {
    // Relaxed: as above.
    RUNNING.load(Ordering::Relaxed) > 1
}

/// How many cores the process may use, asked of the system once.
///
/// The first call should come from a thread that is not pinned, as the system answers for the
/// calling thread; [`Claim::new`](crate::Claim::new) makes it.
pub(crate) fn count_cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static SHARED_CORES: AtomicUsize = AtomicUsize::new(0);
static PINS: Mutex<Pins> = Mutex::new(Pins::new());

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::affinity::pin_to;

    #[test]
    fn several_on_one_core() {
        let mut pins = Pins::new();
        pins.add(3);
        pins.add(5);
        assert_eq!(pins.count_shared(), 0, "a core each");
        pins.add(5);
        assert_eq!(pins.count_shared(), 1);
        pins.remove(5);
        pins.remove(3);
        assert_eq!(pins.count_shared(), 0, "one has ended");
    }

    #[test]
    fn pinned_threads_are_told_apart() {
        let pinned = |core: usize| {
            let running = move || {
                pin_to(core).expect("it is allowed");
                Running::new()
            };
            std::thread::spawn(running).join().expect("it ran")
        };
        let core = allowed_cores().expect("they can be asked")[0];
        let both = [pinned(core), pinned(core)];
        assert!(is_oversubscribed());
        assert_eq!(both.each_ref().map(|running| running.core), [Some(core); 2]);
    }
}
