//! [`Sleep`]: until a deadline.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::future::FusedFuture;

use crate::budget;
use crate::current::with_current;
use crate::executor::{Executor, ExecutorId};
use crate::timers::Key;

/// Waits for `duration`. One too long for the clock, as [`Duration::MAX`], waits for ever.
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor, time};
/// use std::time::{Duration, Instant};
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// executor.run_until(async {
///     let start = Instant::now();
///     time::sleep(Duration::from_millis(2)).await;
///     assert!(start.elapsed() >= Duration::from_millis(2));
/// });
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
///
/// # Panics
///
/// When it is polled outside an executor of this crate.
///
/// # Cancel safety
///
/// Dropping it before the deadline takes its timer back.
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::until(Instant::now().checked_add(duration))
}

/// Waits until `deadline`; one that has passed completes at the first poll.
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor, time};
/// use std::time::Instant;
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// executor.run_until(time::sleep_until(Instant::now()));
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
///
/// # Panics
///
/// When it is polled outside an executor of this crate.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::until(Some(deadline))
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It may move between workers: it then waits where it was polled last.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    // `None`: for ever.
    deadline: Option<Instant>,
    registered: Option<Registered>,
    is_terminated: bool,
}

/// An entry among the timers of one executor.
#[derive(Clone, Copy, Debug)]
struct Registered {
    executor: ExecutorId,
    key: Key,
}

impl Sleep {
    fn until(deadline: Option<Instant>) -> Self {
        Self {
            deadline,
            registered: None,
            is_terminated: false,
        }
    }

    /// When it completes; `None` if never.
    ///
    /// ```
    /// use std::time::Duration;
    /// assert_eq!(gossamer_executor::time::sleep(Duration::MAX).deadline(), None);
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Waits for another deadline from now on, even if it had completed.
    ///
    /// ```
    /// use gossamer_executor::{Claim, Config, Executor, time};
    /// use std::time::{Duration, Instant};
    ///
    /// let claim = Claim::new()?;
    /// let executor = Executor::new(claim.remote(), Config::default());
    /// let mut sleep = time::sleep(Duration::MAX);
    /// sleep.reset(Instant::now());
    /// executor.run_until(sleep);
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    pub fn reset(&mut self, deadline: Instant) {
        self.unregister();
        self.deadline = Some(deadline);
        self.is_terminated = false;
    }

    /// Makes sure that the timers of `executor` wake the task of `context` at `deadline`.
    fn register(&mut self, executor: &Executor, deadline: Instant, context: &Context<'_>) {
        let timers = executor.timers();
        if let Some(Registered { executor: id, key }) = self.registered {
            if id == executor.id() && timers.wakes(key, context.waker()) {
                return;
            }
            self.unregister();
        }
        // Cloned before the table is touched: the waker may be foreign.
        let waker = context.waker().clone();
        let key = timers.insert(deadline, waker);
        self.registered = Some(Registered {
            executor: executor.id(),
            key,
        });
    }

    /// Takes the timer back if it is this thread's executor's. On another one it stays, for a
    /// spurious wake or until that executor ends.
    fn unregister(&mut self) {
        let Some(Registered { executor: id, key }) = self.registered.take() else {
            return;
        };
        drop(with_current(|executor| {
            executor
                .filter(|executor| executor.id() == id)?
                .timers()
                .remove(key)
        }));
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        with_current(|executor| {
            let executor = executor.expect(
                "time: not on a worker, where a timer could wake this; use it inside \
                 #[gossamer::main] or Runtime::block_on, or in a task that was spawned there",
            );
            let Some(deadline) = self.deadline else {
                return Poll::Pending;
            };
            if Instant::now() < deadline {
                self.register(executor, deadline, context);
                return Poll::Pending;
            }
            ready!(budget::poll_charge(context));
            self.unregister();
            self.is_terminated = true;
            Poll::Ready(())
        })
    }
}

impl FusedFuture for Sleep {
    fn is_terminated(&self) -> bool {
        self.is_terminated
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.unregister();
    }
}
