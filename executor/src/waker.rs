//! Wakers that are ids: a place in the registry and a place in that executor, packed into the data
//! pointer of a `RawWaker`.
//!
//! Clone and drop do nothing, a wake on the executor's own thread is a flag and a push, and a wake
//! elsewhere is a message. No count, no allocation, nothing that could dangle: the pointer is
//! never followed. In exchange a stale id is answered by whoever has the place by then, with one
//! *spurious poll*: of another task of that executor, or of a task of another executor that was
//! given the place. Futures must bear spurious polls anyway.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the data pointer of a waker | the functions of `VTABLE`, on any thread, as a number | always: it has no provenance and owns nothing |

use std::mem::ManuallyDrop;
use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::current;
use crate::id::TaskId;
use crate::registry;

/// The waker of the task `id`; not to be dropped because dropping it would do nothing.
#[inline(always)]
pub(crate) fn waker(id: TaskId) -> ManuallyDrop<Waker> {
    // SAFETY: the row of the table: the functions of `VTABLE` keep the contract of `RawWaker`. They
    // are thread-safe, as they use thread-locals and atomics only, and the data owns nothing.
    ManuallyDrop::new(unsafe { Waker::from_raw(raw(id)) })
}

/// Wakes a task, and if it is one of the executor on this thread, polls it here and now.
///
/// For a [`Resident`](crate::Resident) that has no borrow of its own alive: it saves the task the
/// way through the run queue. A task that is queued already keeps its place there, and from within
/// the poll of a task, or with a waker of another kind, this is a plain wake.
///
/// ```
/// use gossamer_executor::wake_now;
/// use std::task::Waker;
///
/// wake_now(Waker::noop().clone());
/// ```
#[inline]
pub fn wake_now(waker: Waker) {
    if !ptr::eq(waker.vtable(), &VTABLE) {
        return waker.wake();
    }
    // Its drop would do nothing.
    let id = id(ManuallyDrop::new(waker).data());
    if !current::poll_now(id) {
        wake_elsewhere(id);
    }
}

#[inline(always)]
fn raw(id: TaskId) -> RawWaker {
    const { assert!(TaskId::BITS <= usize::BITS) };
    RawWaker::new(ptr::without_provenance(id.bits() as usize), &VTABLE)
}

#[inline(always)]
fn id(data: *const ()) -> TaskId {
    TaskId::from_bits(data.addr() as u64)
}

fn clone(data: *const ()) -> RawWaker {
    raw(id(data))
}

fn wake(data: *const ()) {
    let id = id(data);
    if !current::wake(id) {
        wake_elsewhere(id);
    }
}

/// Out of line, to keep the way of a wake on the own thread short.
#[cold]
#[inline(never)]
fn wake_elsewhere(id: TaskId) {
    registry::wake(id);
}

fn drop(_: *const ()) {}

// The functions follow no pointer, so they are safe to call.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, drop);
