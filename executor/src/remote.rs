//! [`Remote`]: everything that other threads may touch of one executor.

use std::fmt;
use std::future::Future;

use crate::counters::{Counters, Gauges};
use crate::current;
use crate::inbox::Inbox;
use crate::join::JoinHandle;
use crate::sleep::Sleep;
use crate::sync::Padded;
use crate::task::Unplaced;

/// One executor as the other threads see it: they send to it, wake it and read its counters.
///
/// A remote outlives its executor: it is `'static`, and what is sent to one that has ended is
/// refused. Its memory serves later executors of the process.
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor};
///
/// let claim = Claim::new()?;
/// let remote = claim.remote();
/// let sum = remote.spawn(|| async { 1 + 1 }); // from any thread
///
/// // The executor's own thread:
/// let executor = Executor::new(remote, Config::default());
/// assert_eq!(executor.run_until(sum)?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Remote {
    place: u32,
    inbox: Padded<Inbox<Message>>,
    sleep: Sleep,
    gauges: Padded<Gauges>,
}

/// What travels in the inbox of an executor.
pub(crate) enum Message {
    /// Wake the task at this place.
    Wake(u32),
    /// Run this on the executor's thread, between tasks.
    Run(Box<dyn FnOnce() + Send>),
}

/// The executor has ended: what was sent to it will not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the executor has ended")]
pub struct Ended;

impl Remote {
    pub(crate) fn new(place: u32) -> Self {
        let inbox = Inbox::new();
        drop(inbox.close());
        Self {
            place,
            inbox: Padded(inbox),
            sleep: Sleep::new(),
            gauges: Padded(Gauges::default()),
        }
    }

    /// Builds a future on the executor's thread and runs it there as a task.
    ///
    /// The future need not be `Send`: it never leaves that thread. `f` itself runs between tasks,
    /// so it should only build. If the executor has ended, or ends before the task has, the handle
    /// resolves to [`JoinError::Cancelled`](crate::JoinError::Cancelled), and a panic in `f` or in
    /// the future to [`JoinError::Panicked`](crate::JoinError::Panicked): it never hangs.
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor};
    /// use std::rc::Rc;
    /// # let claim = Claim::new()?;
    /// let task = claim.remote().spawn(|| {
    ///     let shared = Rc::new(5);
    ///     async move { *shared + 1 }
    /// });
    /// # let executor = Executor::new(claim.remote(), Config::default());
    /// assert_eq!(executor.run_until(task)?, 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn<F, Fut>(&self, f: F) -> JoinHandle<Fut::Output>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future + 'static,
        Fut::Output: Send + 'static,
    {
        let (unplaced, handle) = Unplaced::<Fut>::new();
        // If this fails, the message is dropped, and the task in it cancels itself.
        let _ = self.run(move || {
            current::with_current(|executor| {
                executor
                    .expect("messages run on their executor")
                    .accept(unplaced, f);
            });
        });
        handle
    }

    /// Runs `f` on the executor's thread, between tasks, soon. A panic in it is contained.
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor, with_current};
    /// # let claim = Claim::new()?;
    /// claim.remote().run(|| with_current(|executor| executor.unwrap().stop()))?;
    /// Executor::new(claim.remote(), Config::default()).run(&[]);
    /// assert!(claim.remote().run(|| ()).is_err()); // it has ended
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Ended`] if the executor has ended; `f` is then dropped here. An executor that ends before
    /// it came to `f` drops it.
    pub fn run(&self, f: impl FnOnce() + Send + 'static) -> Result<(), Ended> {
        self.send(Message::Run(Box::new(f)))
    }

    /// Tells the executor that something was published to it; says whether it had to be unparked.
    ///
    /// For those who publish to one of its residents by their own means. It costs a fence while the
    /// executor is awake, and nothing if it idles by [`Idle::Spin`](crate::Idle::Spin).
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor};
    /// # let claim = Claim::new()?;
    /// let executor = Executor::new(claim.remote(), Config::default());
    /// assert!(!claim.remote().notify()); // it is not asleep
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    #[inline]
    pub fn notify(&self) -> bool {
        self.sleep.notify()
    }

    /// A snapshot of the executor's counters.
    pub fn counters(&self) -> Counters {
        self.gauges.read(&self.sleep)
    }

    /// The executor's place among those of the process; a later executor may have the same.
    #[inline]
    pub fn place(&self) -> u32 {
        self.place
    }

    /// Wakes the task at `task`; nobody to wake in an executor that has ended.
    pub(crate) fn wake(&self, task: u32) {
        let _ = self.send(Message::Wake(task));
    }

    fn send(&self, message: Message) -> Result<(), Ended> {
        self.inbox.push(message).map_err(|_| Ended)?;
        self.notify();
        Ok(())
    }

    #[inline]
    pub(crate) fn inbox(&self) -> &Inbox<Message> {
        &self.inbox
    }

    #[inline]
    pub(crate) fn sleep(&self) -> &Sleep {
        &self.sleep
    }

    #[inline]
    pub(crate) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// A new life begins: the inbox opens, the counters start at nothing.
    pub(crate) fn begin(&self) {
        self.sleep.set_spins(false);
        self.inbox.reopen();
    }

    /// The life ends: later messages are refused, and those that wait are dropped.
    pub(crate) fn end(&self) {
        drop(self.inbox.close());
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
