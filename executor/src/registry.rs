//! The executors of the process by place, and [`Claim`], the right to one place.
//!
//! A waker holds a place instead of a pointer, and may be kept for ever; so what stands at a place
//! is never freed: [`Remote`]s are made when first needed and then used again and again.
//!
//! ```text
//!            Claim::new            occupy (Executor::new)
//!    FREE ──────────────► CLAIMED ──────────────────────► CLAIMED+RUNNING
//!      ▲                     │ release                      │ vacate         │ release
//!      │                     ▼                              ▼                ▼
//!      ├───────────────── CLOSING                     CLAIMED+ENDED       RUNNING
//!      │     (inbox is emptied)                             │ release        │ vacate
//!      └────────────────────────────────────────────────────┴────────────────┘
//! ```
//!
//! A place is free again when both the claim and the executor are gone, whichever goes first, and
//! its inbox is closed before it is free.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | an entry of `PLACES` | any thread, atomically; only `at_or_new` writes it | null, then one leaked box for ever |
//! | the `Place` behind an entry | any thread, by shared reference | from when it is in the entry, for ever: it is never freed |
//! | a new `Place` | the `at_or_new` that made it | until its `compare_exchange` succeeds; if that fails, the box is its own |

use std::ptr;

use crate::id::{MAX_EXECUTORS, TaskId};
use crate::oversubscription;
use crate::remote::Remote;
use crate::sync::fixed::{AtomicPtr, AtomicU64, Ordering};

/// The right to run an executor at one place of the process's registry.
///
/// Whoever builds a runtime claims the places first, so that the remotes are known everywhere
/// before the first thread starts. When the claim and its executor are both gone, the place may be
/// used again.
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor};
///
/// let claim = Claim::new()?;
/// let remote = claim.remote();
/// let worker = std::thread::spawn(move || {
///     Executor::new(remote, Config::default()).run_until(async { 6 * 7 })
/// });
/// assert_eq!(worker.join().unwrap(), 42);
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping a claim gives the place back"]
pub struct Claim {
    place: &'static Place,
}

/// All [`MAX_EXECUTORS`] places of the process are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {MAX_EXECUTORS} executor places of this process are taken")]
pub struct TooManyExecutors;

/// The part of a place that an executor holds while it lives.
#[derive(Debug)]
pub(crate) struct Occupancy {
    place: &'static Place,
}

#[derive(Debug)]
struct Place {
    state: AtomicU64,
    remote: Remote,
}

impl Claim {
    /// Claims a free place.
    ///
    /// # Errors
    ///
    /// [`TooManyExecutors`] if there is none.
    pub fn new() -> Result<Self, TooManyExecutors> {
        oversubscription::count_cores();
        for (index, entry) in PLACES.iter().enumerate() {
            let place = at_or_new(entry, index as u32);
            // Acquire: pairs with the Release of the transitions to FREE, so that this life of the
            // place comes after the last one. Relaxed on failure: nothing is read.
            let claimed =
                place
                    .state
                    .compare_exchange(FREE, CLAIMED, Ordering::Acquire, Ordering::Relaxed);
            if claimed.is_ok() {
                place.remote.begin();
                return Ok(Self { place });
            }
        }
        Err(TooManyExecutors)
    }

    /// The executor at this place as other threads see it; it may be used before the executor
    /// exists, which then finds what was sent.
    pub fn remote(&self) -> &'static Remote {
        &self.place.remote
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.place.release();
    }
}

impl Occupancy {
    /// Takes the place of `remote` for an executor.
    ///
    /// # Panics
    ///
    /// If the place is not claimed, or has or had an executor under this claim.
    pub(crate) fn new(remote: &'static Remote) -> Self {
        let place = at(remote.place()).expect("a remote has a place");
        // Acquire: pairs with the Release of `Claim::new`'s thread that handed the remote over, by
        // whatever means it did. Relaxed on failure: the value is only shown.
        let occupied = place.state.compare_exchange(
            CLAIMED,
            CLAIMED | RUNNING,
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if let Err(state) = occupied {
            panic!("a claim serves one executor, and must be held (state {state:#b})");
        }
        Self { place }
    }
}

impl Drop for Occupancy {
    fn drop(&mut self) {
        self.place.vacate();
    }
}

impl Place {
    /// The claim goes.
    fn release(&self) {
        // Relaxed: CLOSING only keeps others out; nothing is read through the value.
        let alone =
            self.state
                .compare_exchange(CLAIMED, CLOSING, Ordering::Relaxed, Ordering::Relaxed);
        if alone.is_ok() {
            self.remote.end();
            // Release: pairs with the Acquire in `Claim::new`.
            self.state.store(FREE, Ordering::Release);
            return;
        }
        // There is or was an executor, which closes the inbox itself. If it was, the place is free
        // when the claim goes. Release: pairs with the Acquire in `Claim::new`.
        let before = self.state.fetch_and(!(CLAIMED | ENDED), Ordering::Release);
        debug_assert!(before & CLAIMED != 0, "released once");
    }

