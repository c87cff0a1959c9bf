//! The encoding of arguments and results: serde by way of an encoder and a decoder of our own,
//! which write and read what bincode does, all behind few functions.
//!
//! A value is encoded into a buffer that is used again, and decoded from where its bytes came to
//! lie, so that a small one costs no allocation and, of its bytes, two copies of a word. Integers
//! are fixed: what a value takes does not depend on what it holds. Trusts do not travel in the
//! bytes but in a table beside them, see handles.rs; the bytes hold their places in it.
//!
//! What takes more than [`LARGE_BYTES`] is encoded and decoded beside the workers, see large.rs:
//! that a value is large is known when so many bytes of it are there, which are then thrown away.
//!
//! **Invariant:** no borrow of this module's state is alive while a value's own `Serialize` or
//! `Deserialize` runs.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bincode::error::{DecodeError, EncodeError};
use gossamer_transport::rack::Payload;
use gossamer_transport::rack::wire::INLINE_BYTES_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contain::dispose;
use crate::rack::decoder::{self, Pace};
use crate::rack::encoder;
use crate::rack::handles::{Handle, Reading, Writing};
use crate::rack::target::{InPlace, Whole};
use crate::worker::Worker;

/// Why a value cannot travel.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// use gossamer::rack;
///
/// // A trust is no text, and means nothing outside the calls of its rack.
/// let trust = rack::entrust(1);
/// let mut bytes = Vec::new();
/// let written = bincode::serde::encode_into_std_write(&trust, &mut bytes, bincode::config::standard());
/// assert!(written.unwrap_err().to_string().contains("only in the arguments and results"));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The value's `Serialize` has failed, or it is larger than any message.
    #[error("it cannot be encoded: {}", encode_text(source))]
    Encode {
        /// What has failed.
        source: bincode::error::EncodeError,
    },
    /// The bytes are none of a value of its type, or the value's `Deserialize` has failed.
    #[error("it cannot be decoded: {}", decode_text(source))]
    Decode {
        /// What has failed.
        source: bincode::error::DecodeError,
    },
    /// The bytes are those of a value, and more.
    #[error("it cannot be decoded: {bytes} bytes are left over")]
    LeftOver {
        /// How many.
        bytes: usize,
    },
    /// Its `Serialize` or `Deserialize` has panicked, on the node that was asked.
    #[error("the other node could not encode it")]
    EncodeThere,
}

/// What a value's own code has said, as it was said; `bincode` would show it as a debugger does.
fn encode_text(error: &EncodeError) -> String {
    match error {
        EncodeError::OtherString(text) => text.clone(),
        error => error.to_string(),
    }
}

fn decode_text(error: &DecodeError) -> String {
    match error {
        DecodeError::OtherString(text) => text.clone(),
        error => error.to_string(),
    }
}

/// A value on its way: its bytes, and the trusts in it.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    pub(crate) bytes: Vec<u8>,
    /// The bytes after those, of a large one.
    pub(crate) rest: Payload,
    pub(crate) handles: Vec<Handle>,
    /// Whether it has turned out to be large, and is not to be used.
    pub(crate) is_full: bool,
}

/// A parcel that has come, where its bytes lie.
#[derive(Debug)]
pub(crate) struct Opened<'a> {
    /// The node that it is of.
    pub(crate) node: u32,
    pub(crate) body: Body<'a>,
    pub(crate) handles: Vec<Handle>,
}

/// The bytes of a value that has come.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// Where they were taken out of their slot.
    Lent(&'a [u8]),
    Owned {
        bytes: Vec<u8>,
        /// Where those of the value begin.
        start: usize,
        /// The link whose later results wait until the value is there, by node and worker.
        link: Option<(u32, u32)>,
    },
}

/// Why a value has no encoding.
#[derive(Debug)]
pub(crate) enum Unencoded {
    /// It has one that is large.
    Large,
    Failed(CodecError),
}

impl Parcel {
    /// Empties it; what it had is mostly bytes alone.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.is_full = false;
        if !self.handles.is_empty() {
            self.handles.clear();
        }
    }

    /// Whether it is bytes alone, which would go into an empty slot.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.handles.is_empty() && self.bytes.len() <= INLINE_BYTES_MAX
    }

    /// All of its bytes.
    pub(crate) fn into_payload(self) -> Payload {
        let mut payload = self.rest;
        payload.push_front(self.bytes);
        payload
    }
}

impl Opened<'_> {
    /// Takes what is in it out of where it lies.
    pub(crate) fn take(&mut self) -> Opened<'static> {
        Opened {
            node: self.node,
            body: self.body.take(),
            handles: std::mem::take(&mut self.handles),
        }
    }
}

