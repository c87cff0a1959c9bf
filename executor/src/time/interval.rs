//! [`Interval`]: again and again.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::Stream;
use futures::stream::FusedStream;

use super::{Sleep, sleep_until};

/// Ticks now, and every `period` from now on.
///
/// A tick that is missed is left out: the next one comes at the next multiple of the period.
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor, time};
/// use std::time::Duration;
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// executor.run_until(async {
///     let mut interval = time::interval(Duration::from_millis(1));
///     let first = interval.tick().await;
///     let second = interval.tick().await;
///     assert!(second - first >= Duration::from_millis(1));
/// });
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
///
/// # Panics
///
/// If `period` is zero, and when it is polled outside an executor of this crate.
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks at `start`, and every `period` after it.
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor, time};
/// use std::time::{Duration, Instant};
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// executor.run_until(async {
///     let start = Instant::now();
///     let mut interval = time::interval_at(start, Duration::from_secs(60));
///     assert_eq!(interval.tick().await, start);
/// });
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
///
/// # Panics
///
/// If `period` is zero, and when it is polled outside an executor of this crate.
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval must have a period");
    Interval {
        sleep: sleep_until(start),
        next: Some(start),
        period,
    }
}

/// A clock that ticks in a task; also a [`Stream`] of the same ticks.
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    // `None`: past the end of time.
    next: Option<Instant>,
    period: Duration,
}

impl Interval {
    /// Waits for the next tick and returns when it was due.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, no tick is lost.
    pub async fn tick(&mut self) -> Instant {
        std::future::poll_fn(|context| self.poll_tick(context)).await
    }

    /// [`tick`](Self::tick) for a future's `poll`.
    pub fn poll_tick(&mut self, context: &mut Context<'_>) -> Poll<Instant> {
        let Some(due) = self.next else {
            return Poll::Pending;
        };
        ready!(Pin::new(&mut self.sleep).poll(context));
        self.next = next_tick(due, self.period, Instant::now());
        if let Some(next) = self.next {
            self.sleep.reset(next);
        }
        Poll::Ready(due)
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(context).map(Some)
    }
}

impl FusedStream for Interval {
    fn is_terminated(&self) -> bool {
        false
    }
}

/// The first tick after both `due` and `now`, in step with `due`; `None` past the end of time.
fn next_tick(due: Instant, period: Duration, now: Instant) -> Option<Instant> {
    let next = due.checked_add(period)?;
    if next > now {
        return Some(next);
    }
    let into_period_ns = (now - due).as_nanos() % period.as_nanos();
    let into_period = Duration::from_nanos(u64::try_from(into_period_ns).unwrap_or(u64::MAX));
    now.checked_add(period.saturating_sub(into_period))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_ticks_are_left_out_in_step() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        assert_eq!(next_tick(start, ms(10), start), Some(start + ms(10)));
        assert_eq!(
            next_tick(start, ms(10), start + ms(10)),
            Some(start + ms(20))
        );
        assert_eq!(
            next_tick(start, ms(10), start + ms(34)),
            Some(start + ms(40))
        );
        assert_eq!(next_tick(start, Duration::MAX, start), None);
    }

    #[test]
    #[should_panic(expected = "must have a period")]
    fn period_of_nothing() {
        let _ = interval(Duration::ZERO);
    }
}
