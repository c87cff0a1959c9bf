//! [`timeout`]: no longer than so.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::{Sleep, sleep};
use crate::budget::unconstrained;

/// Awaits `future` for no longer than `duration`.
///
/// The future is looked at first: one that is ready in time is never [`Elapsed`], nor is one that
/// is ready at its first poll.
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor, time};
/// use std::time::Duration;
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// executor.run_until(async {
///     assert_eq!(time::timeout(Duration::MAX, async { 1 }).await, Ok(1));
///     let never = std::future::pending::<()>();
///     assert!(time::timeout(Duration::from_millis(1), never).await.is_err());
/// });
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
///
/// # Errors
///
/// [`Elapsed`] if the time is over; the future is dropped with the [`Timeout`].
///
/// # Panics
///
/// When it is polled outside an executor of this crate.
pub fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    Timeout {
        future,
        sleep: sleep(duration),
    }
}

/// The time that was given to a future is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time is over")]
pub struct Elapsed;

pin_project! {
    /// The future of [`timeout`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Sleep,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(context) {
            return Poll::Ready(Ok(output));
        }
        // Not charged: a future that uses the whole budget in each poll would never be timed out.
        Pin::new(&mut unconstrained(this.sleep))
            .poll(context)
            .map(|()| Err(Elapsed))
    }
}
