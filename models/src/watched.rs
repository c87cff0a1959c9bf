//! A value that loom watches, and what all models share.

use loom::cell::UnsafeCell;

/// A number whose every use must be ordered with every change: if not, loom fails the model.
pub(crate) struct Watched(UnsafeCell<u64>);

// SAFETY: in these models one thread runs at a time; loom reports uses that are not ordered.
unsafe impl Send for Watched {}
// SAFETY: as above.
unsafe impl Sync for Watched {}

impl Watched {
    pub(crate) fn new(value: u64) -> Self {
        Self(UnsafeCell::new(value))
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.with(|value| {
            // SAFETY: one thread runs at a time.
            unsafe { *value }
        })
    }

    pub(crate) fn write(&self, new: u64) {
        self.0.with_mut(|value| {
            // SAFETY: one thread runs at a time.
            unsafe { *value = new }
        });
    }
}

/// Checks a model in those interleavings that preempt a thread at most `preemptions` times, where
/// all of them would take hours.
pub(crate) fn check_bounded(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut bounded = loom::model::Builder::new();
    bounded.preemption_bound = Some(preemptions);
    bounded.check(model);
}
