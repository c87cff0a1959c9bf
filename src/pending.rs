//! Requests in flight that somebody awaits: the runtime owns them, never the future.
//!
//! ```text
//!              complete                   poll
//! Waiting ──────────────► Done, Failed ──────────► (free)
//!    │                         │  abandon: result dropped
//!    ├─ abandon ──► Abandoned ─┼─ complete: result dropped ──► (free)
//!    └─ redirect ─► Redirected ┴─ complete: handed on ───────► (free)
//! ```
//!
//! What ran already, for a task that is to wait for its next turn, begins as `Done` or `Failed`.
//!
//! An entry is freed by its future's last act or by its completion, whichever comes later, so an
//! index is never stale. An entry is 32 bytes, the result taking the place of the waker, and is
//! written and emptied where it lies: moving it in and out of a slab cost 7 ns of a round trip.
//!
//! **Invariant:** no borrow of the table is alive while a waker is cloned, woken or dropped, or a
//! result is dropped.
//!
//! # Unsafe
//!
//! | field | who may touch it | in which state |
//! |---|---|---|
//! | `Stored` | whoever takes the entry out of `Done` | holds a `U`, of the type that `drop_result` was made for |
//! | the block behind a stored word, if a `U` takes more than `OWN_WORDS` | the same: the entry owns it | from `store` to `unstore`; before and after it is one of `blocks` or new |
//!
//! The type of an entry is fixed by `open::<U>`; its index is known only to the completion and
//! the future that were issued with it, both for the same `U`.

use std::cell::RefCell;
use std::mem::{MaybeUninit, replace};
use std::task::{Context, Poll, Waker};

use crate::client::Client;
use crate::contain::contain;
use crate::erase::{Complete, ResultWords, put};
use crate::error::{Fault, Outcome, Payload};
use gossamer_transport::{RESULT_WORDS_MAX, Word};

/// Hands a result on to whoever awaits it elsewhere.
pub(crate) type Redirect<U> = Box<dyn FnOnce(Outcome<U>) + Send>;

/// The table of one client.
#[derive(Default)]
pub(crate) struct PendingTable {
    entries: RefCell<Entries>,
    /// Memory for results that are larger than an entry's own room.
    blocks: RefCell<Vec<Block>>,
}

struct Entries {
    table: Vec<Pending>,
    /// The first that is free, which leads to the next, or `NONE`.
    free: u32,
}

struct Pending {
    state: State,
    drop_result: unsafe fn(&PendingTable, Stored),
}

enum State {
    /// The next that is free, or `NONE`.
    Free(u32),
    Waiting(Waker),
    Abandoned,
    /// Holds a `Redirect<U>` behind a box, so that its type need not be named here.
    Redirected(Box<dyn std::any::Any>),
    Done(Stored),
    Failed(Fault),
}

/// A result that waits for its future: its words, or a block with them.
type Stored = [Word; OWN_WORDS];

type Block = Box<[Word; RESULT_WORDS_MAX]>;

