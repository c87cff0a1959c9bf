//! The barriers of a shutdown: how far the workers of a runtime are, counted.

use crate::sync::{AtomicU8, AtomicUsize, Ordering};

/// How far the workers are; see `shutdown.rs` for what they do between.
pub(crate) struct Barriers {
    workers: AtomicUsize,
    begun: AtomicU8,
    quiet: AtomicUsize,
    buried: AtomicUsize,
}

impl Barriers {
    pub(crate) fn new(workers: usize) -> Self {
        let (quiet, buried) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let workers = AtomicUsize::new(workers);
        Self {
            workers,
            begun: AtomicU8::new(0),
            quiet,
            buried,
        }
    }

    /// Only the first `started` workers exist: starting the next one failed.
    #[cold]
    pub(crate) fn fail_start(&self, started: usize) {
        // Relaxed: read after the Release store in `begin`, which follows on the same thread.
        self.workers.store(started, Ordering::Relaxed);
    }

    /// Lets it begin; the caller then wakes all workers.
    pub(crate) fn begin(&self) {
        // Release: pairs with the Acquire load in `has_begun`.
        self.begun.store(1, Ordering::Release);
    }

    /// Whether it has begun.
    pub(crate) fn has_begun(&self) -> bool {
        // Acquire: pairs with the Release store in `begin`.
        self.begun.load(Ordering::Acquire) != 0
    }

    /// A worker has no request under way and issues no more.
    pub(crate) fn arrive_quiet(&self) {
        // AcqRel: pairs with the Acquire load in `all_quiet`; the Acquire half makes the chain of
        // arrivals carry what each worker did before.
        self.quiet.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn all_quiet(&self) -> bool {
        // Acquire: pairs with the AcqRel increment in `arrive_quiet`.
        self.quiet.load(Ordering::Acquire) == self.workers()
    }

    fn workers(&self) -> usize {
        // Relaxed: as in `fail_start`.
        self.workers.load(Ordering::Relaxed)
    }

    /// A worker has dropped its properties.
    pub(crate) fn arrive_buried(&self) {
        // AcqRel: pairs with the Acquire load in `all_buried`, as in `arrive_quiet`.
        self.buried.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn all_buried(&self) -> bool {
        // Acquire: pairs with the AcqRel increment in `arrive_buried`.
        self.buried.load(Ordering::Acquire) == self.workers()
    }
}
