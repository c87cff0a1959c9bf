//! The limit of shared memory: slots driven by a bare loop, between two processes.
//!
//! As the bare loop of `delegate`, and as independent of the library: four slots a side, each
//! record a number that says what to run and what to run it with (16 bytes), each result eight
//! bytes; published by a Release store of a sequence number, taken by an Acquire load.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::process::{Done, Part, Process};
use super::shared_words::{Offered, SharedWords};
use crate::harness::machine::{Machine, pin};
use crate::harness::meter::{Clock, cpu_time};

const SLOTS: usize = 4;

/// One of the two processes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BareLoop {
    memory: PathBuf,
    side: usize,
    core: usize,
    shape: Shape,
    millis: u64,
}

/// How much is under way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Shape {
    /// Records of a slot.
    pub(super) records: usize,
    /// Slots that may be under way, up to four.
    pub(super) slots: usize,
    /// Whether both sides ask, or the first alone.
    pub(super) is_mutual: bool,
}

/// One at a time.
pub(super) const ONE: Shape = Shape {
    records: 1,
    slots: 1,
    is_mutual: false,
};

/// As many as the bare loop of `delegate` has under way.
pub(super) const MANY: Shape = Shape {
    records: 32,
    slots: SLOTS,
    is_mutual: true,
};

/// Requests a second of both sides together.
pub(super) fn run(machine: &Machine, shape: Shape, millis: u64) -> f64 {
    let memory = Offered::new(words(shape)).expect("memory can be had");
    let cores = machine.pair();
    let sides = [0, 1].map(|side| {
        let part = Part::BareLoop(BareLoop {
            memory: memory.path(),
            side,
            core: cores[side],
            shape,
            millis,
        });
        Process::start(&part, &[])
    });
    let done = sides.map(|mut side| {
        let done: Done = side.hear();
        side.finish();
        done
    });
    done.iter().map(Done::rate).sum()
}

