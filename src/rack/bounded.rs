//! A deserializer that bounds what the one below would do for a few bytes: how deep values may
//! nest, and how many elements there may be that take no bytes.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Decodes a `V` within bounds.
pub(crate) struct Bounds<V> {
    elements: u64,
    value: PhantomData<V>,
}

impl<V> Bounds<V> {
    /// Those of a message of so many bytes.
    pub(crate) fn of(bytes: usize) -> Self {
        // In what is no attack, an element that takes no bytes lies in one that does.
        let elements = (bytes as u64).saturating_mul(ELEMENTS_PER_BYTE) + ELEMENTS_AT_LEAST;
        Self {
            elements,
            value: PhantomData,
        }
    }
}

impl<'de, V: serde::Deserialize<'de>> DeserializeSeed<'de> for Bounds<V> {
    type Value = V;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<V, D::Error> {
        let left = Cell::new(self.elements);
        let level = Level {
            depth: DEPTH_MAX,
            left: &left,
        };
        V::deserialize(level.around(inner))
    }
}

/// How much further it may go at some place of a value.
#[derive(Clone, Copy)]
struct Level<'b> {
    depth: u32,
    left: &'b Cell<u64>,
}

impl Level<'_> {
    fn around<X>(self, inner: X) -> Bounded<Self, X> {
        Bounded { level: self, inner }
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1);
        depth.map_or_else(
            || Err(E::custom("values are nested too deep")),
            |depth| Ok(Self { depth, ..self }),
        )
    }

    fn count<E: Error>(self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1);
        self.left
            .set(left.ok_or_else(|| E::custom("more elements than its bytes can hold"))?);
        Ok(())
    }
}

/// Something of the format below, with bounds.
struct Bounded<L, X> {
    level: L,
    inner: X,
}

/// Methods that only pass a visitor on.
macro_rules! forward {
    ($($method:ident($($name:ident: $kind:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $kind,)* visitor: V) -> Result<V::Value, D::Error> {
            let level = self.level.deeper()?;
            self.inner.$method($($name,)* level.around(visitor))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<Level<'_>, D> {
    type Error = D::Error;

    forward! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_bytes();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    // Lent out of the message: what asks for its own would be allocated, as long as the message
    // says, before its bytes are found to be missing.
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_bytes(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// Visits that carry nothing to look into.
macro_rules! visits {
    ($($method:ident($kind:ty);)*) => {
        $(fn $method<E: Error>(self, value: $kind) -> Result<V::Value, E> {
            self.inner.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Bounded<Level<'_>, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visits! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_f32(f32);
        visit_f64(f64);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(self.level.around(some))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, new: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(self.level.around(new))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(self.level.around(seq))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(self.level.around(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(self.level.around(choice))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<Level<'_>, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(self.level.around(inner))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Bounded<Level<'_>, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.level.count()?;
        self.inner.next_element_seed(self.level.around(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Bounded<Level<'_>, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.level.count()?;
        self.inner.next_key_seed(self.level.around(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(self.level.around(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<Level<'b>, A> {
    type Error = A::Error;
    type Variant = Bounded<Level<'b>, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let level = self.level;
        let (value, variant) = self.inner.variant_seed(level.around(seed))?;
        Ok((value, level.around(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<Level<'_>, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(self.level.around(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, self.level.around(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner
            .struct_variant(fields, self.level.around(visitor))
    }
}

/// A value that nests deeper is refused: a list of boxes, say, that would overflow the stack.
pub(crate) const DEPTH_MAX: u32 = 128;
const ELEMENTS_PER_BYTE: u64 = 64;
const ELEMENTS_AT_LEAST: u64 = 4096;