impl Body<'_> {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self::Owned {
            bytes,
            start: 0,
            link: None,
        }
    }

    /// The same without all but the last so many bytes.
    pub(crate) fn last(self, count: usize) -> Self {
        match self {
            Self::Lent(bytes) => Self::Lent(&bytes[bytes.len() - count..]),
            Self::Owned { bytes, link, .. } => Self::Owned {
                start: bytes.len() - count,
                bytes,
                link,
            },
        }
    }

    /// The same, for which nothing waits.
    pub(crate) fn detached(mut self) -> Self {
        if let Self::Owned { link, .. } = &mut self {
            *link = None;
        }
        self
    }

    /// Whether it is decoded beside the workers.
    pub(crate) fn is_large(&self) -> bool {
        self.len() > LARGE_BYTES
    }

    pub(crate) fn take(&mut self) -> Body<'static> {
        match self {
            Self::Lent(bytes) => Body::of(bytes.to_vec()),
            Self::Owned { bytes, start, link } => Body::Owned {
                bytes: std::mem::take(bytes),
                start: std::mem::take(start),
                link: link.take(),
            },
        }
    }
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Owned { bytes, start, .. } => &bytes[*start..],
        }
    }
}

impl CodecError {
    /// The value's `Deserialize` has panicked, which the panic itself has reported.
    pub(crate) fn decode_panicked() -> Self {
        let source = DecodeError::Other("its Deserialize has panicked");
        Self::Decode { source }
    }

    /// The same of its `Serialize`.
    fn encode_panicked() -> Self {
        let source = EncodeError::Other("its Serialize has panicked");
        Self::Encode { source }
    }
}

/// Appends a value to a target, with the trusts in it, unless it is large. Runs foreign code.
#[inline(always)]
pub(crate) fn encode<V: Serialize>(value: &V, target: &mut impl InPlace) -> Result<(), Unencoded> {
    let writing = Writing::begin();
    let written = encoder::write(value, target);
    if target.is_full() {
        return Err(Unencoded::Large);
    }
    if let Some(handles) = writing.end() {
        target.attach(handles);
    }
    match written {
        Ok(()) => Ok(()),
        Err(source) => Err(Unencoded::Failed(CodecError::Encode { source })),
    }
}

/// Encodes a value, however large, and drops it. Runs foreign code, whose panic is an error.
pub(crate) fn encode_large<V: Serialize>(value: V) -> Result<Parcel, CodecError> {
    let encode = move || {
        let mut whole = Whole::default();
        let writing = Writing::begin();
        encoder::write(&value, &mut whole)?;
        let handles = writing.end().unwrap_or_default();
        Worker::drop_contained(value);
        Ok(Parcel {
            rest: whole.into_payload(),
            handles,
            ..Parcel::default()
        })
    };
    match catch_unwind(AssertUnwindSafe(encode)) {
        Ok(encoded) => encoded.map_err(|source| CodecError::Encode { source }),
        Err(payload) => {
            dispose(payload);
            Err(CodecError::encode_panicked())
        }
    }
}

/// Decodes a value, all of the bytes, and takes the trusts. Runs foreign code.
#[inline(always)]
pub(crate) fn decode<V: DeserializeOwned>(
    bytes: &[u8],
    handles: &mut Vec<Handle>,
) -> Result<V, CodecError> {
    let _reading = Reading::begin(handles);
    whole(decoder::read(bytes, Pace::Unbroken))
}

/// The same of a value without trusts.
#[inline(always)]
pub(crate) fn decode_plain<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, CodecError> {
    let _reading = Reading::begin_plain();
    whole(decoder::read(bytes, Pace::Unbroken))
}

/// The same of a large one, with pauses, and of foreign code whose panic is an error.
pub(crate) fn decode_large<V: DeserializeOwned>(
    bytes: &[u8],
    handles: &mut Vec<Handle>,
) -> Result<V, CodecError> {
    contained(|| {
        let _reading = Reading::begin(handles);
        whole(decoder::read(bytes, Pace::WithPauses))
    })
}

/// The same of a small one, where a panic of foreign code is to be an error.
pub(crate) fn decode_contained<V: DeserializeOwned>(
    bytes: &[u8],
    handles: &mut Vec<Handle>,
) -> Result<V, CodecError> {
    contained(|| decode(bytes, handles))
}

fn contained<V>(decode: impl FnOnce() -> Result<V, CodecError>) -> Result<V, CodecError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|payload| {
        dispose(payload);
        Err(CodecError::decode_panicked())
    })
}

/// The value of which nothing is left over.
#[inline(always)]
fn whole<V>(read: Result<(V, usize), DecodeError>) -> Result<V, CodecError> {
    match read {
        Ok((value, 0)) => Ok(value),
        Ok((_, bytes)) => Err(CodecError::LeftOver { bytes }),
        Err(source) => Err(CodecError::Decode { source }),
    }
}

/// A value that takes more bytes is encoded and decoded beside the workers. On one, so many take
/// a few tens of microseconds, about as long as it takes another thread to begin.
pub(crate) const LARGE_BYTES: usize = 256 << 10;

/// The most bytes of a value: what memory a peer can ask for by one call.
pub(crate) const PARCEL_BYTES_MAX: usize = 1 << 30;
