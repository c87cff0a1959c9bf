//! [`Sleep`]: how a thread goes to sleep without losing what is sent to it meanwhile.
//!
//! ```text
//!            announce                                     the sleeper:   announce, look again,
//!        ┌────────────────►┐                                             then block or cancel
//!      AWAKE            SLEEPING                          a publisher:   publish, notify
//!        └◄────────────────┘
//!          cancel (sleeper), notify (publisher), timeout (sleeper)
//! ```
//!
//! The race by name is store buffering: the sleeper writes the state and reads what was
//! published; the publisher writes what it publishes and reads the state. Without a full fence on
//! both sides each may read the old value, and the sleeper sleeps on a full inbox. With both, one
//! of the fences comes first in their single order, and the other side sees what was written
//! before it: the publisher finds SLEEPING, or the sleeper finds the message.
//!
//! Only the publisher that changes SLEEPING to AWAKE unparks, so one sleep costs at most one
//! futex wait and one futex wake, and none is paid while the peer is awake.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::{
    AtomicBool, AtomicU32, AtomicU64, Mutex, Ordering, Padded, Thread, current_thread, fence, park,
};

/// The sleep protocol between one thread that sleeps and any number that publish to it.
///
/// ```
/// use gossamer_executor::sleep::Sleep;
///
/// let sleep = Sleep::new();
/// sleep.bind();
/// assert!(!sleep.notify()); // awake: nothing to do
/// sleep.announce();
/// // ... here the sleeper looks once more whether there is work ...
/// assert!(sleep.notify());
/// assert!(sleep.block(None)); // notified before it blocked: returns at once
/// ```
#[derive(Debug)]
pub struct Sleep {
    state: Padded<AtomicU32>,
    spins: AtomicBool,
    bell: Mutex<Bell>,
    parks: AtomicU64,
    unparks: AtomicU64,
}

impl Sleep {
    /// A sleep of no thread yet, awake.
    pub fn new() -> Self {
        Self {
            state: Padded(AtomicU32::new(AWAKE)),
            spins: AtomicBool::new(false),
            bell: Mutex::new(Bell::None),
            parks: AtomicU64::new(0),
            unparks: AtomicU64::new(0),
        }
    }

    /// Makes the calling thread the sleeper.
    pub fn bind(&self) {
        *self.bell.lock().expect("never poisoned") = Bell::Unpark(current_thread());
    }

    /// Makes the calling thread the sleeper, which sleeps by [`block_in`](Self::block_in) from now
    /// on, in something that `ring` ends.
    pub fn bind_bell(&self, ring: impl Fn() + Send + Sync + 'static) {
        *self.bell.lock().expect("never poisoned") = Bell::Ring(Arc::new(ring));
    }

    /// Says whether the sleeper never sleeps, so that [`notify`](Self::notify) need not look.
    ///
    /// To `true` at any time; to `false` only before the publishers of the sleeper get to know it,
    /// as one that still read `true` would not wake it.
    pub fn set_spins(&self, spins: bool) {
        // Relaxed: a publisher that still reads `false` pays a fence and finds AWAKE; that none
        // still reads `true` is the caller's promise.
        self.spins.store(spins, Ordering::Relaxed);
    }

    /// The sleeper says that it will sleep; it must then look for work once more, and either
    /// [`block`](Self::block) or [`cancel`](Self::cancel).
    pub fn announce(&self) {
        // Relaxed: ordered by the fence.
        self.state.store(SLEEPING, Ordering::Relaxed);
        // SeqCst: the race in the module's text; pairs with the fence in `notify`.
        fence(Ordering::SeqCst);
    }

    /// The sleeper found work after all.
    pub fn cancel(&self) {
        // Relaxed: publishes nothing. A notifier that was faster has left an unpark behind, which
        // `block` takes for the early return that it is.
        self.state.store(AWAKE, Ordering::Relaxed);
    }

    /// Blocks the sleeper until it is notified (`true`) or `timeout` has passed (`false`).
    ///
    /// Returns at once if it was notified since [`announce`](Self::announce).
    pub fn block(&self, timeout: Option<Duration>) -> bool {
        self.block_in(timeout, |left| {
            park(left);
            false
        })
    }