impl PendingTable {
    /// Opens an entry for a result of type `U`.
    #[inline(always)]
    pub(crate) fn insert<U: 'static>(&self, waker: Waker) -> u32 {
        self.open::<U>(|| State::Waiting(waker))
    }

    /// Opens an entry for a future that is to ask for its outcome later.
    #[cold]
    pub(crate) fn insert_settled<U: 'static>(&self, outcome: Outcome<U>) -> u32 {
        let state = match outcome {
            Ok(result) => {
                let mut words = [MaybeUninit::uninit(); RESULT_WORDS_MAX];
                // SAFETY: no result takes more.
                unsafe { put(words.as_mut_ptr(), result, RESULT_WORDS_MAX) };
                // SAFETY: it was put there just now, and is copied away.
                State::Done(self.store(&unsafe { ResultWords::<U>::at(&words) }))
            }
            Err(fault) => State::Failed(fault),
        };
        self.open::<U>(|| state)
    }

    /// `state` is made where it is to lie: stored as words and moved as a whole, it would wait until
    /// they have left the store buffer.
    #[inline(always)]
    fn open<U: 'static>(&self, state: impl FnOnce() -> State) -> u32 {
        let mut entries = self.entries.borrow_mut();
        let index = match entries.free {
            NONE => entries.grow(),
            index => index,
        };
        let Entries { table, free } = &mut *entries;
        let entry = &mut table[index as usize];
        let State::Free(next) = entry.state else {
            unreachable!("it was free")
        };
        *free = next;
        entry.drop_result = drop_result::<U>;
        std::mem::forget(replace(&mut entry.state, state())); // was free: nothing to drop
        index
    }

    /// The future's poll, first part: takes the result, if it is there.
    #[inline(always)]
    pub(crate) fn take<U: 'static>(&self, index: u32) -> Option<U> {
        let mut entries = self.entries.borrow_mut();
        let Entries { table, free } = &mut *entries;
        let entry = table.get_mut(index as usize)?;
        let State::Done(stored) = entry.state else {
            return None;
        };
        std::mem::forget(replace(&mut entry.state, State::Free(*free))); // copied above
        *free = index;
        drop(entries);
        // SAFETY: row 1 of the table: it was `Done`; the entry is out of the table, so this is
        // once.
        Some(unsafe { self.unstore(stored) })
    }

    /// The future is gone: nobody waits for the result any more.
    #[cold]
    pub(crate) fn abandon<U: 'static>(&self, index: u32) {
        drop(self.settle::<U>(index, State::Abandoned).0);
    }

    /// The future is polled elsewhere now: its outcome goes to `redirect`.
    #[cold]
    pub(crate) fn redirect<U: 'static>(&self, index: u32, redirect: Redirect<U>) {
        let (outcome, state) = self.settle::<U>(index, State::Redirected(Box::new(redirect)));
        if let (Some(outcome), Some(State::Redirected(redirect))) = (outcome, state) {
            hand_on(redirect, outcome);
        }
    }

    /// Drops every result that waits for a future which may never come.
    pub(crate) fn sweep(&self, report: &dyn Fn(&Payload)) {
        let entries = std::mem::take(&mut *self.entries.borrow_mut());
        for Pending { state, drop_result } in entries.table {
            let drop_state = || match state {
                // SAFETY: row 1 of the table: it is `Done`; the entry is out of the table, so this
                // is once.
                State::Done(stored) => unsafe { drop_result(self, stored) },
                other => drop(other),
            };
            contain(drop_state, |payload| report(payload));
        }
    }

    #[inline(always)]
    fn complete<U: 'static>(&self, client: &Client, index: u32, result: ResultWords<U>) {
        let mut entries = self.entries.borrow_mut();
        let entry = &mut entries.table[index as usize];
        let State::Waiting(_) = entry.state else {
            drop(entries);
            return self.complete_unawaited(index, Ok(result.take()));
        };
        let done = State::Done(self.store(&result));
        let waker = match replace(&mut entry.state, done) {
            State::Waiting(waker) => waker,
            other => {
                // Were it to be dropped, it would be moved through memory on the way above, too.
                std::mem::forget(other);
                unreachable!("matched above")
            }
        };
        drop(entries);
        client.wake(waker);
    }

    /// The request has this result, which did not come in a slot.
    #[inline(always)]
    pub(crate) fn finish<U: 'static>(&self, client: &Client, index: u32, result: U) {
        let mut words = [MaybeUninit::uninit(); RESULT_WORDS_MAX];
        // SAFETY: no result takes more.
        unsafe { put(words.as_mut_ptr(), result, RESULT_WORDS_MAX) };
        // SAFETY: it was put there just now, and is taken or copied away.
        self.complete(client, index, unsafe { ResultWords::<U>::at(&words) });
    }

    /// The request has no result.
    #[cold]
    pub(crate) fn fail<U: 'static>(&self, client: &Client, index: u32, fault: Fault) {
        let mut entries = self.entries.borrow_mut();
        let entry = &mut entries.table[index as usize];
        let State::Waiting(_) = entry.state else {
            drop(entries);
            return self.complete_unawaited::<U>(index, Err(fault));
        };
        let State::Waiting(waker) = replace(&mut entry.state, State::Failed(fault)) else {
            unreachable!("matched above")
        };
        drop(entries);
        client.wake(waker);
    }

    /// Nobody waits for the outcome here.
    #[cold]
    fn complete_unawaited<U: 'static>(&self, index: u32, outcome: Outcome<U>) {
        let state = self.entries.borrow_mut().remove(index);
        match state {
            State::Redirected(redirect) => hand_on(redirect, outcome),
            State::Abandoned => drop(outcome),
            State::Free(_) | State::Waiting(_) | State::Done(_) | State::Failed(_) => {
                unreachable!("completed once")
            }
        }
    }

    /// The future's poll, second part: takes the failure, or leaves the waker to be woken by the
    /// outcome.
    #[cold]
    pub(crate) fn poll_not_done<U: 'static>(
        &self,
        index: u32,
        cx: &Context<'_>,
    ) -> Poll<Outcome<U>> {
        let mut entries = self.entries.borrow_mut();
        match entries.table.get(index as usize).map(|entry| &entry.state) {
            None => return Poll::Ready(Err(Fault::Closed)), // swept
            Some(State::Waiting(waker)) if waker.will_wake(cx.waker()) => return Poll::Pending,
            Some(State::Failed(_)) => {
                let state = entries.remove(index);
                drop(entries);
                let State::Failed(fault) = state else {
                    unreachable!("matched above")
                };
                return Poll::Ready(Err(fault));
            }
            Some(_) => drop(entries),
        }
        let waker = cx.waker().clone();
        let mut entries = self.entries.borrow_mut();
        let before = replace(
            &mut entries.table[index as usize].state,
            State::Waiting(waker),
        );
        drop(entries);
        drop(before);
        Poll::Pending
    }

    /// Takes the outcome, if there is one, and gives `state` back; else puts `state` there.
    fn settle<U: 'static>(&self, index: u32, state: State) -> (Option<Outcome<U>>, Option<State>) {
        let mut entries = self.entries.borrow_mut();
        match entries.table.get_mut(index as usize) {
            None => (Some(Err(Fault::Closed)), Some(state)), // swept
            Some(Pending {
                state: State::Done(_) | State::Failed(_),
                ..
            }) => {
                let state_before = entries.remove(index);
                drop(entries);
                let outcome = match state_before {
                    // SAFETY: row 1 of the table: it was `Done`; the entry is out of the table, so
                    // this is once.
                    State::Done(stored) => Ok(unsafe { self.unstore(stored) }),
                    State::Failed(fault) => Err(fault),
                    _ => unreachable!("matched above"),
                };
                (Some(outcome), Some(state))
            }
            Some(entry) => {
                let before = replace(&mut entry.state, state);
                drop(entries);
                drop(before);
                (None, None)
            }
        }
    }

    /// Moves a result's words out of its slot.
    #[inline(always)]
    fn store<U>(&self, result: &ResultWords<U>) -> Stored {
        let mut stored = [MaybeUninit::uninit(); OWN_WORDS];
        if const { ResultWords::<U>::WORDS <= OWN_WORDS } {
            result.copy_to(&mut stored);
        } else {
            let block = self.blocks.borrow_mut().pop();
            let mut block: Block =
                block.unwrap_or_else(|| Box::new([MaybeUninit::uninit(); RESULT_WORDS_MAX]));
            result.copy_to(&mut *block);
            stored[0].write(Box::into_raw(block).expose_provenance() as u64);
        }
        stored
    }

    /// # Safety
    /// `store::<U>` made it, and it is taken once.
    #[inline(always)]
    unsafe fn unstore<U>(&self, stored: Stored) -> U {
        if const { ResultWords::<U>::WORDS <= OWN_WORDS } {
            // SAFETY: row 1 of the table, by the contract.
            return unsafe { ResultWords::<U>::at(&stored) }.take();
        }
        // SAFETY: row 2 of the table: `store` wrote the block's address.
        let address = unsafe { stored[0].assume_init() };
        let block =
            std::ptr::with_exposed_provenance_mut::<[Word; RESULT_WORDS_MAX]>(address as usize);
        // SAFETY: row 2 of the table: `store` made it of a box, and it is taken once.
        let block = unsafe { Box::from_raw(block) };
        // SAFETY: row 2 of the table, by the contract.
        let result = unsafe { ResultWords::<U>::at(&*block) }.take();
        self.blocks.borrow_mut().push(block);
        result
    }
}

