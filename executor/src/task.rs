//! A spawned future and what it shares with its [`JoinHandle`]: one allocation, seen from two
//! sides with both types erased.
//!
//! | field     | touched by                        | in which state                                |
//! |-----------|-----------------------------------|-----------------------------------------------|
//! | `state`   | both sides, atomically            | always                                        |
//! | `awaiter` | both sides, by its own protocol   | always                                        |
//! | `future`  | the [`Unplaced`], then the [`Task`] | until the task completes; empty ever after  |
//! | `outcome` | the [`Unplaced`], then the [`Task`] | until `State::complete`                     |
//! |           | the same, again                   | after it, if that said `Detached`             |
//! |           | the handle                        | once `is_done`, or when `detach` said `Done`  |
//!
//! There is one `Unplaced` or one `Task` of a cell, never both, and one handle. A `Task` does not
//! leave its worker, and an `Unplaced` holds no future, so a future lives and dies on one thread.
//! An outcome passes from the worker to the handle's thread only if its type is `Send`: otherwise
//! the handle is not `Send` and is on the worker itself.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::ThreadId;

use futures::task::AtomicWaker;

use crate::contain::contain;
use crate::current;
use crate::id::TaskId;
use crate::join::JoinHandle;
use crate::join_error::JoinError;
use crate::registry;
use crate::state::{Completed, State};
use crate::sync::UnsafeCell;

/// How a task ended.
pub(crate) type Outcome<T> = Result<T, JoinError>;

/// A task on its worker: the only right to its future.
///
/// Dropped before it has ended, it drops the future and resolves its handle to
/// [`JoinError::Cancelled`]. Nothing that the future does in drop or poll unwinds out of here.
pub(crate) struct Task {
    /// Of `Arc::into_raw`, and so without the detour by the counts in front of it. As a pointer
    /// it also keeps the task on its thread.
    cell: NonNull<dyn Runnable>,
}

/// The right to poll a task that stays where it is.
pub(crate) struct Lent {
    cell: NonNull<dyn Runnable>,
}

/// A task whose future is not built yet, on its way to its worker.
///
/// Dropped on the way, it resolves its handle to [`JoinError::Cancelled`].
pub(crate) struct Unplaced<F: Future + 'static> {
    // `None` once the task is placed or has completed.
    cell: Option<Arc<Cell<F>>>,
}

/// The allocation of a task: in the order in which a poll needs it, so that a small future is on
/// the cache line of its state.
#[repr(C)]
struct Cell<F: Future> {
    state: State,
    future: UnsafeCell<Option<F>>,
    outcome: UnsafeCell<Option<Outcome<F::Output>>>,
    awaiter: AtomicWaker,
    /// The thread of the executor, for a task that was spawned on it. `None`: spawned from
    /// elsewhere, and so with an output that is `Send`.
    born_on: Option<ThreadId>,
}

/// A cell as its worker sees it.
trait Runnable {
    /// The word of the task.
    fn state(&self) -> &State;

    /// Polls the future; `true` if the task has completed.
    ///
    /// # Safety
    ///
    /// The caller is the cell's only `Task`, on its worker.
    unsafe fn poll(&self, context: &mut Context<'_>) -> bool;

    /// Ends the task without an output, unless it has completed.
    ///
    /// # Safety
    ///
    /// As for [`poll`](Self::poll).
    unsafe fn cancel(&self);
}

/// A cell as its handle sees it.
pub(crate) trait Joinable<T> {
    /// The word of the task.
    fn state(&self) -> &State;

    /// The waker of who awaits the task.
    fn awaiter(&self) -> &AtomicWaker;

    /// Takes the outcome; `None` if it was taken before.
    ///
    /// # Safety
    ///
    /// The caller is the cell's only handle, and has seen `is_done`.
    unsafe fn take(&self) -> Option<Outcome<T>>;

