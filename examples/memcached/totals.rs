//! [`Totals`]: what a worker has counted of its connections.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counted by one worker, read by all; each on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Totals {
    connections: AtomicU64,
    rejected: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
}

/// A snapshot, of one worker or summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) connections: u64,
    pub(crate) rejected: u64,
    pub(crate) read: u64,
    pub(crate) written: u64,
}

impl Totals {
    pub(crate) fn add_connection(&self) {
        add(&self.connections, 1);
    }

    pub(crate) fn add_rejected(&self) {
        add(&self.rejected, 1);
    }

    pub(crate) fn add_read(&self, bytes: usize) {
        add(&self.read, bytes as u64);
    }

    pub(crate) fn add_written(&self, bytes: usize) {
        add(&self.written, bytes as u64);
    }

    pub(crate) fn reset(&self) {
        for counter in [&self.connections, &self.rejected, &self.read, &self.written] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// Relaxed, and no read-modify-write: one worker writes, and figures need not be of one instant.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

impl<'a> std::iter::Sum<&'a Totals> for Sums {
    fn sum<I: Iterator<Item = &'a Totals>>(all: I) -> Self {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        all.fold(Self::default(), |sums, one| Self {
            connections: sums.connections + load(&one.connections),
            rejected: sums.rejected + load(&one.rejected),
            read: sums.read + load(&one.read),
            written: sums.written + load(&one.written),
        })
    }
}
