//! The budget of a task's poll: what keeps a task whose operations are always ready from keeping
//! the executor for itself.
//!
//! Each poll of a task starts with [`Config::budget`](crate::Config::budget) units. An operation
//! takes one by [`charge`] or [`poll_charge`]; at none left it says that it is not ready, though
//! it is, and the task's turn ends. One unit may be owed ([`overdraw`]). Outside of tasks, on
//! other executors and in [`unconstrained`] nothing is charged.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

/// Takes one unit from the budget of the task that is being polled; `false` if none is left.
///
/// Always `true` outside of tasks and in [`unconstrained`].
///
/// ```
/// assert!(gossamer_executor::charge()); // outside of tasks
/// ```
#[inline(always)]
pub fn charge() -> bool {
    let left = LEFT.get();
    if left <= OWED {
        return false;
    }
    // What has no limit is charged too: 2^64 units are not used up.
    LEFT.set(left - 1);
    true
}

/// Takes the unit that a poll may owe, at none left; `false` if it has been taken.
///
/// For an operation that cannot be put off, though its result can: once in each poll.
///
/// ```
/// assert!(gossamer_executor::overdraw()); // outside of tasks
/// ```
pub fn overdraw() -> bool {
    let left = LEFT.get();
    LEFT.set(left.saturating_sub(1));
    left > 0
}

/// [`charge`] for a future's `poll`: with nothing left it wakes the task, which so goes to the end
/// of the run queue, and is [`Poll::Pending`].
///
/// ```
/// use gossamer_executor::poll_charge;
/// use std::future::poll_fn;
///
/// # futures::executor::block_on(async {
/// poll_fn(poll_charge).await; // at the start of an operation that may be ready at once
/// # });
/// ```
#[inline(always)]
pub fn poll_charge(context: &mut Context<'_>) -> Poll<()> {
    if charge() {
        return Poll::Ready(());
    }
    context.waker().wake_by_ref();
    Poll::Pending
}

/// [`poll_charge`] for an operation that takes as long as `units` others. One must be left; what is
/// missing of the rest is forgiven.
pub(crate) fn poll_charge_units(context: &mut Context<'_>, units: u64) -> Poll<()> {
    ready!(poll_charge(context));
    LEFT.set(LEFT.get().saturating_sub(units - 1).max(OWED));
    Poll::Ready(())
}

/// Exempts a future from the budget of its task.
///
/// For code that must not be suspended where it need not wait. What it does in one poll then
/// delays every other task of the worker.
///
/// ```
/// use gossamer_executor::{charge, unconstrained};
///
/// # futures::executor::block_on(
/// unconstrained(async {
///     for _ in 0..1000 {
///         assert!(charge());
///     }
/// })
/// # );
/// ```
pub fn unconstrained<F: Future>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

pin_project! {
    /// The future of [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _restored = Restored(LEFT.replace(UNLIMITED));
        self.project().future.poll(context)
    }
}

/// Puts the budget back as it was when this is dropped.
struct Restored(u64);

impl Drop for Restored {
    fn drop(&mut self) {
        LEFT.set(self.0);
    }
}

/// Gives the poll that begins `units`.
#[inline(always)]
pub(crate) fn begin(units: u32) {
    LEFT.set(u64::from(units) + OWED);
}

/// The poll that began with `units` has ended, and no task is being polled any more; returns what
/// it has charged.
#[inline(always)]
pub(crate) fn end(units: u32) -> u64 {
    let left = LEFT.replace(UNLIMITED);
    (u64::from(units) + OWED).saturating_sub(left)
}

/// What a poll may owe.
const OWED: u64 = 1;

const UNLIMITED: u64 = u64::MAX;

thread_local! {
    /// What is left, and what may be owed.
    static LEFT: Cell<u64> = const { Cell::new(UNLIMITED) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn units_run_out_and_come_back() {
        begin(2);
        assert!(charge());
        assert!(charge());
        assert!(!charge());
        assert!(!charge());
        assert_eq!(end(2), 2);
        assert!(charge(), "nothing is charged outside of polls");
        begin(1);
        assert!(charge());
        assert!(!charge());
    }

    #[test]
    fn one_unit_may_be_owed() {
        begin(1);
        assert!(charge());
        assert!(overdraw());
        assert!(!overdraw());
        assert!(!charge());
        assert_eq!(end(1), 2);
        begin(1);
        assert!(charge(), "no poll pays for the one before");
        end(1);
        assert!(overdraw());
    }

    #[test]
    fn long_operations_take_several_units_and_need_one() {
        let mut context = Context::from_waker(std::task::Waker::noop());
        begin(9);
        for _ in 0..2 {
            assert!(poll_charge_units(&mut context, 8).is_ready());
        }
        assert!(poll_charge_units(&mut context, 8).is_pending());
        assert_eq!(end(9), 9, "nothing is owed");
        assert!(poll_charge_units(&mut context, 8).is_ready());
    }

    #[test]
    fn unconstrained_leaves_the_budget_as_it_was() {
        begin(1);
        let charged = unconstrained(async { (0..9).all(|_| charge()) }).now_or_never();
        assert_eq!(charged, Some(true));
        assert!(charge());
        assert!(!charge());
        end(0);
    }

    #[test]
    fn panic_in_unconstrained_restores_the_budget() {
        begin(0);
        let panics = unconstrained(async { panic!("inside") });
        let poll = std::panic::AssertUnwindSafe(|| panics.now_or_never());
        assert!(std::panic::catch_unwind(poll).is_err());
        assert!(!charge());
        end(0);
    }
}