impl Default for Entries {
    fn default() -> Self {
        Self {
            table: Vec::new(),
            free: NONE,
        }
    }
}

impl Entries {
    /// Adds a free entry.
    #[cold]
    fn grow(&mut self) -> u32 {
        let index = u32::try_from(self.table.len()).ok();
        let index = index.filter(|&index| index != NONE);
        let index = index.expect("fewer than 2^32 requests in flight");
        self.table.push(Pending {
            state: State::Free(NONE),
            drop_result: drop_result::<()>,
        });
        index
    }

    /// Frees an entry, and returns the state that it was in.
    #[inline(always)]
    fn remove(&mut self, index: u32) -> State {
        let state = &mut self.table[index as usize].state;
        let before = replace(state, State::Free(self.free));
        self.free = index;
        before
    }
}

/// The completion of a request that a future awaits: its entry.
pub(crate) struct Awaited(pub(crate) u32);

impl<U: 'static> Complete<U> for Awaited {
    #[inline(always)]
    fn done(self, client: &Client, result: ResultWords<U>) {
        client.pending().complete(client, self.0, result);
    }

    fn failed(self, client: &Client, payload: Payload) {
        let fault = Fault::Panicked(payload);
        client.pending().fail::<U>(client, self.0, fault);
    }
}

fn hand_on<U: 'static>(redirect: Box<dyn std::any::Any>, outcome: Outcome<U>) {
    let redirect = redirect.downcast::<Redirect<U>>();
    redirect.expect("redirected by a future of the same type")(outcome);
}

/// # Safety
/// `store::<U>` made it, and it is taken once.
unsafe fn drop_result<U>(table: &PendingTable, stored: Stored) {
    // SAFETY: the contract is the same.
    drop(unsafe { table.unstore::<U>(stored) });
}

/// No entry.
const NONE: u32 = u32::MAX;

/// Words of a result that an entry has room for: those of a waker.
const OWN_WORDS: usize = 2;
