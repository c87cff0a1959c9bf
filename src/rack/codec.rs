//! The encoding of arguments and results: serde by way of bincode's encoder and a decoder of our
//! own (decoder.rs), all behind two functions.
//!
//! A value is encoded into a buffer that is used again, and decoded from where its bytes came to
//! lie, so that a small one costs no allocation and, of its bytes, two copies of a word. Integers
//! are fixed: what a value takes does not depend on what it holds. Trusts do not travel in the
//! bytes but in a table beside them, see handles.rs; the bytes hold their places in it.
//!
//! **Invariant:** no borrow of this module's state is alive while a value's own `Serialize` or
//! `Deserialize` runs.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rack::decoder;
use crate::rack::handles::{Handle, Reading, Writing};

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
    #[error("it cannot be encoded: {source}")]
    Encode {
        /// What has failed.
        source: bincode::error::EncodeError,
    },
    /// The bytes are none of a value of its type, or the value's `Deserialize` has failed.
    #[error("it cannot be decoded: {source}")]
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

/// A value on its way: its bytes, and the trusts in it.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    pub(crate) bytes: Vec<u8>,
    pub(crate) handles: Vec<Handle>,
}

/// A parcel that has come, where its bytes lie.
#[derive(Debug)]
pub(crate) struct Opened<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) handles: Vec<Handle>,
}

impl Parcel {
    /// Empties it; what it had is mostly bytes alone.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        if !self.handles.is_empty() {
            self.handles.clear();
        }
    }

    pub(crate) fn open(&mut self) -> Opened<'_> {
        Opened {
            bytes: &self.bytes,
            handles: std::mem::take(&mut self.handles),
        }
    }
}

impl Opened<'_> {
    pub(crate) fn take_parcel(&mut self) -> Parcel {
        Parcel {
            bytes: self.bytes.to_vec(),
            handles: std::mem::take(&mut self.handles),
        }
    }
}

impl CodecError {
    /// The value's `Deserialize` has panicked, which the panic itself has reported.
    pub(crate) fn decode_panicked() -> Self {
        let source = DecodeError::Other("its Deserialize has panicked");
        Self::Decode { source }
    }
}

/// Appends a value to a target, with the trusts in it. Runs foreign code.
#[inline(always)]
pub(crate) fn encode<V: Serialize>(value: &V, target: &mut impl Target) -> Result<(), CodecError> {
    let writing = Writing::begin();
    let written = bincode::serde::encode_into_writer(value, Bounded(target), CONFIGURATION);
    if let Some(handles) = writing.end() {
        target.attach(handles);
    }
    match written {
        Ok(()) => Ok(()),
        Err(source) => Err(CodecError::Encode { source }),
    }
}

/// Decodes a value, all of the bytes, and takes the trusts. Runs foreign code.
#[inline(always)]
pub(crate) fn decode<V: DeserializeOwned>(
    bytes: &[u8],
    handles: &mut Vec<Handle>,
) -> Result<V, CodecError> {
    let _reading = Reading::begin(handles);
    match decoder::read(bytes) {
        Ok((value, 0)) => Ok(value),
        Ok((_, bytes)) => Err(CodecError::LeftOver { bytes }),
        Err(source) => Err(CodecError::Decode { source }),
    }
}

/// Where a value is put together.
pub(crate) trait Target {
    fn length(&self) -> usize;
    fn append(&mut self, bytes: &[u8]);
    fn attach(&mut self, handles: Vec<Handle>);
}

impl Target for Parcel {
    #[inline(always)]
    fn length(&self) -> usize {
        self.bytes.len()
    }

    #[inline(always)]
    fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    #[cold]
    fn attach(&mut self, handles: Vec<Handle>) {
        self.handles.extend(handles);
    }
}

/// A value, in place while it is a few bytes and nothing else.
pub(crate) struct Buffer {
    small: [u8; SMALL_BYTES],
    /// How many bytes it has, those of `parcel` included.
    length: usize,
    /// All of it if it is more.
    parcel: Option<Box<Parcel>>,
}

impl Default for Buffer {
    #[inline(always)]
    fn default() -> Self {
        Self {
            small: [0; SMALL_BYTES],
            length: 0,
            parcel: None,
        }
    }
}

impl Buffer {
    /// Its bytes, if there are no trusts beside them.
    #[inline(always)]
    pub(crate) fn plain(&self) -> Option<&[u8]> {
        match &self.parcel {
            None => self.small.get(..self.length),
            Some(parcel) => parcel.handles.is_empty().then_some(&parcel.bytes),
        }
    }

    pub(crate) fn take(&mut self) -> Parcel {
        let parcel = std::mem::take(self.parcel());
        *self = Self::default();
        parcel
    }

    #[cold]
    fn parcel(&mut self) -> &mut Parcel {
        self.parcel.get_or_insert_with(|| {
            Box::new(Parcel {
                bytes: self.small[..self.length].to_vec(),
                handles: Vec::new(),
            })
        })
    }
}

impl Target for Buffer {
    #[inline(always)]
    fn length(&self) -> usize {
        self.length
    }

    #[inline(always)]
    fn append(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.small.get_mut(self.length..end) {
            Some(place) if self.parcel.is_none() => place.copy_from_slice(bytes),
            _ => self.parcel().append(bytes),
        }
        self.length = end;
    }

    #[cold]
    fn attach(&mut self, handles: Vec<Handle>) {
        self.parcel().attach(handles);
    }
}

/// A writer that refuses what no message may hold.
struct Bounded<'a, W>(&'a mut W);

