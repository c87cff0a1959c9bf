//! [`State`]: the word that a task and its handle share.
//!
//! ```text
//!             place (worker)                  complete (worker)
//!   UNPLACED ────────────────► PLACED at id ───────────────────► DONE
//!       └─────────────────── complete (cancelled unplaced) ───────┘
//!
//!   beside it, set once, by the handle:  abort ─► ABORTED     detach ─► DETACHED
//! ```
//!
//! The id of the task and the flags are one word because both sides need both: an abort must learn
//! whom to wake, and a task that gets its place must learn that it was aborted before. In one word
//! there is an order between the two; in two words each could miss the other.

use std::fmt;

use crate::id::TaskId;
use crate::sync::{AtomicU64, Ordering};

/// What became of a task, and of the interest in it.
pub struct State {
    word: AtomicU64,
}

/// What a completing task finds.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Completed {
    /// The handle will take the output; wake who awaits it.
    Wanted,
    /// The handle is gone: the output is the task's to drop.
    Detached,
}

/// What a handle finds that goes away.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Detached {
    /// The task will find that nobody wants its output.
    Running,
    /// The output is there and is the handle's to get rid of.
    Done,
}

/// What an abort finds.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Aborted {
    /// The task must be woken to see it.
    Wake(TaskId),
    /// The task has no place yet and will see it when it gets one.
    Unplaced,
    /// The task had ended.
    Done,
}

impl State {
    /// A task without a place.
    pub fn unplaced() -> Self {
        Self {
            word: AtomicU64::new(0),
        }
    }

    /// A task that has its place from the outset.
    pub(crate) fn placed(id: TaskId) -> Self {
        Self {
            word: AtomicU64::new(id.bits() | PLACED),
        }
    }

    /// The worker: the task has its place. An abort from now on wakes it there.
    pub(crate) fn place(&self, id: TaskId) {
        // Relaxed: the order of place and abort is that of this one word; nothing else is passed.
        let before = self.word.fetch_or(id.bits() | PLACED, Ordering::Relaxed);
        debug_assert!(
            before & (PLACED | DONE) == 0,
            "placed once, before it is done"
        );
    }

    /// The worker: the outcome is written.
    pub fn complete(&self) -> Completed {
        // Release: pairs with the Acquire of `is_done` and `detach`, which then see the outcome.
        // Acquire: pairs with the Release of `detach`: the handle has let go of the outcome.
        let before = self.word.fetch_or(DONE, Ordering::AcqRel);
        debug_assert!(before & DONE == 0, "completed once");
        if before & DETACHED == 0 {
            Completed::Wanted
        } else {
            Completed::Detached
        }
    }

    /// The handle goes.
    pub fn detach(&self) -> Detached {
        // Acquire: pairs with the Release of `complete`. Release: with its Acquire.
        let before = self.word.fetch_or(DETACHED, Ordering::AcqRel);
        debug_assert!(before & DETACHED == 0, "detached once");
        if before & DONE == 0 {
            Detached::Running
        } else {
            Detached::Done
        }
    }

    /// The handle: the task shall end.
    pub(crate) fn abort(&self) -> Aborted {
        // Release: pairs with the Acquire of `is_aborted`: what came before the abort has happened
        // when the future is dropped.
        let before = self.word.fetch_or(ABORTED, Ordering::Release);
        if before & DONE != 0 {
            Aborted::Done
        } else if before & PLACED != 0 {
            Aborted::Wake(id_in(before))
        } else {
            Aborted::Unplaced
        }
    }

    /// The worker: whether an abort was asked for.
    #[inline(always)]
    pub(crate) fn is_aborted(&self) -> bool {
        // Acquire: pairs with the Release of `abort`.
        self.word.load(Ordering::Acquire) & ABORTED != 0
    }

    /// The handle: whether the outcome may be taken.
    #[inline]
    pub fn is_done(&self) -> bool {
        // Acquire: pairs with the Release of `complete`.
        self.word.load(Ordering::Acquire) & DONE != 0
    }

    /// Where the task has its place.
    pub(crate) fn id(&self) -> Option<TaskId> {
        // Relaxed: the word passes only itself.
        let word = self.word.load(Ordering::Relaxed);
        (word & PLACED != 0).then(|| id_in(word))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("id", &self.id())
            .field("is_aborted", &self.is_aborted())
            .field("is_done", &self.is_done())
            .finish()
    }
}

fn id_in(word: u64) -> TaskId {
    TaskId::from_bits(word & (PLACED - 1))
}

const PLACED: u64 = 1 << TaskId::BITS;
const ABORTED: u64 = PLACED << 1;
const DETACHED: u64 = PLACED << 2;
const DONE: u64 = PLACED << 3;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn abort_before_and_after_the_place() {
        let id = TaskId::new(3, 4);
        let state = State::unplaced();
        assert_eq!(state.abort(), Aborted::Unplaced);
        state.place(id);
        assert!(state.is_aborted());
        assert_eq!(state.abort(), Aborted::Wake(id));
        assert_eq!(State::placed(id).abort(), Aborted::Wake(id));
    }

    #[test]
    fn abort_after_the_end() {
        let state = State::unplaced();
        assert_eq!(state.complete(), Completed::Wanted);
        assert_eq!(state.abort(), Aborted::Done);
    }

    #[test]
    fn detach_before_and_after_the_end() {
        let state = State::unplaced();
        assert_eq!(state.detach(), Detached::Running);
        assert_eq!(state.complete(), Completed::Detached);
        let state = State::unplaced();
        assert_eq!(state.complete(), Completed::Wanted);
        assert_eq!(state.detach(), Detached::Done);
    }
}