    /// Gets rid of an outcome that nobody wants: on the task's worker if that still runs.
    ///
    /// # Safety
    ///
    /// The caller was the cell's only handle, and `detach` said `Done`.
    unsafe fn discard(self: Arc<Self>);
}

// SAFETY: an `Unplaced` holds no future (table), only the room for one. What may be in its cell is
// an outcome, whose type is `Send`, and the awaiter.
unsafe impl<F: Future> Send for Unplaced<F> where F::Output: Send {}

impl Task {
    /// A task for `future` with the place `id`, on the calling thread, which is `worker`.
    pub(crate) fn new<F: Future + 'static>(
        future: F,
        id: TaskId,
        worker: ThreadId,
    ) -> (Self, JoinHandle<F::Output>) {
        let cell = Arc::new(Cell {
            state: State::placed(id),
            future: UnsafeCell::new(Some(future)),
            outcome: UnsafeCell::new(None),
            awaiter: AtomicWaker::new(),
            born_on: Some(worker),
        });
        let handle = JoinHandle::new(Arc::clone(&cell) as Arc<dyn Joinable<F::Output>>);
        (Self::of(cell), handle)
    }

    fn of<F: Future + 'static>(cell: Arc<Cell<F>>) -> Self {
        let cell: *const dyn Runnable = Arc::into_raw(cell);
        Self {
            cell: NonNull::new(cell.cast_mut()).expect("an Arc is never null"),
        }
    }

    /// A handle for `future`, which is dropped here and now, as its executor takes no more tasks.
    pub(crate) fn refuse<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
        contain(|| drop(future));
        // No place and no thread: the outcome is `Cancelled` and may be dropped anywhere.
        let cell = Cell::<F>::empty();
        cell.complete(Err(JoinError::Cancelled));
        JoinHandle::new(cell)
    }

    /// Tells a task that was built without one its place.
    pub(crate) fn place(&self, id: TaskId) {
        self.cell().state().place(id);
    }

    /// The right to poll this task, lent out past the borrow of it.
    #[inline(always)]
    pub(crate) fn lend(&mut self) -> Lent {
        Lent { cell: self.cell }
    }

    fn cell(&self) -> &dyn Runnable {
        // SAFETY: the pointer is of `Arc::into_raw`, and its count is given back in `drop` only.
        unsafe { self.cell.as_ref() }
    }
}

impl Lent {
    /// Polls the future once; `true` if the task has completed.
    ///
    /// # Safety
    ///
    /// The task that was lent still lives, and is not used, nor lent again, until this returns.
    #[inline(always)]
    pub(crate) unsafe fn poll(self, context: &mut Context<'_>) -> bool {
        // SAFETY: the pointer is of `Arc::into_raw`, and the task still owns its count.
        let cell = unsafe { self.cell.as_ref() };
        // SAFETY: the right of the cell's only task (table), which does not use it meanwhile; on
        // its worker, as neither is `Send`.
        unsafe { cell.poll(context) }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: this is the cell's only task (table), on its worker, as it is not `Send`.
        unsafe { self.cell().cancel() };
        // SAFETY: the pointer is of `Arc::into_raw`, and this is the last use of it.
        drop(unsafe { Arc::from_raw(self.cell.as_ptr()) });
    }
}

impl<F: Future + 'static> Unplaced<F> {
    /// A task to be and its handle.
    pub(crate) fn new() -> (Self, JoinHandle<F::Output>) {
        let cell = Cell::empty();
        let handle = JoinHandle::new(Arc::clone(&cell) as Arc<dyn Joinable<F::Output>>);
        (Self { cell: Some(cell) }, handle)
    }

    /// Builds the future here, on its worker, and makes a task of it, which has no place yet.
    /// `None` if there is no task: it was aborted on the way, or building it panicked.
    pub(crate) fn build(mut self, build: impl FnOnce() -> F) -> Option<Task> {
        if self.cell.as_ref()?.state.is_aborted() {
            return None;
        }
        // Unwind safe: what `build` leaves behind is its own.
        let built = catch_unwind(AssertUnwindSafe(build));
        let cell = self.cell.take()?;
        match built {
            Ok(future) => {
                // SAFETY: `future`, the unplaced, before the task completes.
                cell.future.with_mut(|slot| unsafe { *slot = Some(future) });
                Some(Task::of(cell))
            }
            Err(payload) => {
                cell.complete(Err(JoinError::panicked(payload)));
                None
            }
        }
    }
}

impl<F: Future + 'static> Drop for Unplaced<F> {
    fn drop(&mut self) {
        if let Some(cell) = self.cell.take() {
            cell.complete(Err(JoinError::Cancelled));
        }
    }
}

impl<F: Future> Cell<F> {
    fn empty() -> Arc<Self> {
        Arc::new(Self {
            state: State::unplaced(),
            future: UnsafeCell::new(None),
            outcome: UnsafeCell::new(None),
            awaiter: AtomicWaker::new(),
            born_on: None,
        })
    }

