//! A call that has come from another node, on the worker that is to run it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gossamer_transport::rack::Serving;
use serde::de::DeserializeOwned;

use crate::error::{ApplyError, Fault, Payload};
use crate::rack::calls::Travels;
use crate::rack::codec::{self, CodecError, Opened, Parcel, Unencoded};
use crate::rack::envelope::Status;
use crate::rack::error::{CallError, NotExecuted, Refusal};
use crate::rack::handles::Handle;
use crate::rack::target::Answer;
use crate::rack::typed::Typed;
use crate::worker::Worker;

/// A call, where it is run. It is run outside all delegated code of the worker, and may panic: what
/// that means its [`Phase`] says.
pub(crate) struct Visit<'v, 'l> {
    pub(crate) worker: &'v Worker,
    pub(crate) site: &'v mut Site,
    /// How far it has come: the site is told when this goes, by a panic for one, so that nothing is
    /// stored before.
    pub(crate) phase: Phase,
    /// Where a result goes at once that is a few bytes and nothing else.
    pub(crate) reply: Option<DueReply<'v, 'l>>,
}

/// A response that is due on a link.
pub(crate) struct DueReply<'v, 'l> {
    pub(crate) serving: &'v mut Serving<'l>,
    /// Whether nobody looks at it.
    pub(crate) is_post: bool,
}

impl DueReply<'_, '_> {
    #[inline(always)]
    pub(crate) fn send(self, bytes: &[u8]) {
        let bytes = match self.is_post {
            true => &[],
            false => bytes,
        };
        self.serving.respond(PLAIN, bytes);
    }
}

/// What visits have in common that come from one worker of another node.
#[derive(Default)]
pub(crate) struct Site {
    /// The trusts in the arguments.
    pub(crate) handles: Vec<Handle>,
    /// Where the result goes.
    pub(crate) answer: Parcel,
    pub(crate) phase: Phase,
    pub(crate) from: ReplyTo,
}

/// How far a visit has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The arguments are decoded.
    #[default]
    Decoding,
    /// The closure runs.
    Running,
    /// The result is encoded, and dropped.
    Encoding,
}

/// Where the outcome of a call goes that comes later than the answers around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReplyTo {
    pub(crate) node: u32,
    pub(crate) worker: u32,
    pub(crate) token: u64,
}

/// How a call was served.
pub(crate) enum Served {
    /// Its result is in the site's `answer`, or was sent.
    Now,
    Failed(Failure),
    /// The outcome goes to the site's `from`, when it is there.
    Later,
    /// Its result is large: this encodes it.
    Large(Encodes<Outcome>),
}

/// Encodes something large, on any thread.
pub(crate) type Encodes<O> = Box<dyn FnOnce() -> O + Send>;

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
pub(crate) type Reply<'a> = Result<Opened<'a>, CallError>;

/// A reply as it is handed on to whoever awaits it.
pub(crate) enum Returned<'r, 'a> {
    /// A value without trusts: its bytes.
    Plain(&'a [u8]),
    Other(&'r mut Reply<'a>),
}

impl Visit<'_, '_> {
    /// Decodes the arguments.
    #[inline(always)]
    pub(crate) fn arguments<A: DeserializeOwned>(&mut self, bytes: &[u8]) -> Result<A, Failure> {
        let decoded = codec::decode(bytes, &mut self.site.handles);
        self.phase = Phase::Running;
        decoded.map_err(|_| Failure::Refused(Refusal::Arguments))
    }

    /// Decodes arguments without trusts.
    #[inline(always)]
    pub(crate) fn plain_arguments<A: DeserializeOwned>(
        &mut self,
        bytes: &[u8],
    ) -> Result<A, Failure> {
        let decoded = codec::decode_plain(bytes);
        self.phase = Phase::Running;
        decoded.map_err(|_| Failure::Refused(Refusal::Arguments))
    }

    /// Encodes the result and drops it, unless it is large. Trusts of one that fails do not stay.
    #[inline(always)]
    pub(crate) fn answer<U: Travels>(&mut self, result: U) -> Served {
        self.phase = Phase::Encoding;
        let mut answer = Answer::new(&mut self.site.answer);
        let encoded = codec::encode(&result, &mut answer);
        if let Err(Unencoded::Large) = encoded {
            return Served::Large(Box::new(|| encode_large(result)));
        }
        Worker::drop_contained(result);
        if encoded.is_err() {
            self.site.answer.clear();
            return Served::Failed(Failure::Result);
        }
        match (answer.in_place(), self.reply.take()) {
            (Some(bytes), Some(reply)) => reply.send(bytes),
            _ => {
                answer.put_into_parcel();
            }
        }
        Served::Now
    }
}

impl Drop for Visit<'_, '_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.site.phase = self.phase;
    }
}

/// The property that a call is on, which is to be such a one.
pub(crate) fn property_of<X: 'static>(property: Option<&Typed>) -> Result<&X, Failure> {
    let property = property.ok_or(Failure::Refused(Refusal::NoProperty))?;
    property.get().ok_or(Failure::Refused(Refusal::OtherType))
}

impl Phase {
    /// What a panic in it means, which the panic itself has reported.
    #[cold]
    pub(crate) fn failure(self, payload: Payload) -> Failure {
        let failure = match self {
            Self::Running => return Failure::from(Fault::Panicked(payload)),
            Self::Decoding => Failure::Refused(Refusal::Arguments),
            Self::Encoding => Failure::Result,
        };
        crate::contain::dispose(payload);
        failure
    }
}

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
    #[cold]
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

/// Encodes a result that is no visit's any more, and drops it. A `Serialize` that panics is
/// contained.
pub(crate) async fn parcel_of<U: Travels>(result: U) -> Outcome {
    let encode = || {
        let mut parcel = Parcel::default();
        codec::encode(&result, &mut parcel).map(|()| parcel)
    };
    let outcome = match catch_unwind(AssertUnwindSafe(encode)) {
        Ok(Err(Unencoded::Large)) => {
            return crate::unblock::unblock(|| encode_large(result)).await;
        }
        Ok(Ok(parcel)) => Ok(parcel),
        Ok(Err(Unencoded::Failed(_))) => Err(Failure::Result),
        Err(payload) => Err(Phase::Encoding.failure(payload)),
    };
    Worker::drop_contained(result);
    outcome
}

fn encode_large<U: Travels>(result: U) -> Outcome {
    codec::encode_large(result).map_err(|_| Failure::Result)
}

/// The status of a value and nothing else.
pub(crate) const PLAIN: u8 = Status::Value { has_table: false }.to_byte();