impl<W: Target> Writer for Bounded<'_, W> {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if bytes.len() > PARCEL_BYTES_MAX - self.0.length() {
            return Err(EncodeError::Other(
                "a value takes more bytes than a message may have",
            ));
        }
        self.0.append(bytes);
        Ok(())
    }
}

const CONFIGURATION: Configuration<LittleEndian, Fixint, Limit<PARCEL_BYTES_MAX>> =
    bincode::config::standard()
        .with_fixed_int_encoding()
        .with_limit::<PARCEL_BYTES_MAX>();

const SMALL_BYTES: usize = 64;

/// The most bytes of a value: what memory a peer can ask for by one call.
pub(crate) const PARCEL_BYTES_MAX: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Nothing,
        One(u8),
        Two(String, Option<Vec<i64>>),
        Named {
            map: BTreeMap<u16, String>,
            float: f64,
        },
        Boxed(Box<Shape>),
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Nested(Option<Box<Nested>>);

    fn bytes_of<V: Serialize>(value: &V) -> Vec<u8> {
        let mut parcel = Parcel::default();
        encode(value, &mut parcel).expect("encoded");
        parcel.bytes
    }

    fn back<V: DeserializeOwned>(bytes: Vec<u8>) -> Result<V, CodecError> {
        decode(&bytes, &mut Vec::new())
    }

    #[test]
    fn all_shapes_come_back() {
        let map = BTreeMap::from([(1, "one".to_owned()), (2, String::new())]);
        let shapes = vec![
            Shape::Nothing,
            Shape::One(255),
            Shape::Two("text".into(), Some(vec![i64::MIN, 0])),
            Shape::Named { map, float: -0.5 },
            Shape::Boxed(Box::new(Shape::Boxed(Box::new(Shape::Nothing)))),
        ];
        assert_eq!(
            back::<Vec<Shape>>(bytes_of(&shapes)).expect("decoded"),
            shapes
        );
        let mixed = ((), 'c', true, -1_i128, [1_u16; 3]);
        assert_eq!(
            back::<((), char, bool, i128, [u16; 3])>(bytes_of(&mixed)).expect("decoded"),
            mixed
        );
    }

    #[test]
    fn what_is_left_over_or_missing_is_an_error() {
        assert!(matches!(
            back::<u16>(vec![0; 3]),
            Err(CodecError::LeftOver { bytes: 1 })
        ));
        assert!(matches!(
            back::<u16>(vec![0]),
            Err(CodecError::Decode { .. })
        ));
        assert!(matches!(
            back::<bool>(vec![7]),
            Err(CodecError::Decode { .. })
        ));
    }

    #[test]
    fn few_bytes_claim_no_memory_and_no_time() {
        let huge = u64::MAX.to_le_bytes().to_vec();
        assert!(back::<Vec<u64>>(huge.clone()).is_err());
        assert!(back::<String>(huge.clone()).is_err());
        // Each element takes no bytes: they would never end.
        let error = back::<Vec<()>>((1_u64 << 40).to_le_bytes().to_vec());
        assert!(
            error
                .expect_err("refused")
                .to_string()
                .contains("more elements")
        );
        assert_eq!(
            back::<Vec<()>>(bytes_of(&vec![(); 3]))
                .expect("decoded")
                .len(),
            3
        );
    }

    #[test]
    fn a_buffer_holds_few_bytes_and_many() {
        for length in [0, 1, 63, 64, 65, 1000] {
            let mut buffer = Buffer::default();
            let bytes: Vec<_> = (0..length).map(|byte| byte as u8).collect();
            bytes.chunks(9).for_each(|part| buffer.append(part));
            assert_eq!(buffer.plain(), Some(&*bytes));
            assert_eq!(buffer.take().bytes, bytes);
            assert_eq!(buffer.plain(), Some(&[][..]));
        }
    }

    /// Bytes that a value asks to own, and what it is given.
    struct Owned {
        bytes: Vec<u8>,
        is_lent: bool,
    }

    impl<'de> Deserialize<'de> for Owned {
        fn deserialize<D: serde::Deserializer<'de>>(inner: D) -> Result<Self, D::Error> {
            inner.deserialize_byte_buf(Lent)
        }
    }

    struct Lent;

    impl<'de> serde::de::Visitor<'de> for Lent {
        type Value = Owned;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bytes")
        }

        fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Owned, E> {
            let bytes = bytes.to_vec();
            let is_lent = true;
            Ok(Owned { bytes, is_lent })
        }

        fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Owned, E> {
            let is_lent = false;
            Ok(Owned { bytes, is_lent })
        }
    }

    /// Else a length alone would make a buffer of it.
    #[test]
    fn bytes_are_lent_out_of_the_message() {
        let mut bytes = 3_u64.to_le_bytes().to_vec();
        bytes.extend_from_slice(b"abc");
        let owned = back::<Owned>(bytes.clone()).expect("decoded");
        assert!(owned.is_lent && owned.bytes == b"abc");
        assert_eq!(back::<String>(bytes).expect("decoded"), "abc");
        let huge = (PARCEL_BYTES_MAX as u64 - 64).to_le_bytes().to_vec();
        assert!(back::<Owned>(huge).is_err());
    }

    #[test]
    fn nested_too_deep_is_an_error() {
        let nested = |depth: usize| {
            let mut bytes = vec![1; depth];
            bytes.push(0);
            bytes
        };
        assert!(back::<Nested>(nested(20)).is_ok());
        let error = back::<Nested>(nested(1 << 20)).expect_err("refused");
        assert!(error.to_string().contains("too deep"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = back::<Vec<Shape>>(bytes.clone());
            let _ = back::<(Shape, Option<BTreeMap<String, Vec<Shape>>>)>(bytes.clone());
            let _ = back::<Nested>(bytes);
        }
    }
}
