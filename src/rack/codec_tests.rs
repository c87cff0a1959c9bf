//! What an encoding promises, of the encoder, the decoder and both together.

use std::collections::{BTreeMap, LinkedList};
use std::fmt::Debug;
use std::num::NonZeroU8;

use bincode::error::DecodeError;
use proptest::prelude::*;
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::rack::codec::{
    CodecError, LARGE_BYTES, PARCEL_BYTES_MAX, Parcel, Unencoded, decode, decode_large, encode,
    encode_large,
};
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
fn what_a_value_says_is_shown_as_it_was_said() {
    struct Mute;

    impl Serialize for Mute {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it is a \"secret\""))
        }
    }

    let Err(Unencoded::Failed(error)) = encode(&Mute, &mut Parcel::default()) else {
        panic!("it was encoded");
    };
    assert_eq!(
        error.to_string(),
        "it cannot be encoded: it is a \"secret\""
    );
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
        let few = (length <= 64).then_some(&*bytes);
        assert_eq!(buffer.in_place(), few);
        assert_eq!(buffer.take().bytes, bytes);
        assert_eq!(buffer.in_place(), Some(&[][..]));
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
    let mut bytes = bincode::serde::encode_to_vec(&value, FORMAT).expect("encoded");
    assert_eq!(bytes_of(&value), bytes, "as bincode writes it");
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

/// Each kind of numbers in one piece, as each of them alone would be.
#[test]
fn numbers_side_by_side() {
    fn check<T>(numbers: Vec<T>)
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug + Clone,
    {
        comes_back(numbers.clone());
        comes_back(vec![(numbers.clone(), 7_u8); 2]);
        assert_eq!(bytes_of(&numbers), bytes_of(&&numbers[..]));
        let one_by_one: LinkedList<_> = numbers.iter().cloned().collect();
        assert_eq!(bytes_of(&numbers), bytes_of(&one_by_one));
        comes_back(one_by_one);
        comes_back::<Box<[T]>>(numbers.into());
    }

    check(vec![u8::MAX, 0, 1]);
    check(vec![i8::MIN, 3]);
    check(vec![u16::MAX, 1]);
    check(vec![i16::MIN, 1]);
    check(vec![u32::MAX, 1]);
    check(vec![i32::MIN, 1]);
    check(vec![u64::MAX, 1]);
    check(vec![i64::MIN, 1]);
    check(vec![u128::MAX, 1]);
    check(vec![i128::MIN, 1]);
    check(vec![f32::MIN, 0.5]);
    check(vec![f64::MIN, 0.5]);
    check(Vec::<u8>::new());
}

/// Others of the same length are looked at one by one.
#[test]
fn what_looks_like_numbers() {
    assert!(back::<Vec<bool>>(bytes_of(&vec![2_u8])).is_err());
    assert!(back::<Vec<char>>(bytes_of(&vec![255_u8])).is_err());
    assert!(back::<Vec<NonZeroU8>>(bytes_of(&vec![0_u8])).is_err());
    let mut backwards = bytes_of(&vec![1_u8, 2, 3]);
    assert_eq!(
        back::<Backwards>(backwards.clone()).expect("decoded").0,
        [3, 2, 1]
    );
    backwards.pop();
    assert!(back::<Backwards>(backwards).is_err());
}

/// Bytes that are read as serde reads a `Vec`, but for their order.
struct Backwards(Vec<u8>);

impl<'de> Deserialize<'de> for Backwards {
    fn deserialize<D: serde::Deserializer<'de>>(inner: D) -> Result<Self, D::Error> {
        inner.deserialize_seq(FromTheEnd).map(Self)
    }
}

struct FromTheEnd;

impl<'de> serde::de::Visitor<'de> for FromTheEnd {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("bytes")
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.insert(0, byte);
        }
        Ok(bytes)
    }
}

/// That a value is large is known before all of it is there, and then nothing of it is.
#[test]
fn large_values_are_told_apart() {
    let (mut parcel, mut handles) = (Parcel::default(), Vec::new());
    let header = size_of::<u64>();
    let fits = vec![1_u8; LARGE_BYTES - header];
    assert!(encode(&fits, &mut parcel).is_ok());
    assert!(encode(&fits, &mut Buffer::default()).is_ok());
    for value in [vec![vec![1_u8; LARGE_BYTES]], vec![vec![1; 1000]; 1000]] {
        let encoded = encode(&value, &mut Buffer::default());
        assert!(matches!(encoded, Err(Unencoded::Large)));
        parcel.clear();
        let encoded = encode(&value, &mut parcel);
        assert!(matches!(encoded, Err(Unencoded::Large)));
        assert!(parcel.bytes.capacity() <= 2 * LARGE_BYTES);
        let whole = bincode::serde::encode_to_vec(&value, FORMAT).expect("encoded");
        let parcel = encode_large(value.clone()).expect("encoded");
        assert_eq!(parcel.into_payload().into_bytes(), whole);
        let back = decode_large::<Vec<Vec<u8>>>(&whole, &mut handles);
        assert_eq!(back.expect("decoded"), value);
    }
}

#[test]
fn large_text_and_bytes() {
    let text = "ß€🦀".repeat(100_000);
    let bytes = encode_large(text.clone()).expect("encoded");
    let mut bytes = bytes.into_payload().into_bytes();
    let back = decode_large::<String>(&bytes, &mut Vec::new());
    assert_eq!(back.expect("decoded"), text);
    let owned = decode_large::<Owned>(&bytes, &mut Vec::new()).expect("decoded");
    assert!(owned.bytes == text.as_bytes() && !owned.is_lent);
    *bytes.last_mut().expect("some") = 0;
    assert!(decode_large::<String>(&bytes, &mut Vec::new()).is_err());
}

/// With pauses, elements without bytes have the same bound.
#[test]
fn elements_are_counted_across_pauses() {
    let many = |count: u64| [&count.to_le_bytes()[..], &[0; 1000]].concat();
    let left = |count| decode_large::<Vec<()>>(&many(count), &mut Vec::new());
    let Err(CodecError::LeftOver { bytes: 1000 }) = left(60_000) else {
        panic!("there may be so many");
    };
    let Err(CodecError::Decode { .. }) = left(80_000) else {
        panic!("there may not be so many");
    };
}

/// A map, or a sequence, of which only its length is looked at: as visitors are told it.
struct Expected<const IS_MAP: bool>(Option<usize>);

impl<'de, const IS_MAP: bool> Deserialize<'de> for Expected<IS_MAP> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = match IS_MAP {
            true => deserializer.deserialize_map(Expects),
            false => deserializer.deserialize_seq(Expects),
        };
        expected.map(Self)
    }
}

struct Expects;

impl<'de> Visitor<'de> for Expects {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a length")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Option<usize>, M::Error> {
        Ok(map.size_hint())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<Option<usize>, S::Error> {
        Ok(seq.size_hint())
    }
}

/// A visitor may ask for memory for so many elements as it is told to expect, and abort.
#[test]
fn lengths_that_are_longer_than_the_message() {
    for (length, expected) in [(0, Some(0)), (4, Some(4)), (5, None), (1 << 43, None)] {
        let bytes = [&u64::to_le_bytes(length)[..], &[7; 4]].concat();
        let (Expected::<true>(map), _) = read(&bytes, Pace::Unbroken).expect("a length");
        let (Expected::<false>(seq), _) = read(&bytes, Pace::Unbroken).expect("a length");
        assert_eq!((map, seq), (expected, expected), "{length}");
    }
}

const FORMAT: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Fixint,
> = bincode::config::standard().with_fixed_int_encoding();
