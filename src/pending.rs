//! Requests in flight that somebody awaits: the runtime owns them, never the future.
//!
//! ```text
//!              complete                poll
//! Waiting ──────────────► Done ─────────────────► (free)
//!    │                     │  abandon: result dropped
//!    ├─ abandon ──► Abandoned ── complete: result dropped ──► (free)
//!    └─ redirect ─► Redirected ─ complete: handed on ───────► (free)
//! ```
//!
//! An entry is freed by its future's last act or by its completion, whichever comes later, so an
//! index is never stale. **Invariant:** no borrow of the table is alive while a waker is cloned,
//! woken or dropped, or a result is dropped.
//!
//! # Unsafe
//!
//! | field | who may touch it | in which state |
//! |---|---|---|
//! | `result` | whoever takes the entry out of `Done(Ok)` | holds a `U` of the type that `drop_result` was made for |
//!
//! The type of an entry is fixed by `insert::<U>`; its index is known only to the completion and
//! the future that were issued with it, both for the same `U`.

use std::cell::RefCell;
use std::mem::{MaybeUninit, replace};
use std::task::{Context, Poll, Waker};

use gossamer_transport::{RESULT_WORDS_MAX, Word};
use slab::Slab;

use crate::client::Client;
use crate::contain::contain;
use crate::erase::{Complete, ResultWords};
use crate::error::{Fault, Outcome, Payload};

/// Hands a result on to whoever awaits it elsewhere.
pub(crate) type Redirect<U> = Box<dyn FnOnce(Outcome<U>) + Send>;

/// The table of one client.
#[derive(Default)]
pub(crate) struct PendingTable {
    entries: RefCell<Slab<Pending>>,
    /// Memory for results that are larger than an entry's own room.
    blocks: RefCell<Vec<Block>>,
}

struct Pending {
    state: State,
    drop_result: unsafe fn(&[Word]),
    result: Place,
}

enum State {
    Waiting(Waker),
    Abandoned,
    /// Holds a `Redirect<U>` behind a thin box, so that its type need not be named here.
    Redirected(Box<dyn std::any::Any>),
    Done(Result<(), Fault>),
}

/// Where a result lies while it waits for its future.
enum Place {
    Own([Word; OWN_WORDS]),
    Block(Block),
}

type Block = Box<[Word; RESULT_WORDS_MAX]>;

