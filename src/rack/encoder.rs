//! Writes a value into a message, as bincode does it with integers of fixed length; decoder.rs
//! reads it.

use bincode::error::EncodeError;
use bincode::serde::EncodeError as Unsupported;
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::rack::numbers;

/// Where the bytes of a value are put together.
pub(crate) trait Target {
    /// Appends bytes, or says that there is no room: it then never has any again.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Full>;
}

/// There is no room in a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Writes a value. Runs foreign code.
#[inline(always)]
pub(crate) fn write<V: Serialize>(value: &V, target: &mut impl Target) -> Result<(), EncodeError> {
    value.serialize(Encoder(target))
}

impl From<Full> for EncodeError {
    #[cold]
    fn from(Full: Full) -> Self {
        Self::Other("a value takes more bytes than a message may have")
    }
}

/// Writes one value, and those in it.
struct Encoder<'t, T>(&'t mut T);

impl<T: Target> Encoder<'_, T> {
    #[inline(always)]
    fn append(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        Ok(self.0.append(bytes)?)
    }

    #[inline(always)]
    fn append_length(&mut self, length: Option<usize>) -> Result<(), EncodeError> {
        match length {
            Some(length) => self.append(&(length as u64).to_le_bytes()),
            None => Err(EncodeError::Serde(Unsupported::SequenceMustHaveLength)),
        }
    }

    #[inline(always)]
    fn append_part<V: Serialize + ?Sized>(&mut self, value: &V) -> Result<(), EncodeError> {
        value.serialize(Encoder(&mut *self.0))
    }
}

/// Numbers of fixed length.
macro_rules! numbers {
    ($($method:ident($kind:ty);)*) => {
        $(#[inline(always)]
        fn $method(mut self, number: $kind) -> Result<(), EncodeError> {
            self.append(&number.to_le_bytes())
        })*
    };
}

impl<'t, T: Target> Serializer for Encoder<'t, T> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    numbers! {
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_f32(f32);
        serialize_f64(f64);
    }

    #[inline(always)]
    fn serialize_bool(mut self, bool: bool) -> Result<(), EncodeError> {
        self.append(&[u8::from(bool)])
    }

    fn serialize_char(mut self, char: char) -> Result<(), EncodeError> {
        self.append(char.encode_utf8(&mut [0; 4]).as_bytes())
    }

    fn serialize_str(self, text: &str) -> Result<(), EncodeError> {
        self.serialize_bytes(text.as_bytes())
    }

    fn serialize_bytes(mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.append_length(Some(bytes.len()))?;
        self.append(bytes)
    }

    fn serialize_none(mut self) -> Result<(), EncodeError> {
        self.append(&[0])
    }

    #[inline(always)]
    fn serialize_some<V: Serialize + ?Sized>(mut self, value: &V) -> Result<(), EncodeError> {
        self.append(&[1])?;
        self.append_part(value)
    }

    #[inline(always)]
    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_variant(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), EncodeError> {
        self.append(&index.to_le_bytes())
    }

    #[inline(always)]
    fn serialize_newtype_struct<V: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        value: &V,
    ) -> Result<(), EncodeError> {
        self.append_part(value)
    }

    #[inline(always)]
    fn serialize_newtype_variant<V: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &V,
    ) -> Result<(), EncodeError> {
        self.append(&index.to_le_bytes())?;
        self.append_part(value)
    }

    fn serialize_seq(mut self, length: Option<usize>) -> Result<Self, EncodeError> {
        self.append_length(length)?;
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple(self, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, EncodeError> {
        self.append(&index.to_le_bytes())?;
        Ok(self)
    }

    fn serialize_map(mut self, length: Option<usize>) -> Result<Self, EncodeError> {
        self.append_length(length)?;
        Ok(self)
    }

    #[inline(always)]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, EncodeError> {
        self.append(&index.to_le_bytes())?;
        Ok(self)
    }

    #[inline(always)]
    fn collect_seq<I>(mut self, elements: I) -> Result<(), EncodeError>
    where
        I: IntoIterator<Item: Serialize>,
    {
        let mut elements = elements.into_iter();
        if let Some((count, bytes)) = numbers::bytes_of(&elements) {
            self.append_length(Some(count))?;
            return self.append(bytes);
        }
        let count = match elements.size_hint() {
            (low, Some(high)) if low == high => Some(low),
            _ => None,
        };
        self.append_length(count)?;
        elements.try_for_each(|element| self.append_part(&element))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// What is in a value, one after the other.
macro_rules! parts {
    ($($part:ident::$method:ident($($key:ty)?);)*) => {
        $(impl<T: Target> $part for Encoder<'_, T> {
            type Ok = ();
            type Error = EncodeError;

            #[inline(always)]
            fn $method<V: Serialize + ?Sized>(
                &mut self,
                $(_: $key,)?
                value: &V,
            ) -> Result<(), EncodeError> {
                self.append_part(value)
            }

            #[inline(always)]
            fn end(self) -> Result<(), EncodeError> {
                Ok(())
            }
        })*
    };
}

parts! {
    SerializeSeq::serialize_element();
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(&'static str);
    SerializeStructVariant::serialize_field(&'static str);
}

impl<T: Target> SerializeMap for Encoder<'_, T> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<(), EncodeError> {
        self.append_part(key)
    }

    fn serialize_value<V: Serialize + ?Sized>(&mut self, value: &V) -> Result<(), EncodeError> {
        self.append_part(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}
