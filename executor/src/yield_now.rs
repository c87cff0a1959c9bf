//! [`yield_now`]: let the others run.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::FusedFuture;

/// Suspends the task once: every task that is queued by now runs before it goes on.
///
/// Works on any executor, as it only wakes itself; what runs first elsewhere is that executor's
/// affair.
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor, spawn, yield_now};
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// executor.run_until(async {
///     let other = spawn(async {});
///     yield_now().await;
///     assert!(other.is_finished());
/// });
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl FusedFuture for YieldNow {
    fn is_terminated(&self) -> bool {
        self.yielded
    }
}