/// A side of it that is at work.
struct Side<'a> {
    shape: Shape,
    /// The slots of the requests and results that each side has asked for.
    requests: [&'a [AtomicU64]; 2],
    results: [&'a [AtomicU64]; 2],
    side: usize,
    published: u64,
    harvested: u64,
    served: u64,
    counters: [u64; 8],
    sum: u64,
}

impl BareLoop {
    /// Does this side's part.
    pub(super) fn play(&self) -> Done {
        pin(self.core);
        let memory = SharedWords::open(&self.memory).expect("the memory is there");
        let (control, links) = memory.split_at(2 * LINE_WORDS);
        let (ready, finished) = (&control[0], &control[LINE_WORDS]);
        let request_words = SLOTS * request_slot_words(self.shape);
        let (first, second) = links.split_at(links.len() / 2);
        let links = [first, second].map(|link| link.split_at(request_words));
        let mut side = Side {
            shape: self.shape,
            requests: links.map(|(requests, _)| requests),
            results: links.map(|(_, results)| results),
            side: self.side,
            published: 0,
            harvested: 0,
            served: 0,
            counters: [0; 8],
            sum: 0,
        };
        meet(ready);
        let clock = Clock::start(self.millis);
        side.drive(&clock, finished);
        let count = side.harvested * self.shape.records as u64;
        // Each result is what one of eight counters had been: with 1 to add, they are known.
        assert_eq!(side.sum, expected_sum(self.shape, side.harvested));
        Done {
            count,
            seconds: clock.elapsed(),
            cpu: cpu_time().as_secs_f64(),
        }
    }
}

impl Side<'_> {
    fn drive(&mut self, clock: &Clock, finished: &AtomicU64) {
        let asks = self.shape.is_mutual || self.side == 0;
        let (mut is_stopping, mut is_finished) = (!asks, false);
        let mut turns = 0_u64;
        loop {
            turns += 1;
            if turns.is_multiple_of(1024) && !is_stopping && clock.is_over() {
                is_stopping = true;
            }
            if self.harvested < self.published {
                self.harvest();
            }
            self.serve();
            if !is_stopping && self.published - self.harvested < self.shape.slots as u64 {
                self.publish();
            }
            if is_stopping && !is_finished && self.harvested == self.published {
                is_finished = true;
                // Release: pairs with the Acquire load below.
                finished.fetch_add(1, Ordering::Release);
            }
            // The other side may still wait for results. Acquire: pairs with the store above.
            if is_finished && finished.load(Ordering::Acquire) == 2 {
                return;
            }
        }
    }

    #[inline(always)]
    fn harvest(&mut self) {
        let results = slot(self.results[self.side], self.harvested);
        let (sequence, results) = results.split_last().expect("a slot has a sequence word");
        // Acquire: pairs with the Release store in `serve`, which shows the results.
        if sequence.load(Ordering::Acquire) != self.harvested + 1 {
            return;
        }
        for result in &results[results.len() - self.shape.records..] {
            // Each one is taken, as by somebody who waits for it.
            // Relaxed: the sequence says that they are there.
            self.sum = self.sum.wrapping_add(result.load(Ordering::Relaxed));
        }
        self.harvested += 1;
    }

    #[inline(always)]
    fn serve(&mut self) {
        let other = 1 - self.side;
        let requests = slot(self.requests[other], self.served);
        let (sequence, requests) = requests.split_last().expect("a slot has a sequence word");
        // Acquire: pairs with the Release store in `publish`, which shows the requests.
        if sequence.load(Ordering::Acquire) != self.served + 1 {
            return;
        }
        let answer = slot(self.results[other], self.served);
        let (answered, results) = answer.split_last().expect("a slot has a sequence word");
        let requests = requests[requests.len() - 2 * self.shape.records..].chunks_exact(2);
        let results = &results[results.len() - self.shape.records..];
        for (request, result) in requests.zip(results) {
            // Relaxed: the sequence says that they are there.
            let what = request[0].load(Ordering::Relaxed);
            let amount = request[1].load(Ordering::Relaxed);
            // What a process of another layout of its code can be told: which, and not where.
            let run = black_box(&CALLS)[(what >> 32) as usize % CALLS.len()];
            let counter = &mut self.counters[what as u32 as usize % 8];
            // Relaxed: shown by the store of the sequence.
            result.store(run(counter, amount), Ordering::Relaxed);
        }
        self.served += 1;
        // Release: pairs with the Acquire load in `harvest`.
        answered.store(self.served, Ordering::Release);
    }

    #[inline(always)]
    fn publish(&mut self) {
        let requests = slot(self.requests[self.side], self.published);
        let (sequence, requests) = requests.split_last().expect("a slot has a sequence word");
        let requests = requests[requests.len() - 2 * self.shape.records..].chunks_exact(2);
        for (place, request) in requests.enumerate() {
            // Each is made, as by somebody who asks. Relaxed: shown by the store of the sequence.
            let what = (black_box(0_u64) << 32) | (place as u64 % 8);
            request[0].store(what, Ordering::Relaxed);
            request[1].store(black_box(1), Ordering::Relaxed);
        }
        self.published += 1;
        // Release: pairs with the Acquire load in `serve`.
        sequence.store(self.published, Ordering::Release);
    }
}

/// Waits until both sides have come.
fn meet(ready: &AtomicU64) {
    // AcqRel: whoever sees both sees all that they have done before.
    ready.fetch_add(1, Ordering::AcqRel);
    while ready.load(Ordering::Acquire) < 2 {}
}

/// The slot of a sequence number; its sequence word is its last, and what belongs to it ends there.
#[inline(always)]
fn slot(ring: &[AtomicU64], sequence: u64) -> &[AtomicU64] {
    let words = ring.len() / SLOTS;
    &ring[sequence as usize % SLOTS * words..][..words]
}

fn add(counter: &mut u64, amount: u64) -> u64 {
    let before = *counter;
    *counter = before.wrapping_add(amount);
    before
}

fn exchange(counter: &mut u64, amount: u64) -> u64 {
    std::mem::replace(counter, amount)
}

/// What so many batches give together: each of the eight counters gives 0, 1, 2 and so on.
fn expected_sum(shape: Shape, batches: u64) -> u64 {
    let counters = 0..8.min(shape.records as u64);
    let each = counters.map(|counter| {
        let records = (shape.records as u64 - counter).div_ceil(8) * batches;
        records * records.saturating_sub(1) / 2
    });
    each.sum()
}

fn request_slot_words(shape: Shape) -> usize {
    (2 * shape.records + 1).next_multiple_of(LINE_WORDS)
}

fn words(shape: Shape) -> usize {
    let result_slot_words = (shape.records + 1).next_multiple_of(LINE_WORDS);
    let link = SLOTS * (request_slot_words(shape) + result_slot_words);
    2 * LINE_WORDS + 2 * link
}

/// More than one, so that which is called is known when it is called.
static CALLS: [fn(&mut u64, u64) -> u64; 2] = [add, exchange];

/// Two cache lines, as they are fetched in pairs.
const LINE_WORDS: usize = 16;
