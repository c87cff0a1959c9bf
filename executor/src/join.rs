//! [`JoinHandle`]: the output of a task, awaited from anywhere.
//!
//! # Unsafe
//!
//! The handle's side of the table in task.rs; a cell has one handle.
//!
//! | of the cell | who may touch it | in which state |
//! |---|---|---|
//! | `state` | any thread, atomically | always |
//! | `awaiter` | the handle, by `&mut` or in its drop, as far as its own protocol allows | always |
//! | `outcome` | the handle | once `is_done`, or when `detach` said `Done` |
//! | `future` | not the handle | always |

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::FusedFuture;

use crate::budget;
use crate::contain::contain;
use crate::join_error::JoinError;
use crate::state::{Aborted, Detached};
use crate::task::Joinable;
use crate::waker;

/// A task's output, as a future.
///
/// It may be awaited on any thread and any executor, and never hangs: a task that panics, is
/// aborted or loses its executor resolves it to a [`JoinError`].
///
/// Dropping it *detaches* the task, which then runs on; its output is dropped on its own worker.
/// The future itself is dropped on the worker in any case, and before the handle resolves.
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor, spawn};
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// let sum = executor.run_until(async {
///     let (one, two) = (spawn(async { 1 }), spawn(async { 2 }));
///     one.await.unwrap() + two.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
///
/// # Cancel safety
///
/// Awaiting `&mut handle` is cancel safe: the output is kept until it is taken.
pub struct JoinHandle<T> {
    // `None` once the output is taken.
    cell: Option<Arc<dyn Joinable<T>>>,
}

// SAFETY: rows 1 and 2 of the table: a handle reaches its cell's state and awaiter, which are for
// any thread. Row 3: it takes the output, which is `Send`. Row 4: the future in the cell is not
// the handle's to touch, not even as the last owner of the cell: it is gone by the time the task
// has completed, and until then the task owns the cell too.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: row 1 of the table: through a shared handle only the state is reached.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    pub(crate) fn new(cell: Arc<dyn Joinable<T>>) -> Self {
        Self { cell: Some(cell) }
    }

    /// Asks the task to end: its worker drops the future soon, and the handle resolves to
    /// [`JoinError::Cancelled`], unless the task completes before.
    ///
    /// From any thread; the future is never dropped by the caller, not even on its own worker.
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor, spawn};
    /// # let claim = Claim::new()?;
    /// # let executor = Executor::new(claim.remote(), Config::default());
    /// let task = executor.spawn(std::future::pending::<()>());
    /// task.abort();
    /// assert!(executor.run_until(task).unwrap_err().is_cancelled());
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    pub fn abort(&self) {
        let Some(cell) = &self.cell else { return };
        match cell.state().abort() {
            Aborted::Wake(id) => waker::waker(id).wake_by_ref(),
            // It sees the abort when it gets its place, or it is too late.
            Aborted::Unplaced | Aborted::Done => {}
        }
    }

    /// Whether the task has ended, so that awaiting the handle does not wait.
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor};
    /// # let claim = Claim::new()?;
    /// # let executor = Executor::new(claim.remote(), Config::default());
    /// let task = executor.spawn(async {});
    /// assert!(!task.is_finished());
    /// executor.run_until(gossamer_executor::yield_now());
    /// assert!(task.is_finished());
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    pub fn is_finished(&self) -> bool {
        self.cell.as_ref().is_none_or(|cell| cell.state().is_done())
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let cell = self
            .cell
            .as_ref()
            .expect("a JoinHandle was polled after it gave its output");
        if !cell.state().is_done() {
            cell.awaiter().register(context.waker());
            // Again, as the task may have completed before it could see the waker.
            if !cell.state().is_done() {
                return Poll::Pending;
            }
            // The task may have looked for it before; then it would die with the cell, perhaps on
            // the worker.
            let awaiter = cell.awaiter().take();
            contain(|| drop(awaiter));
        }
        ready!(budget::poll_charge(context));
        // SAFETY: row 3 of the table: this is the cell's only handle, and it has seen `is_done`.
        let outcome = unsafe { cell.take() };
        self.cell = None;
        Poll::Ready(outcome.expect("a task that is done has an outcome, which is taken once"))
    }
}

impl<T> FusedFuture for JoinHandle<T> {
    fn is_terminated(&self) -> bool {
        self.cell.is_none()
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        // Here and not with the cell, which may die elsewhere: the waker is foreign.
        let awaiter = cell.awaiter().take();
        contain(|| drop(awaiter));
        if cell.state().detach() == Detached::Done {
            // SAFETY: row 3 of the table: this was the cell's only handle, and `detach` said
            // `Done`.
            unsafe { cell.discard() };
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("is_finished", &self.is_finished())
            .finish()
    }
}
