//! Reads a value out of the bytes of a message, as bincode's encoder with integers of fixed length
//! writes it. Of bincode's own decoder each number is a call, and a reader that goes through memory
//! three times: longer than all else that a small call takes.
//!
//! It bounds what a few bytes may ask for: how deep values may nest, and how many elements there
//! may be that take no bytes. Memory for what has a length it lends out of the message.

use std::borrow::Cow;

use bincode::error::DecodeError;
use bincode::serde::DecodeError as Unsupported;
use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};

use crate::rack::numbers::{self, BYTES_AT_ONCE};

/// Reads a value, and returns how many bytes are left over. Runs foreign code.
#[inline(always)]
pub(crate) fn read<V: DeserializeOwned>(
    bytes: &[u8],
    pace: Pace,
) -> Result<(V, usize), DecodeError> {
    // In what is no attack, an element that takes no bytes lies in one that does.
    let elements = (bytes.len() as u64).saturating_mul(ELEMENTS_PER_BYTE) + ELEMENTS_AT_LEAST;
    let mut source = match pace {
        Pace::Unbroken => Source {
            bytes,
            elements,
            later: None,
        },
        Pace::WithPauses => Source {
            bytes,
            elements: 0,
            later: Some(elements),
        },
    };
    let value = V::deserialize(Decoder {
        source: &mut source,
        depth: DEPTH_MAX,
    })?;
    Ok((value, source.bytes.len()))
}

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Unbroken,
    /// From time to time whoever else wants the processor may have it.
    WithPauses,
}

/// What is left of a message.
struct Source<'de> {
    bytes: &'de [u8],
    /// How many elements there may still be, or until the next pause.
    elements: u64,
    /// How many there may be after that; none if there is no pause.
    later: Option<u64>,
}

impl<'de> Source<'de> {
    #[inline(always)]
    fn take<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], DecodeError> {
        let Some((taken, left)) = self.bytes.split_first_chunk() else {
            return Err(missing(LENGTH - self.bytes.len()));
        };
        self.bytes = left;
        Ok(*taken)
    }

    fn take_slice(&mut self, length: usize) -> Result<&'de [u8], DecodeError> {
        let Some((taken, left)) = self.bytes.split_at_checked(length) else {
            return Err(missing(length - self.bytes.len()));
        };
        self.bytes = left;
        Ok(taken)
    }

    fn take_length(&mut self) -> Result<usize, DecodeError> {
        let length = u64::from_le_bytes(self.take()?);
        usize::try_from(length).map_err(|_| DecodeError::OutsideUsizeRange(length))
    }

    fn take_bytes(&mut self) -> Result<&'de [u8], DecodeError> {
        let length = self.take_length()?;
        self.take_slice(length)
    }

    fn take_str(&mut self) -> Result<&'de str, DecodeError> {
        text(self.take_bytes()?)
    }

    /// A character is its bytes in UTF-8.
    fn take_char(&mut self) -> Result<char, DecodeError> {
        let first = *self.bytes.first().ok_or_else(|| missing(1))?;
        let length = match first.leading_ones() {
            0 => 1,
            ones => ones.min(4) as usize,
        };
        let bytes = self.take_slice(length)?;
        Ok(text(bytes)?.chars().next().expect("it has a byte"))
    }

    fn count_element(&mut self) -> Result<(), DecodeError> {
        match self.elements.checked_sub(1) {
            Some(left) => {
                self.elements = left;
                Ok(())
            }
            None => self.count_after_pause(),
        }
    }

    #[cold]
    fn count_after_pause(&mut self) -> Result<(), DecodeError> {
        let Some(later @ 1..) = self.later else {
            return Err(DecodeError::custom("more elements than its bytes can hold"));
        };
        std::thread::yield_now();
        let now = later.min(ELEMENTS_AT_ONCE);
        self.later = Some(later - now);
        self.elements = now - 1;
        Ok(())
    }

    /// What is done between two copies of bytes.
    fn pause(&self) -> fn() {
        match self.later {
            Some(_) => std::thread::yield_now,
            None => || (),
        }
    }

    /// Bytes for whoever wants to own them: copied here if there are to be pauses.
    fn take_bytes_to_own(&mut self) -> Result<Cow<'de, [u8]>, DecodeError> {
        let bytes = self.take_bytes()?;
        if self.later.is_none() || bytes.len() < BYTES_AT_ONCE {
            return Ok(Cow::Borrowed(bytes));
        }
        let mut owned = numbers::with_large_pages(bytes.len());
        for some in bytes.chunks(BYTES_AT_ONCE) {
            owned.extend_from_slice(some);
            std::thread::yield_now();
        }
        Ok(Cow::Owned(owned))
    }
}

fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    str::from_utf8(bytes).map_err(|inner| DecodeError::Utf8 { inner })
}

#[cold]
fn missing(additional: usize) -> DecodeError {
    DecodeError::UnexpectedEnd { additional }
}

