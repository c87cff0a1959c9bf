//! The limit: slots driven by a bare loop, without futures, tasks, properties or closures.
//!
//! It is independent of the library's transport: four slots of 32 records a side, each record a
//! function and what to call it with (16 bytes), each result eight bytes; published by a Release
//! store of a sequence number, taken by an Acquire load. Both sides issue and serve.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::harness::machine::{Machine, on_threads};
use crate::harness::meter::Clock;

const SLOTS: usize = 4;
const RECORDS: usize = 32;

/// What to run, on which counter, and with what.
#[derive(Clone, Copy)]
struct Record {
    run: fn(&mut u64, u64) -> u64,
    place: u32,
    amount: u32,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            run: add,
            place: 0,
            amount: 0,
        }
    }
}

fn add(counter: &mut u64, amount: u64) -> u64 {
    let before = *counter;
    *counter = before.wrapping_add(amount);
    before
}

#[repr(C, align(128))]
struct Slot<R> {
    records: UnsafeCell<[R; RECORDS]>,
    sequence: AtomicU64,
}

// SAFETY: `records` is written before `sequence` is stored and read after it was seen.
unsafe impl<R: Send> Sync for Slot<R> {}

impl<R: Copy + Default> Slot<R> {
    fn ring() -> [Self; SLOTS] {
        std::array::from_fn(|_| Self {
            records: UnsafeCell::new([R::default(); RECORDS]),
            sequence: AtomicU64::new(0),
        })
    }
}

struct Link {
    requests: [Slot<Record>; SLOTS],
    results: [Slot<u64>; SLOTS],
}

/// Requests a second of both sides together.
pub(crate) fn run(machine: &Machine, millis: u64) -> f64 {
    let links = [0, 1].map(|_| Link {
        requests: Slot::ring(),
        results: Slot::ring(),
    });
    let finished = AtomicU64::new(0);
    on_threads(machine, 2, millis, |side, clock| {
        drive(&links[side], &links[1 - side], clock, &finished)
    })
    .rate
}

fn drive(issue: &Link, serve: &Link, clock: &Clock, finished: &AtomicU64) -> u64 {
    let mut counters = [0_u64; 8];
    let (mut published, mut harvested, mut served) = (0_u64, 0_u64, 0_u64);
    let (mut is_stopping, mut is_finished) = (false, false);
    let (mut turns, amount) = (0_u64, 1);
    loop {
        turns += 1;
        if turns % 1024 == 0 && !is_stopping && clock.is_over() {
            is_stopping = true;
        }
        if harvested < published {
            let slot = &issue.results[harvested as usize % SLOTS];
            if slot.sequence.load(Ordering::Acquire) == harvested + 1 {
                // SAFETY: the sequence says that the results are there.
                for result in unsafe { &*slot.records.get() } {
                    black_box(*result); // each one is taken, as by somebody who waits for it
                }
                harvested += 1;
            }
        }
        let slot = &serve.requests[served as usize % SLOTS];
        if slot.sequence.load(Ordering::Acquire) == served + 1 {
            let answer = &serve.results[served as usize % SLOTS];
            // SAFETY: the sequence says that the requests are there.
            let records = unsafe { &*slot.records.get() };
            // SAFETY: and that the results of this slot's last batch were harvested.
            let results = unsafe { &mut *answer.records.get() };
            for (record, result) in records.iter().zip(results) {
                let counter = &mut counters[record.place as usize % 8];
                *result = (record.run)(counter, u64::from(record.amount));
            }
            served += 1;
            answer.sequence.store(served, Ordering::Release);
        }
        if !is_stopping && published - harvested < SLOTS as u64 {
            let slot = &issue.requests[published as usize % SLOTS];
            // SAFETY: the results of this slot's last batch were harvested.
            for (place, record) in unsafe { &mut *slot.records.get() }.iter_mut().enumerate() {
                // Each is made, as by somebody who asks.
                *record = Record {
                    run: black_box(add),
                    place: place as u32,
                    amount,
                };
            }
            published += 1;
            slot.sequence.store(published, Ordering::Release);
        }
        if is_stopping && !is_finished && harvested == published {
            is_finished = true;
            finished.fetch_add(1, Ordering::AcqRel);
        }
        // The other side may still wait for results.
        if is_finished && finished.load(Ordering::Acquire) == 2 {
            return harvested * RECORDS as u64;
        }
    }
}
