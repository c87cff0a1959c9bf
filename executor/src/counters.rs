//! [`Counters`]: what an executor has done, readable from any thread.

use std::time::Duration;

use crate::sleep::Sleep;
use crate::sync::{AtomicU64, Ordering};

/// A snapshot of what an executor has done; see [`Remote::counters`](crate::Remote::counters).
///
/// The executor brings its figures up to date every 64 turns and before it parks, so a snapshot of
/// a busy one is a little old, and its fields need not be of one instant.
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor};
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// executor.run_until(async {});
/// assert_eq!(claim.remote().counters().spawned, 1);
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Tasks that were ever spawned.
    pub spawned: u64,
    /// Polls of tasks.
    pub polls: u64,
    /// Tasks that live.
    pub tasks: u64,
    /// Places in the run queue that are taken.
    pub queued: u64,
    /// Turns of the executor's loop.
    pub turns: u64,
    /// Turns in which something was done.
    pub busy_turns: u64,
    /// How often the thread parked.
    pub parks: u64,
    /// How often another thread unparked it.
    pub unparks: u64,
    /// How long it was parked.
    pub parked: Duration,
    /// How long the executor ran, parked time included.
    pub ran: Duration,
}

impl Counters {
    /// How busy the executor was, from 0 (idle) to 1 (no turn in vain).
    ///
    /// An *estimate*: the share of busy turns in the time not parked. It takes every turn to be
    /// equally long, so it is too low for an executor whose busy turns are long and which spins
    /// between them.
    ///
    /// ```
    /// let idle = gossamer_executor::Counters::default();
    /// assert_eq!(idle.busy_fraction(), 0.0);
    /// ```
    pub fn busy_fraction(&self) -> f64 {
        if self.turns == 0 || self.ran.is_zero() {
            return 0.0;
        }
        let awake = 1.0 - (self.parked.as_secs_f64() / self.ran.as_secs_f64()).min(1.0);
        awake * self.busy_turns as f64 / self.turns as f64
    }
}

/// The figures that an executor writes and others read.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    spawned: AtomicU64,
    polls: AtomicU64,
    tasks: AtomicU64,
    queued: AtomicU64,
    turns: AtomicU64,
    busy_turns: AtomicU64,
    parked_ns: AtomicU64,
    ran_ns: AtomicU64,
    parks_before: AtomicU64,
    unparks_before: AtomicU64,
}

impl Gauges {
    /// Writes every figure. Called by the executor only.
    pub(crate) fn write(&self, counters: &Counters) {
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        // Relaxed, all of them: figures for people, with one writer.
        self.spawned.store(counters.spawned, Ordering::Relaxed);
        self.polls.store(counters.polls, Ordering::Relaxed);
        self.tasks.store(counters.tasks, Ordering::Relaxed);
        self.queued.store(counters.queued, Ordering::Relaxed);
        self.turns.store(counters.turns, Ordering::Relaxed);
        self.busy_turns
            .store(counters.busy_turns, Ordering::Relaxed);
        self.parked_ns.store(ns(counters.parked), Ordering::Relaxed);
        self.ran_ns.store(ns(counters.ran), Ordering::Relaxed);
    }

    /// A new executor begins here: the figures of the last one are forgotten.
    pub(crate) fn begin(&self, sleep: &Sleep) {
        self.write(&Counters::default());
        // Relaxed: as above.
        self.parks_before.store(sleep.parks(), Ordering::Relaxed);
        self.unparks_before
            .store(sleep.unparks(), Ordering::Relaxed);
    }

    pub(crate) fn read(&self, sleep: &Sleep) -> Counters {
        // Relaxed, all of them: figures for people.
        Counters {
            spawned: self.spawned.load(Ordering::Relaxed),
            polls: self.polls.load(Ordering::Relaxed),
            tasks: self.tasks.load(Ordering::Relaxed),
            queued: self.queued.load(Ordering::Relaxed),
            turns: self.turns.load(Ordering::Relaxed),
            busy_turns: self.busy_turns.load(Ordering::Relaxed),
            parks: sleep
                .parks()
                .saturating_sub(self.parks_before.load(Ordering::Relaxed)),
            unparks: sleep
                .unparks()
                .saturating_sub(self.unparks_before.load(Ordering::Relaxed)),
            parked: Duration::from_nanos(self.parked_ns.load(Ordering::Relaxed)),
            ran: Duration::from_nanos(self.ran_ns.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_parked_and_half_of_the_turns_busy() {
        let counters = Counters {
            turns: 10,
            busy_turns: 5,
            parked: Duration::from_secs(1),
            ran: Duration::from_secs(2),
            ..Counters::default()
        };
        assert!((counters.busy_fraction() - 0.25).abs() < 1e-9);
    }
}
