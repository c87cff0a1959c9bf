//! A call that has come from another node, on the worker that is to run it.

use std::sync::Arc;

use crate::error::{ApplyError, Fault};
use crate::rack::codec::{self, CodecError, Parcel};
use crate::rack::error::{CallError, NotExecuted, Refusal};
use crate::rack::handles::Exportable;
use crate::worker::Worker;

/// A call, and whom it is from. It is run outside all delegated code of the worker.
pub(crate) struct Visit<'a> {
    pub(crate) worker: &'a Worker,
    /// The property that it is on, if it is on one.
    pub(crate) property: Option<Arc<dyn Exportable>>,
    pub(crate) args: Parcel,
    pub(crate) from: ReplyTo,
}

/// Where the outcome of a call goes that comes later than the answers around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplyTo {
    pub(crate) node: u32,
    pub(crate) worker: u32,
    pub(crate) token: u64,
}

/// How a call was served.
#[derive(Debug)]
pub(crate) enum Served {
    Now(Outcome),
    /// The outcome goes to the visit's `from`, when it is there.
    Later,
}

/// An outcome as it travels.
pub(crate) type Outcome = Result<Parcel, Failure>;

/// What travels in place of a result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Panicked(String),
    Poisoned,
    Closed,
    Refused(Refusal),
    /// It ran, but its result could not be encoded.
    Result,
    Cancelled,
}

/// What has come back of a call, or what is known in its place.
pub(crate) type Reply = Result<Parcel, CallError>;

impl Failure {
    /// As the caller sees it, who has asked `node`.
    pub(crate) fn into_error(self, node: u32) -> CallError {
        let node = node as usize;
        CallError::NotExecuted(match self {
            Self::Panicked(message) => {
                return CallError::Panicked(crate::error::Panic::new(Box::new(message)));
            }
            Self::Result => {
                let source = CodecError::EncodeThere;
                return CallError::Result { source };
            }
            Self::Cancelled => return CallError::Cancelled,
            Self::Poisoned => NotExecuted::Poisoned,
            Self::Closed => NotExecuted::Closed,
            Self::Refused(refusal) => NotExecuted::Refused { node, refusal },
        })
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault.into_error() {
            ApplyError::Panicked(panic) => {
                let message = panic.message().to_owned();
                crate::contain::dispose(panic.into_payload());
                Self::Panicked(message)
            }
            ApplyError::Poisoned => Self::Poisoned,
            ApplyError::Closed => Self::Closed,
        }
    }
}

/// Decodes the arguments of a visit. A `Deserialize` that panics is contained.
pub(crate) fn arguments<A: serde::de::DeserializeOwned>(args: Parcel) -> Result<A, Failure> {
    let decoded = contained(|| codec::decode(args));
    match decoded {
        Some(Ok(args)) => Ok(args),
        _ => Err(Failure::Refused(Refusal::Arguments)),
    }
}

/// Encodes the result of a visit and drops it. A `Serialize` that panics is contained.
pub(crate) fn result<U: serde::Serialize>(result: U) -> Outcome {
    let encoded = contained(move || codec::encode(&result));
    match encoded {
        Some(Ok(parcel)) => Ok(parcel),
        _ => Err(Failure::Result),
    }
}

/// Runs foreign code; `None` if it panicked, which the panic itself has reported.
fn contained<R>(foreign: impl FnOnce() -> R) -> Option<R> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(foreign))
        .map_err(crate::contain::dispose)
        .ok()
}