    /// Drops the future and hands out how the task ended. For the task, once. Out of line, to keep
    /// the way of a poll that is pending short.
    #[inline(never)]
    fn end(&self, outcome: Outcome<F::Output>) {
        self.future.with_mut(|slot| {
            // SAFETY: `future`, the task, until it completes. It is dropped in place, as it is
            // pinned: the assignment drops the old value where it lies, and takes place even if
            // that panics.
            contain(|| unsafe { *slot = None });
        });
        self.complete(outcome);
    }

    /// Hands the outcome to the handle, or drops it here if that is gone. For the task, once.
    fn complete(&self, outcome: Outcome<F::Output>) {
        // SAFETY: `outcome`, the task, until `State::complete`.
        self.outcome
            .with_mut(|slot| unsafe { *slot = Some(outcome) });
        match self.state.complete() {
            Completed::Wanted => {
                let awaiter = self.awaiter.take();
                contain(|| {
                    if let Some(awaiter) = awaiter {
                        awaiter.wake();
                    }
                });
            }
            Completed::Detached => {
                // SAFETY: `outcome`, the task again, as complete said `Detached`.
                let unwanted = self.outcome.with_mut(|slot| unsafe { (*slot).take() });
                contain(|| drop(unwanted));
            }
        }
    }
}

impl<F: Future + 'static> Runnable for Cell<F> {
    fn state(&self) -> &State {
        &self.state
    }

    #[inline]
    unsafe fn poll(&self, context: &mut Context<'_>) -> bool {
        if self.state.is_aborted() {
            self.end(Err(JoinError::Cancelled));
            return true;
        }
        // Unwind safe: after a panic the future is only dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            self.future.with_mut(|slot| {
                // SAFETY: `future`, the task, until it completes.
                let slot = unsafe { &mut *slot };
                // None if it has completed, which its executor does not ask for.
                let Some(future) = slot else {
                    return Poll::Pending;
                };
                // SAFETY: the future lies in a shared allocation that never moves, and is dropped
                // in place.
                unsafe { Pin::new_unchecked(future) }.poll(context)
            })
        }));
        match polled {
            Ok(Poll::Pending) => return false,
            Ok(Poll::Ready(output)) => self.end(Ok(output)),
            Err(payload) => self.end(Err(JoinError::panicked(payload))),
        }
        true
    }

    unsafe fn cancel(&self) {
        if !self.state.is_done() {
            self.end(Err(JoinError::Cancelled));
        }
    }
}

impl<F: Future + 'static> Joinable<F::Output> for Cell<F> {
    fn state(&self) -> &State {
        &self.state
    }

    fn awaiter(&self) -> &AtomicWaker {
        &self.awaiter
    }

    unsafe fn take(&self) -> Option<Outcome<F::Output>> {
        // SAFETY: `outcome`, the handle, once `is_done`.
        self.outcome.with_mut(|slot| unsafe { (*slot).take() })
    }

    unsafe fn discard(self: Arc<Self>) {
        // SAFETY: `outcome`, the handle, when `detach` said `Done`.
        let outcome = self.outcome.with_mut(|slot| unsafe { (*slot).take() });
        let Some(outcome) = outcome else { return };
        let worker = self.state.id().filter(|_| outcome.is_ok());
        let is_here = match self.born_on {
            Some(worker) => worker == std::thread::current().id(),
            None => worker.is_none_or(|id| current::is_at(id.executor())),
        };
        if is_here {
            return contain(|| drop(outcome));
        }
        // SAFETY: not on the worker's thread, so the handle has crossed threads, and is `Send`
        // only if the output is; or the task was spawned from elsewhere, which wants the same.
        let unwanted = Sendable(outcome);
        contain(move || {
            if let Some(worker) = worker.and_then(|id| registry::remote(id.executor())) {
                // If the worker has ended, this drops it here.
                let _ = worker.run(move || unwanted.drop_here());
            }
        });
    }
}

/// A value that its maker knows to be `Send`, though the compiler does not.
struct Sendable<T>(T);

// SAFETY: the maker's promise.
unsafe impl<T> Send for Sendable<T> {}

impl<T> Sendable<T> {
    fn drop_here(self) {}
}
