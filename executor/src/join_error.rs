//! [`JoinError`]: why a task has no output.

use std::any::Any;
use std::fmt;
use std::sync::Mutex;

/// Why a task ended without an output.
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor, spawn};
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// let error = executor.run_until(async {
///     let task = spawn(std::future::pending::<()>());
///     task.abort();
///     task.await.unwrap_err()
/// });
/// assert!(error.is_cancelled());
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The task panicked; the payload can be had by [`into_panic`](Self::into_panic).
    #[error("the task panicked{0}")]
    Panicked(PanicPayload),
    /// The task was aborted, or its executor ended before it did.
    #[error("the task was cancelled")]
    Cancelled,
}

/// What a task panicked with.
pub struct PanicPayload {
    // A payload is only `Send`. The lock makes it `Sync`; it is only taken to look at the text.
    payload: Mutex<Box<dyn Any + Send>>,
}

impl JoinError {
    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self::Panicked(PanicPayload {
            payload: Mutex::new(payload),
        })
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }

    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// What the task panicked with, fit for [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor, spawn};
    /// # let claim = Claim::new()?;
    /// # let executor = Executor::new(claim.remote(), Config::default());
    /// let task = spawn_one_that_panics(&executor);
    /// let error = executor.run_until(task).unwrap_err();
    /// assert_eq!(error.into_panic().downcast_ref(), Some(&"alas"));
    /// # fn spawn_one_that_panics(executor: &Executor) -> gossamer_executor::JoinHandle<()> {
    /// #     executor.spawn(async { panic!("alas") })
    /// # }
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the task did not panic; see [`is_panic`](Self::is_panic).
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self {
            Self::Panicked(payload) => payload.into_inner(),
            Self::Cancelled => panic!("into_panic: the task was cancelled, it did not panic"),
        }
    }
}

impl PanicPayload {
    /// The payload itself.
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor, JoinError};
    /// # let claim = Claim::new()?;
    /// # let executor = Executor::new(claim.remote(), Config::default());
    /// let task = executor.spawn(async { std::panic::panic_any(5) });
    /// match executor.run_until(task) {
    ///     Err(JoinError::Panicked(payload)) => {
    ///         assert_eq!(payload.into_inner().downcast_ref(), Some(&5));
    ///     }
    ///     other => unreachable!("{other:?}"),
    /// }
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    pub fn into_inner(self) -> Box<dyn Any + Send> {
        self.payload
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Calls `f` with the text of the panic, if it was one of `panic!`.
    fn with_text<R>(&self, f: impl FnOnce(Option<&str>) -> R) -> R {
        let payload = self
            .payload
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let text = payload.downcast_ref::<&str>().copied();
        f(text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)))
    }
}

impl fmt::Debug for PanicPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.debug_tuple("PanicPayload").field(&text).finish())
    }
}

/// `: ` and the text of the panic, or nothing if it has none.
impl fmt::Display for PanicPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| match text {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_the_panic_is_shown() {
        assert_eq!(
            JoinError::panicked(Box::new("a")).to_string(),
            "the task panicked: a"
        );
        assert_eq!(
            JoinError::panicked(Box::new(String::from("b"))).to_string(),
            "the task panicked: b"
        );
        assert_eq!(
            JoinError::panicked(Box::new(3)).to_string(),
            "the task panicked"
        );
        assert_eq!(JoinError::Cancelled.to_string(), "the task was cancelled");
    }

    #[test]
    fn error_crosses_threads() {
        fn is_send_and_sync<T: Send + Sync + 'static>() {}
        is_send_and_sync::<JoinError>();
    }
}