    /// The executor goes.
    fn vacate(&self) {
        self.remote.end();
        // Release: pairs with the Acquire in `Claim::new`. Relaxed loads: only compared.
        let left = self
            .state
            .fetch_update(Ordering::Release, Ordering::Relaxed, |state| {
                debug_assert!(state & RUNNING != 0, "vacated once");
                Some(if state & CLAIMED != 0 {
                    CLAIMED | ENDED
                } else {
                    FREE
                })
            });
        debug_assert!(left.is_ok());
    }
}

/// Wakes the task `id` by its executor's inbox.
pub(crate) fn wake(id: TaskId) {
    // An id is made by an executor, so its place exists.
    if let Some(place) = at(id.executor()) {
        place.remote.wake(id.task());
    }
}

/// The remote at a place that was ever claimed.
pub(crate) fn remote(index: u32) -> Option<&'static Remote> {
    at(index).map(|place| &place.remote)
}

fn at(index: u32) -> Option<&'static Place> {
    // Acquire: pairs with the Release in `at_or_new`: the place behind the pointer is seen whole.
    let place = PLACES.get(index as usize)?.load(Ordering::Acquire);
    // SAFETY: rows 1 and 2 of the table: null or a leaked box, never freed and only ever shared.
    unsafe { place.as_ref() }
}

fn at_or_new(entry: &'static AtomicPtr<Place>, index: u32) -> &'static Place {
    if let Some(place) = at(index) {
        return place;
    }
    let new = Box::into_raw(Box::new(Place {
        state: AtomicU64::new(FREE),
        remote: Remote::new(index),
    }));
    // Release: pairs with the Acquire in `at`. Acquire on failure: the same, for who was faster.
    match entry.compare_exchange(ptr::null_mut(), new, Ordering::Release, Ordering::Acquire) {
        // SAFETY: row 2 of the table: it was just leaked into the registry, and is only ever shared
        // from now on.
        Ok(_) => unsafe { &*new },
        Err(faster) => {
            // SAFETY: row 3 of the table: `new` came from `Box::into_raw` above and nobody else has
            // seen it.
            drop(unsafe { Box::from_raw(new) });
            // SAFETY: rows 1 and 2 of the table: an entry that is not null is a leaked box, never
            // freed.
            unsafe { &*faster }
        }
    }
}

static PLACES: [AtomicPtr<Place>; MAX_EXECUTORS] =
    [const { AtomicPtr::new(ptr::null_mut()) }; MAX_EXECUTORS];

const FREE: u64 = 0;
const CLAIMED: u64 = 1 << 0;
const RUNNING: u64 = 1 << 1;
const ENDED: u64 = 1 << 2;
const CLOSING: u64 = 1 << 3;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn two_claims_have_two_places() {
        let (one, other) = (Claim::new().expect("room"), Claim::new().expect("room"));
        assert_ne!(one.remote().place(), other.remote().place());
    }

    #[test]
    fn executor_that_outlives_its_claim_keeps_the_place() {
        let claim = Claim::new().expect("room");
        let remote = claim.remote();
        let occupancy = Occupancy::new(remote);
        drop(claim);
        assert!(remote.run(|| ()).is_ok());
        drop(occupancy);
    }

    #[test]
    fn ended_executor_refuses_while_the_claim_is_held() {
        let claim = Claim::new().expect("room");
        drop(Occupancy::new(claim.remote()));
        assert!(claim.remote().run(|| ()).is_err());
        let again = std::panic::catch_unwind(|| Occupancy::new(claim.remote()));
        assert!(again.is_err());
    }
}
