//! How many objects of the library there are, so that a test, or an operator, sees that none is
//! left.

use crate::sync::{AtomicU64, Ordering};

/// How many objects of each kind this process has.
///
/// ```
/// use gossamer_transport::rack::rdma::Live;
///
/// assert_eq!(Live::now(), Live::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Live {
    /// Open devices.
    pub devices: u64,
    /// Protection domains.
    pub domains: u64,
    /// Registered regions.
    pub regions: u64,
    /// Completion channels.
    pub events: u64,
    /// Completion queues.
    pub completion_queues: u64,
    /// Queue pairs.
    pub queue_pairs: u64,
}

impl Live {
    /// Counts them.
    pub fn now() -> Self {
        // Relaxed: a number, and nothing that it is the number of.
        let count = |kind: Kind| COUNTS[kind as usize].load(Ordering::Relaxed);
        Self {
            devices: count(Kind::Device),
            domains: count(Kind::Domain),
            regions: count(Kind::Region),
            events: count(Kind::Events),
            completion_queues: count(Kind::CompletionQueue),
            queue_pairs: count(Kind::QueuePair),
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Device,
    Domain,
    Region,
    Events,
    CompletionQueue,
    QueuePair,
}

/// One of a kind, as long as it lives.
#[derive(Debug)]
pub(super) struct Counted(Kind);

impl Counted {
    pub(super) fn new(kind: Kind) -> Self {
        // Relaxed: as in `now`.
        COUNTS[kind as usize].fetch_add(1, Ordering::Relaxed);
        Self(kind)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Relaxed: as in `now`.
        COUNTS[self.0 as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

static COUNTS: [AtomicU64; 6] = [const { AtomicU64::new(0) }; 6];
