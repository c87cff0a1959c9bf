//! The limit of requests by RDMA: slots whose records are made, run and answered by a bare loop.
//!
//! As the bare loop of `rack`, and as independent of the library: a record says by a number what to
//! run, and what to run it with; a result is a word that says that it is one, and its value. So both
//! have as many bytes as the library's. There is no task, no future, no table, and nothing is
//! checked.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whoever asks.
pub(super) struct Asker {
    requests: usize,
    sum: Cell<u64>,
}

impl Asker {
    /// One that makes so many requests a slot.
    pub(super) fn new(requests: usize) -> Self {
        let sum = Cell::new(0);
        Self { requests, sum }
    }

    /// Fills a slot with requests.
    #[inline(always)]
    pub(super) fn make(&self, slot: &[AtomicU64]) {
        let slot = &slot[slot.len() - 2 * self.requests..];
        for request in slot.as_chunks::<2>().0 {
            // Each is made, as by somebody who asks.
            // Relaxed: only the device reads them, when it is asked to.
            request[0].store(black_box(0), Ordering::Relaxed);
            request[1].store(black_box(1), Ordering::Relaxed);
        }
    }

    /// Takes the results of a slot.
    #[inline(always)]
    pub(super) fn take(&self, slot: &[AtomicU64]) {
        let slot = &slot[slot.len() - 2 * self.requests..];
        for result in slot.as_chunks::<2>().0 {
            // Each is taken, as by somebody who waits for it. Relaxed: the slot has come.
            let is_one = result[0].load(Ordering::Relaxed);
            let value = result[1].load(Ordering::Relaxed);
            self.sum.set(self.sum.get().wrapping_add(is_one * value));
        }
    }

    /// Each result is what the counter had been: with 1 to add, they are known.
    pub(super) fn check(&self, slots: u64) {
        let results = slots * self.requests as u64;
        assert_eq!(self.sum.get(), results * results.saturating_sub(1) / 2);
    }
}

/// Whoever runs what was asked for.
pub(super) struct Server {
    requests: usize,
    counter: u64,
}

impl Server {
    pub(super) fn new(requests: usize) -> Self {
        let counter = 0;
        Self { requests, counter }
    }

    /// Runs the requests of a slot, and fills the slot of their results.
    #[inline(always)]
    pub(super) fn run(&mut self, asked: &[AtomicU64], answer: &[AtomicU64]) {
        let asked = &asked[asked.len() - 2 * self.requests..];
        let answer = &answer[answer.len() - 2 * self.requests..];
        for (request, result) in asked
            .as_chunks::<2>()
            .0
            .iter()
            .zip(answer.as_chunks::<2>().0)
        {
            // Relaxed: the slot has come.
            let what = request[0].load(Ordering::Relaxed);
            let amount = request[1].load(Ordering::Relaxed);
            // What a process of another layout of its code can be told: which, and not where.
            let run = black_box(&CALLS)[what as usize % CALLS.len()];
            // Relaxed: only the device reads them, when it is asked to.
            result[0].store(black_box(1), Ordering::Relaxed);
            result[1].store(run(&mut self.counter, amount), Ordering::Relaxed);
        }
    }
}

fn add(counter: &mut u64, amount: u64) -> u64 {
    let before = *counter;
    *counter = before.wrapping_add(amount);
    before
}

fn exchange(counter: &mut u64, amount: u64) -> u64 {
    std::mem::replace(counter, amount)
}

/// More than one, so that which is called is known when it is called.
static CALLS: [fn(&mut u64, u64) -> u64; 2] = [add, exchange];