    /// As [`block`](Self::block), in `wait`, which takes the time that is left, may return early and
    /// says whether there is something to do (then this ends, by `true`).
    pub fn block_in(
        &self,
        timeout: Option<Duration>,
        mut wait: impl FnMut(Option<Duration>) -> bool,
    ) -> bool {
        // A deadline past the end of time is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            // Acquire: pairs with the Release in `notify`: the woken sleeper sees what was
            // published before it.
            if self.state.load(Ordering::Acquire) != SLEEPING {
                return true;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                self.cancel();
                return false;
            }
            // Relaxed: a count for people, written by the sleeper only.
            self.parks
                .store(self.parks.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            if wait(left) {
                self.cancel();
                return true;
            }
        }
    }

    /// A publisher, after it published: wakes the sleeper if it sleeps; says whether it did.
    ///
    /// Costs one fence while the sleeper is awake, and none if it never sleeps.
    #[inline]
    pub fn notify(&self) -> bool {
        // Relaxed: see `set_spins`.
        if self.spins.load(Ordering::Relaxed) {
            return false;
        }
        // SeqCst: the race in the module's text; pairs with the fence in `announce`.
        fence(Ordering::SeqCst);
        // Relaxed: ordered by the fence.
        if self.state.load(Ordering::Relaxed) != SLEEPING {
            return false;
        }
        self.unpark()
    }

    #[cold]
    fn unpark(&self) -> bool {
        // Release: pairs with the Acquire in `block`.
        // Relaxed on failure: somebody else woke it, who also orders it.
        if self
            .state
            .compare_exchange(SLEEPING, AWAKE, Ordering::Release, Ordering::Relaxed)
            .is_err()
        {
            return false;
        }
        // Relaxed: a count for people.
        self.unparks.fetch_add(1, Ordering::Relaxed);
        // Cloned out, so that the sleeper never finds the lock held across a system call.
        let bell = self.bell.lock().expect("never poisoned").clone();
        bell.ring();
        true
    }

    /// How often the sleeper parked.
    pub fn parks(&self) -> u64 {
        // Relaxed: a count for people.
        self.parks.load(Ordering::Relaxed)
    }

    /// How often a publisher unparked it.
    pub fn unparks(&self) -> u64 {
        // Relaxed: a count for people.
        self.unparks.load(Ordering::Relaxed)
    }
}

/// What ends the sleep of a thread.
#[derive(Clone)]
enum Bell {
    /// There is no sleeper yet.
    None,
    Unpark(Thread),
    Ring(Arc<dyn Fn() + Send + Sync>),
}

impl Bell {
    fn ring(&self) {
        match self {
            Self::None => {}
            Self::Unpark(thread) => thread.unpark(),
            Self::Ring(ring) => ring(),
        }
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Unpark(_) => "Unpark",
            Self::Ring(_) => "Ring",
        })
    }
}

impl Default for Sleep {
    fn default() -> Self {
        Self::new()
    }
}

const AWAKE: u32 = 0;
const SLEEPING: u32 = 1;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn bound() -> Sleep {
        let sleep = Sleep::new();
        sleep.bind();
        sleep
    }

    #[test]
    fn one_unpark_per_sleep() {
        let sleep = bound();
        assert!(!sleep.notify());
        sleep.announce();
        assert!(sleep.notify());
        assert!(!sleep.notify());
        assert!(sleep.block(None));
        assert_eq!((sleep.parks(), sleep.unparks()), (0, 1));
    }

    #[test]
    fn unpark_left_by_a_cancelled_sleep_is_no_wake() {
        let sleep = bound();
        sleep.announce();
        assert!(sleep.notify());
        sleep.cancel();
        sleep.announce();
        assert!(!sleep.block(Some(Duration::from_millis(1))));
        assert!(!sleep.notify());
    }

    #[test]
    fn zero_and_endless_timeouts() {
        let sleep = bound();
        sleep.announce();
        assert!(!sleep.block(Some(Duration::ZERO)));
        sleep.announce();
        assert!(sleep.notify());
        assert!(sleep.block(Some(Duration::MAX)));
    }

    #[test]
    fn who_spins_is_never_unparked() {
        let sleep = bound();
        sleep.set_spins(true);
        sleep.announce();
        assert!(!sleep.notify());
        assert_eq!(sleep.unparks(), 0);
    }
}
