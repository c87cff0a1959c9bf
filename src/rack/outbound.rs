//! A call on its way to another node.

use std::sync::Arc;

use gossamer_transport::rack::{Property, Request};

use crate::rack::calls::Travels;
use crate::rack::codec::{self, CodecError, Parcel, Unencoded};
use crate::rack::entry::{CallWord, Entry, Visits, entry};
use crate::rack::envelope::Kind;
use crate::rack::error::{CallError, NotExecuted};
use crate::rack::remote::{Home, PropertyId, Remote};
use crate::rack::target::{Buffer, InPlace};
use crate::rack::visit::Encodes;
use crate::worker::Worker;

/// What is asked, and of whom; without the arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) to: Home,
    pub(crate) word: CallWord,
    pub(crate) property: PropertyId,
    pub(crate) answers: Answers,
    /// How long its result will probably be.
    pub(crate) result_bytes: u16,
}

/// A call that is to be issued by whichever worker comes to it.
pub(crate) struct Outbound {
    pub(crate) question: Question,
    pub(crate) load: Load,
    /// The property that it is on, if it is on one: held until the call is issued, and if its
    /// outcome comes later until then.
    pub(crate) target: Option<Arc<Remote>>,
}

/// The arguments of a call, encoded or still to be.
pub(crate) enum Load {
    Parcel(Parcel),
    Large(Encode),
}

/// Arguments as the worker has them that issues the call.
pub(crate) enum Arguments<'b> {
    /// A few bytes and nothing else.
    Small(&'b [u8]),
    Other(Load),
}

/// Encodes the large arguments of a call, on any thread.
pub(crate) type Encode = Encodes<Result<Parcel, CallError>>;

/// How a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// In the order of the calls, with its outcome.
    Now,
    /// Its outcome comes later, if it was not refused.
    Later,
    /// With nothing that anybody looks at.
    Never,
}

impl Outbound {
    /// A call of kind `V` with the closure `F`, which the caller has in hand.
    pub(crate) fn of<V: Visits, F: 'static, A: Travels>(
        to: Home,
        property: PropertyId,
        answers: Answers,
        args: A,
    ) -> Result<Self, CallError> {
        let entry = entry::<V, F>();
        let word = entry.to_word().ok_or_else(|| shared_object(entry))?;
        let mut parcel = Parcel::default();
        let load = match encode(args, &mut parcel)? {
            None => Load::Parcel(parcel),
            Some(encode) => Load::Large(encode),
        };
        let question = Question {
            to,
            word,
            property,
            answers,
            result_bytes: RESULT_BYTES_EXPECTED,
        };
        Ok(Self {
            question,
            load,
            target: None,
        })
    }
}

/// Encodes the arguments of a call. Small ones are told apart here, and are best looked at before
/// anything else is done: then their length is a constant of the code that issues the call.
#[inline(always)]
pub(crate) fn encode_small<A: Travels>(
    args: A,
    buffer: &mut Buffer,
) -> Result<Arguments<'_>, CallError> {
    let large = encode(args, buffer)?;
    // Asked twice, as what is borrowed by one way is taken by the other.
    if large.is_none() && buffer.in_place().is_some() {
        return Ok(Arguments::Small(buffer.in_place().unwrap_or(&[])));
    }
    Ok(Arguments::Other(match large {
        None => Load::Parcel(buffer.take()),
        Some(encode) => Load::Large(encode),
    }))
}

/// Encodes the arguments of a call and drops them; if they are large, gives back what encodes them.
#[inline(always)]
pub(crate) fn encode<A: Travels>(
    args: A,
    target: &mut impl InPlace,
) -> Result<Option<Encode>, CallError> {
    match codec::encode(&args, target) {
        Ok(()) => {
            Worker::drop_contained(args);
            Ok(None)
        }
        Err(Unencoded::Large) => Ok(Some(large(args))),
        Err(Unencoded::Failed(source)) => {
            Worker::drop_contained(args);
            Err(not_encoded(source))
        }
    }
}

#[cold]
fn large<A: Travels>(args: A) -> Encode {
    Box::new(|| codec::encode_large(args).map_err(not_encoded))
}

#[cold]
fn not_encoded(source: CodecError) -> CallError {
    CallError::NotExecuted(NotExecuted::Arguments { source })
}

impl Question {
    #[inline(always)]
    pub(crate) fn request(&self, kind: Kind) -> Request {
        Request {
            call: self.word.0,
            property: wire(self.property),
            kind: kind.to_bits(),
            result_bytes: self.result_bytes,
        }
    }
}

pub(crate) fn wire(id: PropertyId) -> Property {
    Property {
        index: id.index,
        generation: id.generation,
    }
}

/// The entry is none of the executable.
#[cold]
pub(crate) fn shared_object(entry: &Entry) -> CallError {
    let closure = entry.name();
    CallError::NotExecuted(NotExecuted::SharedObject { closure })
}

/// Room that is kept for a result whose size says nothing.
const RESULT_BYTES_EXPECTED: u16 = 64;
