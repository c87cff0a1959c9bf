//! The encoding of arguments and results: serde by way of bincode, all behind two functions.
//!
//! Integers are fixed: what a value takes does not depend on what it holds. Trusts do not travel
//! in the bytes but in a table beside them, see handles.rs; the bytes hold their places in it.
//!
//! **Invariant:** no borrow of this module's state is alive while a value's own `Serialize` or
//! `Deserialize` runs.

use std::io;

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rack::bounded::Bounds;
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

/// Encodes a value. Runs foreign code.
pub(crate) fn encode<V: Serialize>(value: &V) -> Result<Parcel, CodecError> {
    let writing = Writing::begin();
    let mut bytes = Vec::new();
    let writer = Bounded(&mut bytes);
    let written = bincode::serde::encode_into_std_write(value, &mut { writer }, CONFIGURATION);
    let handles = writing.end();
    written.map_err(|source| CodecError::Encode { source })?;
    Ok(Parcel { bytes, handles })
}

/// Decodes a value, all of the bytes. Runs foreign code.
pub(crate) fn decode<V: DeserializeOwned>(parcel: Parcel) -> Result<V, CodecError> {
    let Parcel { bytes, handles } = parcel;
    let _reading = Reading::begin(handles);
    let bounds = Bounds::<V>::of(bytes.len());
    let (value, read) = bincode::serde::seed_decode_from_slice(bounds, &bytes, CONFIGURATION)
        .map_err(|source| CodecError::Decode { source })?;
    match bytes.len() - read {
        0 => Ok(value),
        bytes => Err(CodecError::LeftOver { bytes }),
    }
}

/// A writer that refuses what no message may hold.
struct Bounded<'a>(&'a mut Vec<u8>);

impl io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > PARCEL_BYTES_MAX - self.0.len() {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "a value takes more bytes than a message may have",
            ));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const CONFIGURATION: Configuration<LittleEndian, Fixint, Limit<PARCEL_BYTES_MAX>> =
    bincode::config::standard()
        .with_fixed_int_encoding()
        .with_limit::<PARCEL_BYTES_MAX>();

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
        encode(value).expect("encoded").bytes
    }

    fn back<V: DeserializeOwned>(bytes: Vec<u8>) -> Result<V, CodecError> {
        decode(Parcel {
            bytes,
            handles: Vec::new(),
        })
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