impl PendingTable {
    /// Opens an entry for a result of type `U`.
    #[inline]
    pub(crate) fn insert<U: 'static>(&self, waker: Waker) -> u32 {
        let result = if ResultWords::<U>::WORDS <= OWN_WORDS {
            Place::Own([MaybeUninit::uninit(); OWN_WORDS])
        } else {
            Place::Block(self.block())
        };
        let entry = Pending { state: State::Waiting(waker), drop_result: drop_result::<U>, result };
        let index = self.entries.borrow_mut().insert(entry);
        u32::try_from(index).expect("fewer than 2^32 requests are in flight")
    }

    /// The future's poll: takes the outcome, or leaves the waker to be woken by it.
    #[inline]
    pub(crate) fn poll<U: 'static>(&self, index: u32, cx: &Context<'_>) -> Poll<Outcome<U>> {
        let mut entries = self.entries.borrow_mut();
        let Some(entry) = entries.get(index as usize) else {
            return Poll::Ready(Err(Fault::Closed)); // swept
        };
        match &entry.state {
            State::Done(_) => {
                let entry = entries.remove(index as usize);
                drop(entries);
                let State::Done(done) = entry.state else { unreachable!("matched above") };
                Poll::Ready(self.take_result(done, entry.result))
            }
            State::Waiting(waker) if waker.will_wake(cx.waker()) => Poll::Pending,
            State::Waiting(_) => {
                drop(entries);
                self.replace_waker(index, cx.waker());
                Poll::Pending
            }
            State::Abandoned | State::Redirected(_) => {
                unreachable!("the future has given up its entry")
            }
        }
    }

    /// The future is gone: nobody waits for the result any more.
    pub(crate) fn abandon<U: 'static>(&self, index: u32) {
        let mut entries = self.entries.borrow_mut();
        let Some(entry) = entries.get_mut(index as usize) else {
            return; // swept
        };
        if let State::Done(_) = entry.state {
            let entry = entries.remove(index as usize);
            drop(entries);
            let State::Done(done) = entry.state else { unreachable!("matched above") };
            drop(self.take_result::<U>(done, entry.result));
        } else {
            let before = replace(&mut entry.state, State::Abandoned);
            drop(entries);
            drop(before);
        }
    }

    /// The future is polled elsewhere now: its outcome goes to `redirect`.
    pub(crate) fn redirect<U: 'static>(&self, index: u32, redirect: Redirect<U>) {
        let mut entries = self.entries.borrow_mut();
        let Some(entry) = entries.get_mut(index as usize) else {
            return redirect(Err(Fault::Closed)); // swept
        };
        if let State::Done(_) = entry.state {
            let entry = entries.remove(index as usize);
            drop(entries);
            let State::Done(done) = entry.state else { unreachable!("matched above") };
            redirect(self.take_result(done, entry.result));
        } else {
            let before = replace(&mut entry.state, State::Redirected(Box::new(redirect)));
            drop(entries);
            drop(before);
        }
    }

    /// Drops every result that waits for a future which may never come.
    pub(crate) fn sweep(&self, report: &dyn Fn(&Payload)) {
        let entries = std::mem::take(&mut *self.entries.borrow_mut());
        for (_, Pending { state, drop_result, result }) in entries {
            if let State::Done(Ok(())) = state {
                // SAFETY: the state says that the result is there; the entry is consumed.
                contain(|| unsafe { drop_result(result.words()) }, |payload| report(payload));
            }
        }
    }

    #[inline]
    fn complete<U: 'static>(&self, index: u32, outcome: Outcome<ResultWords<U>>) {
        let mut entries = self.entries.borrow_mut();
        let entry = &mut entries[index as usize];
        if let State::Waiting(_) = entry.state {
            let done = outcome.map(|result| result.move_to(entry.result.words_mut()));
            let State::Waiting(waker) = replace(&mut entry.state, State::Done(done)) else {
                unreachable!("matched above")
            };
            drop(entries);
            waker.wake();
            return;
        }
        let entry = entries.remove(index as usize);
        drop(entries);
        let outcome = outcome.map(ResultWords::take);
        self.recycle(entry.result);
        match entry.state {
            State::Redirected(redirect) => {
                let redirect = redirect.downcast::<Redirect<U>>();
                redirect.expect("redirected by a future of the same type")(outcome);
            }
            State::Abandoned => drop(outcome),
            State::Waiting(_) | State::Done(_) => unreachable!("completed once"),
        }
    }

    #[cold]
    fn replace_waker(&self, index: u32, waker: &Waker) {
        let waker = waker.clone();
        let mut entries = self.entries.borrow_mut();
        let entry = &mut entries[index as usize];
        let before = replace(&mut entry.state, State::Waiting(waker));
        drop(entries);
        drop(before);
    }

    #[inline(always)]
    fn take_result<U>(&self, done: Result<(), Fault>, place: Place) -> Outcome<U> {
        let outcome = done.map(|()| {
            // SAFETY: `complete` moved it there; the entry is out of the table, so this is once.
            unsafe { ResultWords::<U>::at(place.words()) }.take()
        });
        self.recycle(place);
        outcome
    }

    #[inline(always)]
    fn recycle(&self, place: Place) {
        if let Place::Block(block) = place {
            self.blocks.borrow_mut().push(block);
        }
    }

    fn block(&self) -> Block {
        let block = self.blocks.borrow_mut().pop();
        block.unwrap_or_else(|| Box::new([MaybeUninit::uninit(); RESULT_WORDS_MAX]))
    }
}

/// The completion of a request that a future awaits: its entry.
pub(crate) struct Awaited(pub(crate) u32);

impl<U: 'static> Complete<U> for Awaited {
    #[inline(always)]
    fn complete(self, client: &Client, outcome: Outcome<ResultWords<U>>) {
        client.pending().complete(self.0, outcome);
    }
}

impl Place {
    #[inline(always)]
    fn words(&self) -> &[Word] {
        match self {
            Self::Own(words) => words,
            Self::Block(block) => &**block,
        }
    }

    #[inline(always)]
    fn words_mut(&mut self) -> &mut [Word] {
        match self {
            Self::Own(words) => words,
            Self::Block(block) => &mut **block,
        }
    }
}

/// # Safety
/// A `U` was moved to `place`, and it is not used again.
unsafe fn drop_result<U>(place: &[Word]) {
    // SAFETY: by the contract.
    drop(unsafe { ResultWords::<U>::at(place) }.take());
}

/// Words of a result that an entry has room for.
const OWN_WORDS: usize = 3;
