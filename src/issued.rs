//! How many requests a client has issued on a link.

use crate::sync::{AtomicU64, Ordering};

/// How many requests a client has issued on one link, backlog included.
///
/// Written by the client alone; read by the trustee when a property dies.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Issued(AtomicU64);

impl Issued {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline(always)]
    pub(crate) fn load(&self) -> u64 {
        // Relaxed: a trustee reads it after it took an obituary from its inbox. Whoever issued
        // let go of its trust later, by a Release that the last one to let go acquired
        // (`Counts::release`), and the inbox carries that on; so it sees at least what counts.
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn advance(&self) {
        // Relaxed: single writer; published as `load` says.
        self.0
            .store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}
