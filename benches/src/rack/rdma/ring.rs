//! Slots that two sides write into each other's memory, and nothing more than that takes.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};

use super::verbs::End;
use crate::harness::meter::Clock;

/// Slots in memory of both sides: first those that are sent, then those that come.
pub(super) struct Ring {
    end: End,
    slots: usize,
}

impl Ring {
    pub(super) fn new(end: End, slots: usize) -> Self {
        Self { end, slots }
    }

    /// Sends slots, which `make` fills but for their last word, and waits for the answer to each,
    /// which `take` is given, before it is used again; returns how many were answered, and in how
    /// many seconds.
    pub(super) fn ask(
        &mut self,
        bytes: usize,
        millis: u64,
        make: impl Fn(&[AtomicU64]),
        take: impl Fn(&[AtomicU64]),
    ) -> (u64, f64) {
        let clock = Clock::start(millis);
        let (mut sent, mut answered) = (0, 0);
        let mut is_over = false;
        while !is_over || answered < sent {
            is_over = is_over || (sent % 16 == 0 && clock.is_over());
            let mut some = 0;
            while !is_over && some < self.slots && sent < answered + self.slots as u64 {
                sent += 1;
                some += 1;
                make(self.ours(sent));
                self.put(sent, sent, bytes);
            }
            self.send(some);
            while answered < sent && self.has(answered + 1) {
                answered += 1;
                take(self.theirs(answered));
            }
            spin_loop();
        }
        let done = (answered, clock.elapsed());
        self.put(sent + 1, OVER, bytes);
        self.send(1);
        self.end.settle();
        done
    }

    /// Answers each slot that comes: `run` is given it, and the slot of the answer to fill.
    pub(super) fn answer(
        &mut self,
        bytes: usize,
        mut run: impl FnMut(&[AtomicU64], &[AtomicU64]),
    ) -> (u64, f64) {
        let clock = Clock::start(0);
        let mut answered = 0;
        while !self.is_over(answered + 1) {
            let mut some = 0;
            while some < self.slots && self.has(answered + 1) {
                answered += 1;
                some += 1;
                run(self.theirs(answered), self.ours(answered));
                self.put(answered, answered, bytes);
            }
            self.send(some);
            spin_loop();
        }
        self.end.settle();
        (answered, clock.elapsed())
    }

    /// Adds slot `number` to what is sent, which ends in this word.
    fn put(&mut self, number: u64, last: u64, bytes: usize) {
        let ours = self.end_of(number);
        // Relaxed: only the device reads it, when it is asked to.
        self.end.words()[ours - 1].store(last, Ordering::Relaxed);
        let words = bytes / 8;
        let theirs = ours + self.slots * SLOT_WORDS;
        self.end.write(ours - words, theirs - words, words);
    }

    fn send(&mut self, slots: usize) {
        if slots > 0 {
            self.end.wait_for_room(0, slots);
            self.end.ring(0);
        }
    }

    /// What of slot `number` goes before its last word, there and here.
    fn ours(&self, number: u64) -> &'static [AtomicU64] {
        &self.end.words()[self.end_of(number) - SLOT_WORDS..self.end_of(number) - 1]
    }

    fn theirs(&self, number: u64) -> &'static [AtomicU64] {
        let end = self.end_of(number) + self.slots * SLOT_WORDS;
        &self.end.words()[end - SLOT_WORDS..end - 1]
    }

    /// Whether slot `number` has come.
    fn has(&self, number: u64) -> bool {
        self.last_of(number) == number
    }

    fn is_over(&self, number: u64) -> bool {
        self.last_of(number) == OVER
    }

    fn last_of(&self, number: u64) -> u64 {
        let end = self.end_of(number) + self.slots * SLOT_WORDS;
        // Acquire: as one would who then reads what was before it.
        self.end.words()[end - 1].load(Ordering::Acquire)
    }

    fn end_of(&self, number: u64) -> usize {
        (number as usize % self.slots + 1) * SLOT_WORDS
    }
}

pub(super) const SLOT_WORDS: usize = 128;
/// What no slot ends in.
const OVER: u64 = u64::MAX;
