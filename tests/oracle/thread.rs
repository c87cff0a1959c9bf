//! Numbers for threads, so that a drop can tell where it happened.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

/// One thread of the process; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thread(u32);

impl Thread {
    pub(crate) fn current() -> Self {
        if NUMBER.get() == 0 {
            // Relaxed: only that no number comes twice matters.
            NUMBER.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        Self(NUMBER.get())
    }
}

static NEXT: AtomicU32 = AtomicU32::new(1);

thread_local! {
    /// Without a destructor, so that it is there to the thread's last drop.
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}
