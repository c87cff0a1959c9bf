//! What an encoding promises, of the encoder, the decoder and both together.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bincode::error::DecodeError;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::rack::codec::{CodecError, PARCEL_BYTES_MAX, Parcel, decode, encode};
use crate::rack::decoder::{Pace, read};
use crate::rack::encoder::Target;
use crate::rack::target::Buffer;

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
        for part in bytes.chunks(9) {
            assert_eq!(buffer.append(part), Ok(()));
        }
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

fn comes_back<V: Serialize + DeserializeOwned + PartialEq + Debug>(value: V) {
    let format = bincode::config::standard().with_fixed_int_encoding();
    let mut bytes = bincode::serde::encode_to_vec(&value, format).expect("encoded");
    bytes.push(7);
    let (back, left) = read::<V>(&bytes, Pace::Unbroken).expect("decoded");
    assert_eq!((&back, left), (&value, 1));
    let paces = [Pace::Unbroken, Pace::WithPauses];
    for (length, pace) in (0..bytes.len() - 1).zip(paces.into_iter().cycle()) {
        let cut = read::<V>(&bytes[..length], pace);
        assert!(
            matches!(cut, Err(DecodeError::UnexpectedEnd { .. })),
            "{cut:?}"
        );
    }
}

#[test]
fn all_that_the_encoder_writes() {
    for char in ['a', 'ß', '€', '🦀', char::MAX] {
        comes_back(char);
    }
    comes_back((i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
    comes_back((u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
    comes_back((f32::MIN_POSITIVE, f64::MAX, true, usize::MAX));
    comes_back(vec![Some("text".to_owned()), None]);
    comes_back([Ok::<_, u8>((1_u8, ())), Err(2)]);
}

#[test]
fn bytes_that_no_encoder_writes() {
    assert!(read::<bool>(&[2], Pace::Unbroken).is_err());
    assert!(read::<Option<u8>>(&[2, 0], Pace::Unbroken).is_err());
    assert!(read::<Result<u8, u8>>(&[2, 0, 0, 0, 0], Pace::Unbroken).is_err());
    for char in [
        [0x80; 4],
        [0xc3, 0x28, 0, 0],
        [0xff; 4],
        [0xed, 0xa0, 0x80, 0],
    ] {
        assert!(read::<char>(&char, Pace::Unbroken).is_err(), "{char:?}");
    }
    assert!(read::<String>(&[1, 0, 0, 0, 0, 0, 0, 0, 0xff], Pace::Unbroken).is_err());
}
