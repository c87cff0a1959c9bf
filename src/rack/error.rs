//! What a call across the rack can end in other than its result.

use crate::error::{ApplyError, Fault, Panic};
use crate::rack::codec::CodecError;

/// Why a call on a [`rack::Trust`](crate::rack::Trust) has no result.
///
/// [`has_run`](Self::has_run) tells what is safe to issue again.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// use gossamer::rack::{self, CallError};
///
/// let list = rack::entrust(vec![1]);
/// match list.try_apply_with(|list, at: usize| list[at], 7).await {
///     Err(CallError::Panicked(panic)) => assert!(panic.message().contains("out of bounds")),
///     other => panic!("{other:?}"),
/// }
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The call was not run, and is safe to issue again once the cause is gone.
    #[error("the call was not run: {0}")]
    NotExecuted(NotExecuted),
    /// The node was lost while the call was on its way or under way there: it may have run.
    #[error("node {node} was lost before it answered: the call may have run")]
    Unknown {
        /// The node that was asked.
        node: usize,
    },
    /// The closure panicked; the property is as the closure left it.
    #[error("the delegated closure panicked: {0}")]
    Panicked(Panic),
    /// The closure ran, but its result cannot travel.
    #[error("the call has run, but its result cannot travel")]
    Result {
        /// What is wrong with it.
        source: CodecError,
    },
    /// The task was dropped before its end, as its runtime shut down or it was aborted.
    #[error("the task was dropped before its end")]
    Cancelled,
}

/// Why a call was not run.
///
/// ```
/// use gossamer::rack::NotExecuted;
///
/// let lost = NotExecuted::NodeLost { node: 3 };
/// assert_eq!(lost.to_string(), "node 3 is lost");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotExecuted {
    /// The node that the property lives on is lost.
    #[error("node {node} is lost")]
    NodeLost {
        /// The node that was asked.
        node: usize,
    },
    /// The runtime of the trust, or the rack, has shut down.
    #[error("the runtime has shut down")]
    Closed,
    /// An earlier closure panicked, and the property asked for poisoning.
    #[error("the property is poisoned: an earlier closure panicked while it had it")]
    Poisoned,
    /// The arguments cannot travel; see the source.
    #[error("its arguments cannot travel")]
    Arguments {
        /// What is wrong with them.
        source: CodecError,
    },
    /// The closure is not code of the program's executable, but of a shared object, whose
    /// addresses mean nothing to other nodes. Link the code into the executable.
    #[error("{closure} is code of a shared object, which other nodes cannot find; link it in")]
    SharedObject {
        /// The type of the closure.
        closure: &'static str,
    },
    /// The other node refused the call; nodes of one build never do.
    #[error("node {node} refused it: {refusal}")]
    Refused {
        /// The node that was asked.
        node: usize,
        /// What it says.
        refusal: Refusal,
    },
}

/// Why a node refused a call that was sent to it.
///
/// ```
/// use gossamer::rack::Refusal;
///
/// assert_eq!(Refusal::NoProperty.to_string(), "there is no such property");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// What should name code of the executable does not.
    #[error("no call is known by that name")]
    NoEntry,
    /// No property is known by that name.
    #[error("there is no such property")]
    NoProperty,
    /// The property is of another type than the call is for.
    #[error("the property is of another type")]
    OtherType,
    /// The arguments could not be decoded.
    #[error("the arguments could not be decoded")]
    Arguments,
    /// A reason that this build does not know.
    #[error("reason {0}")]
    Unknown(u8),
}

impl CallError {
    /// Whether the call has run: `Some(false)` means that it is safe to issue again, `None` that
    /// nobody knows.
    ///
    /// ```
    /// use gossamer::rack::CallError;
    ///
    /// assert_eq!(CallError::Unknown { node: 1 }.has_run(), None);
    /// ```
    pub fn has_run(&self) -> Option<bool> {
        match self {
            Self::NotExecuted(_) => Some(false),
            Self::Panicked(_) | Self::Result { .. } => Some(true),
            Self::Unknown { .. } | Self::Cancelled => None,
        }
    }

    /// As a panic of whoever awaits.
    #[cold]
    pub(crate) fn raise(self) -> ! {
        match self {
            Self::Panicked(panic) => std::panic::resume_unwind(panic.into_payload()),
            Self::NotExecuted(NotExecuted::Arguments { source }) | Self::Result { source } => {
                panic!(
                    "a value of this call cannot travel: {source}; `try_apply_with` returns this as a value"
                )
            }
            error => panic!("{error}; `try_apply_with` returns this as a value"),
        }
    }
}

impl From<ApplyError> for CallError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Panicked(panic) => Self::Panicked(panic),
            ApplyError::Poisoned => Self::NotExecuted(NotExecuted::Poisoned),
            ApplyError::Closed => Self::NotExecuted(NotExecuted::Closed),
        }
    }
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        fault.into_error().into()
    }
}

impl Refusal {
    /// As it travels.
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::NoEntry => 0,
            Self::NoProperty => 1,
            Self::OtherType => 2,
            Self::Arguments => 3,
            Self::Unknown(reason) => reason,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::NoEntry,
            1 => Self::NoProperty,
            2 => Self::OtherType,
            3 => Self::Arguments,
            reason => Self::Unknown(reason),
        }
    }
}
