//! The counts of a property: how many trusts it has, and who still needs its memory.
//!
//! ```text
//!             retain / release
//!                 ┌────┐
//! new ─► trusts = n ───┴─ release (n = 1) ──► Last: one obituary to the trustee
//!             │ ▲  └────── claim   (n = 1) ──► Last, for `into_inner`
//!             │ └───────── revive: the trustee could not hand the value back
//!             └─ upgrade from a weak trust while n > 0
//! ```
//!
//! `holders` counts who keeps the memory: all trusts together hold one, the trustee's registry
//! one, each weak trust one. As in `Arc`, it never touches the value. Nothing here is touched
//! per request.

use crate::sync::{AtomicUsize, Ordering, fence};

/// The two counts.
#[derive(Debug)]
pub(crate) struct Counts {
    trusts: AtomicUsize,
    holders: AtomicUsize,
}

/// What a release left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Release {
    /// Others are left.
    Shared,
    /// That was the last one: the caller now carries out what follows from it.
    Last,
}

impl Counts {
    /// One trust, and `holders` in all.
    pub(crate) fn new(holders: usize) -> Self {
        Self {
            trusts: AtomicUsize::new(1),
            holders: AtomicUsize::new(holders),
        }
    }

    /// Another trust, made from one that exists.
    pub(crate) fn retain(&self) {
        // Relaxed: a new trust is made from one that is alive, which orders nothing.
        let before = self.trusts.fetch_add(1, Ordering::Relaxed);
        assert!(
            before < COUNT_MAX,
            "more than {COUNT_MAX} trusts of one property"
        );
    }

    /// A trust goes.
    pub(crate) fn release(&self) -> Release {
        Self::step_down(&self.trusts)
    }

    /// Takes the last trust out of the world, if the caller's is the last.
    #[must_use]
    pub(crate) fn claim(&self) -> bool {
        // Acquire: pairs with the Release in `step_down`; the claimer's obituary follows what
        // the others issued. Relaxed on failure: nothing was learnt but a number.
        self.trusts
            .compare_exchange(1, 0, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Undoes a [`claim`](Self::claim); the caller holds the property again as its only trust.
    pub(crate) fn revive(&self) {
        // Release: pairs with the Acquire in `upgrade`.
        self.trusts.store(1, Ordering::Release);
    }

    /// Another trust, made from a weak one; false if the last trust has gone.
    #[must_use]
    pub(crate) fn upgrade(&self) -> bool {
        let more = |trusts: usize| (trusts > 0 && trusts < COUNT_MAX).then_some(trusts + 1);
        // Acquire: pairs with the Release in `revive`. Relaxed on failure, as above.
        self.trusts
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, more)
            .is_ok()
    }

    /// Another holder of the memory, made by one that exists.
    pub(crate) fn retain_memory(&self) {
        // Relaxed: as in `retain`.
        let before = self.holders.fetch_add(1, Ordering::Relaxed);
        assert!(
            before < COUNT_MAX,
            "more than {COUNT_MAX} weak trusts of one property"
        );
    }

    /// A holder of the memory goes; after `Last` the caller frees it.
    pub(crate) fn release_memory(&self) -> Release {
        Self::step_down(&self.holders)
    }

    /// How many trusts there are, for people.
    pub(crate) fn trusts(&self) -> usize {
        // Relaxed: a number that may be old when it is looked at.
        self.trusts.load(Ordering::Relaxed)
    }

    fn step_down(count: &AtomicUsize) -> Release {
        // Release: pairs with the Acquire fence of whoever steps down last.
        if count.fetch_sub(1, Ordering::Release) > 1 {
            return Release::Shared;
        }
        // Acquire: pairs with the Release of every step before; the last one sees what they did.
        fence(Ordering::Acquire);
        Release::Last
    }
}

/// Far below the overflow of the counter, as many as could be leaked by mistake.
const COUNT_MAX: usize = isize::MAX as usize;
