//! What a delegation can end in other than its result.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Mutex;

/// Why [`Trust::try_apply`](crate::Trust::try_apply) has no result.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// use gossamer::ApplyError;
///
/// let trust = gossamer::entrust(vec![1, 2, 3]);
/// match trust.try_apply(|v| v[7]).await {
///     Err(ApplyError::Panicked(panic)) => assert!(panic.message().contains("out of bounds")),
///     other => panic!("{other:?}"),
/// }
/// assert_eq!(trust.apply(|v| v.len()).await, 3); // the property is still there
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The closure panicked on the trustee; the property is as the closure left it.
    #[error("the delegated closure panicked: {0}")]
    Panicked(Panic),
    /// The closure was not run: an earlier one panicked, and the property asked for poisoning.
    #[error("the property is poisoned: an earlier closure panicked while it had it")]
    Poisoned,
    /// The runtime of the trust has shut down. The closure was not run, but for one case: of a
    /// delegation that has left the worker that polled it first, the result may have gone with the
    /// runtime.
    #[error("the runtime of this trust has shut down")]
    Closed,
}

/// The payload of a panic that was caught on another worker.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// # use gossamer::ApplyError;
/// let trust = gossamer::entrust(1);
/// let Err(ApplyError::Panicked(panic)) = trust.try_apply(|_| -> () { panic!("so") }).await else {
///     unreachable!()
/// };
/// assert_eq!(panic.message(), "so");
/// let _payload: Box<dyn std::any::Any + Send> = panic.into_payload();
/// # }
/// ```
pub struct Panic(Mutex<Payload>, String);

impl Panic {
    pub(crate) fn new(payload: Payload) -> Self {
        let message = message_of(&*payload).to_owned();
        Self(Mutex::new(payload), message)
    }

    /// The text of the panic, or a placeholder if its payload was no text.
    ///
    /// See the example of the [type](Self).
    pub fn message(&self) -> &str {
        &self.1
    }

    /// What was given to `panic!` or `resume_unwind`.
    ///
    /// See the example of the [type](Self).
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message()).finish()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Panic {}

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// How a request ends on its way back to whoever awaits it.
pub(crate) type Outcome<U> = Result<U, Fault>;

/// A request without a result, before it is told apart what its payload means.
#[derive(Debug)]
pub(crate) enum Fault {
    Panicked(Payload),
    Closed,
}

/// The payload that stands for "the property is poisoned".
pub(crate) struct Poisoned;

impl Fault {
    /// As a value.
    #[cold]
    pub(crate) fn into_error(self) -> ApplyError {
        match self {
            Self::Closed => ApplyError::Closed,
            Self::Panicked(payload) if payload.is::<Poisoned>() => ApplyError::Poisoned,
            Self::Panicked(payload) => ApplyError::Panicked(Panic::new(payload)),
        }
    }

    /// As a panic of whoever awaits.
    #[cold]
    pub(crate) fn raise(self) -> ! {
        match self {
            Self::Panicked(payload) if !payload.is::<Poisoned>() => resume_unwind(payload),
            fault => panic!(
                "{}; `try_apply` returns this as a value",
                fault.into_error()
            ),
        }
    }
}

/// The text of a panic's payload.
pub(crate) fn message_of(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else if payload.is::<Poisoned>() {
        "the property is poisoned: an earlier closure panicked while it had it"
    } else {
        "a panic whose payload is no text"
    }
}
