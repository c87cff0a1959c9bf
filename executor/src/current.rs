//! The executor that runs on the calling thread.
//!
//! | field     | touched by              | in which state                                     |
//! |-----------|-------------------------|----------------------------------------------------|
//! | `CURRENT` | the thread it belongs to | null, or the executor that an [`Entered`] borrows |

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;

use crate::executor::Executor;
use crate::id::TaskId;

/// An executor made the current one of its thread, until this is dropped.
pub(crate) struct Entered<'a> {
    before: *const Executor,
    executor: PhantomData<&'a Executor>,
}

impl<'a> Entered<'a> {
    /// Makes `executor` the current one of the calling thread.
    pub(crate) fn new(executor: &'a Executor) -> Self {
        Self {
            before: CURRENT.replace(executor),
            executor: PhantomData,
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// Calls `f` with the executor that runs on the calling thread, if one does.
///
/// ```
/// use gossamer_executor::with_current;
///
/// assert!(with_current(|executor| executor.is_none()));
/// ```
#[inline]
pub fn with_current<R>(f: impl FnOnce(Option<&Executor>) -> R) -> R {
    // SAFETY: `CURRENT` is null or the executor that an `Entered` borrows. That guard is dropped
    // below us on this stack, so not before `f` returns, which cannot keep the reference.
    f(unsafe { CURRENT.get().as_ref() })
}

/// Whether an executor runs on the calling thread.
///
/// ```
/// assert!(!gossamer_executor::is_entered());
/// ```
#[inline]
pub fn is_entered() -> bool {
    !CURRENT.get().is_null()
}

/// Wakes the task `id` if its executor runs on the calling thread; says whether it does.
#[inline(always)]
pub(crate) fn wake(id: TaskId) -> bool {
    with_current(|executor| match executor {
        Some(executor) if executor.place() == id.executor() => {
            executor.wake(id.task());
            true
        }
        _ => false,
    })
}

/// Polls the task `id` now if its executor runs on the calling thread; says whether it does.
#[inline(always)]
pub(crate) fn poll_now(id: TaskId) -> bool {
    with_current(|executor| match executor {
        Some(executor) if executor.place() == id.executor() => {
            executor.poll_now(id.task());
            true
        }
        _ => false,
    })
}

/// Whether the executor at `place` runs on the calling thread.
pub(crate) fn is_at(place: u32) -> bool {
    with_current(|executor| executor.is_some_and(|executor| executor.place() == place))
}

thread_local! {
    static CURRENT: Cell<*const Executor> = const { Cell::new(ptr::null()) };
}