/// Reads one value, and those in it.
struct Decoder<'s, 'de> {
    source: &'s mut Source<'de>,
    /// How much deeper values may nest.
    depth: u32,
}

impl<'s, 'de> Decoder<'s, 'de> {
    /// Of what is in the value.
    #[inline(always)]
    fn deeper(self) -> Result<Self, DecodeError> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(DecodeError::custom("values are nested too deep")),
        }
    }

    /// Of so many values, one after the other.
    #[inline(always)]
    fn elements(self, left: usize) -> Elements<'s, 'de> {
        Elements {
            source: self.source,
            depth: self.depth,
            left,
        }
    }
}

/// Numbers of fixed length.
macro_rules! numbers {
    ($($method:ident($kind:ty) $visit:ident;)*) => {
        $(#[inline(always)]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            visitor.$visit(<$kind>::from_le_bytes(self.source.take()?))
        })*
    };
}

impl<'de> Deserializer<'de> for Decoder<'_, 'de> {
    type Error = DecodeError;

    numbers! {
        deserialize_i8(i8) visit_i8;
        deserialize_i16(i16) visit_i16;
        deserialize_i32(i32) visit_i32;
        deserialize_i64(i64) visit_i64;
        deserialize_i128(i128) visit_i128;
        deserialize_u8(u8) visit_u8;
        deserialize_u16(u16) visit_u16;
        deserialize_u32(u32) visit_u32;
        deserialize_u64(u64) visit_u64;
        deserialize_u128(u128) visit_u128;
        deserialize_f32(f32) visit_f32;
        deserialize_f64(f64) visit_f64;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source.take()? {
            [0] => visitor.visit_bool(false),
            [1] => visitor.visit_bool(true),
            [other] => Err(DecodeError::InvalidBooleanValue(other)),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_char(self.source.take_char()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(self.source.take_str()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source.take_bytes_to_own()? {
            Cow::Borrowed(bytes) => visitor.visit_borrowed_str(text(bytes)?),
            Cow::Owned(bytes) => {
                let text = String::from_utf8(bytes);
                let text = text.map_err(|error| DecodeError::Utf8 {
                    inner: error.utf8_error(),
                })?;
                visitor.visit_string(text)
            }
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_bytes(self.source.take_bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source.take_bytes_to_own()? {
            Cow::Borrowed(bytes) => visitor.visit_borrowed_bytes(bytes),
            Cow::Owned(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let inner = self.deeper()?;
        match inner.source.take()? {
            [0] => visitor.visit_none(),
            [1] => visitor.visit_some(inner),
            _ => Err(DecodeError::Other("an option that is neither")),
        }
    }

    #[inline(always)]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    #[inline(always)]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self.deeper()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let length = self.source.take_length()?;
        let Some(width) = numbers::bytes_wanted::<V>() else {
            return self.deserialize_tuple(length, visitor);
        };
        let inner = self.deeper()?;
        let bytes = inner.source.take_slice(length.saturating_mul(width))?;
        Ok(numbers::vec_of::<V>(bytes, inner.source.pause()))
    }

    #[inline(always)]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(self.deeper()?.elements(length))
    }

    #[inline(always)]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let length = self.source.take_length()?;
        visitor.visit_map(self.deeper()?.elements(length))
    }

    #[inline(always)]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_enum(self.deeper()?)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::Serde(Unsupported::AnyNotSupported))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::Serde(Unsupported::IdentifierNotSupported))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::Serde(Unsupported::IgnoredAnyNotSupported))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Reads so many values, one after the other.
struct Elements<'s, 'de> {
    source: &'s mut Source<'de>,
    depth: u32,
    left: usize,
}

impl<'de> Elements<'_, 'de> {
    #[inline(always)]
    fn decoder(&mut self) -> Decoder<'_, 'de> {
        Decoder {
            source: self.source,
            depth: self.depth,
        }
    }

    #[inline(always)]
    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        self.source.count_element()?;
        seed.deserialize(self.decoder()).map(Some)
    }

    /// How many are left, if each has a byte at least: a visitor may ask for memory for so many.
    fn hint(&self) -> Option<usize> {
        Some(self.left).filter(|&left| left <= self.source.bytes.len())
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = DecodeError;

    #[inline(always)]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        self.next(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        self.next(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        seed.deserialize(self.decoder())
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

impl<'de> EnumAccess<'de> for Decoder<'_, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), DecodeError> {
        let index = u32::from_le_bytes(self.source.take()?);
        let index: U32Deserializer<DecodeError> = index.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Decoder<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(self.elements(length))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(self.elements(fields.len()))
    }
}

/// A value that nests deeper is refused: a list of boxes, say, that would overflow the stack.
const DEPTH_MAX: u32 = 128;
const ELEMENTS_PER_BYTE: u64 = 64;
const ELEMENTS_AT_LEAST: u64 = 4096;
/// Elements between two pauses.
const ELEMENTS_AT_ONCE: u64 = 4096;
