//! Whether the process runs more executors than it has cores: then spinning steals from the very
//! thread that is waited for.

use std::sync::OnceLock;

use crate::sync::fixed::{AtomicUsize, Ordering};

/// One executor that runs, counted while this lives.
#[derive(Debug)]
pub(crate) struct Running(());

impl Running {
    pub(crate) fn new() -> Self {
        // Relaxed: a hint for how to idle; nothing is published by it.
        RUNNING.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Relaxed: as above.
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether more executors run than this process may use cores (affinity and cgroup quota counted).
#[inline]
pub(crate) fn is_oversubscribed() -> bool {
    // Relaxed: as above.
    RUNNING.load(Ordering::Relaxed) > count_cores()
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
