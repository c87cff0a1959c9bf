//! Numbers of fixed length that lie side by side, a slice or a `Vec` of them, go into a message and
//! come out of it as one piece of bytes. Serde hands them on one by one, which takes a nanosecond
//! and more for each byte of a `Vec<u8>`.
//!
//! Whether something generic is such a slice is asked of its type: what the encoder gets of a
//! `Vec<T>` is a `slice::Iter<T>`, and what the decoder gets is a visitor that serde keeps to
//! itself, which a `Vec<T>` is therefore asked to show once more.
//!
//! # Unsafe
//!
//! | what | who may do it | in which state |
//! |---|---|---|
//! | take a vtable's lifetime for `'static` | `id_of` | always: it is called once, and what it leads to borrows nothing and asks for the id alone |
//! | take an `&I` for a `&slice::Iter<T>` | `bytes_of` | `id_of` says that they are one type but for lifetimes; it is not kept for longer than the `&I` |
//! | look at numbers as bytes | `bytes_of` | each of their bytes is part of a number, and bytes are aligned anywhere |
//! | advise the system about memory of a `Vec` | `with_large_pages` | all of the range lies in it; the advice changes none of it |
//! | take a `Vec<T>` for a `W` | `moved` | `id_of` says that they are one type; it has no lifetimes |

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, transmute, transmute_copy};
use std::slice;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// Does something for each kind of number that lies in memory as it does in a message.
macro_rules! for_each_number {
    ($do:ident) => {
        $do!(u8 i8 u16 i16 u32 i32 u64 i64 u128 i128 f32 f64)
    };
}

/// What an iterator goes through, and how many they are, if it is one over numbers side by side.
#[inline(always)]
pub(crate) fn bytes_of<I>(iter: &I) -> Option<(usize, &[u8])> {
    macro_rules! look {
        ($($number:ty)*) => {
            $(if id_of::<I>() == TypeId::of::<slice::Iter<'static, $number>>() {
                // SAFETY: row 2 of the table: just asked.
                let iter = unsafe { &*(&raw const *iter).cast::<slice::Iter<'_, $number>>() };
                let numbers = iter.as_slice();
                let (first, bytes) = (numbers.as_ptr().cast::<u8>(), size_of_val(numbers));
                // SAFETY: row 3 of the table.
                return Some((numbers.len(), unsafe { slice::from_raw_parts(first, bytes) }));
            })*
        };
    }
    if cfg!(target_endian = "little") {
        for_each_number!(look);
    }
    None
}

/// How many bytes a number takes of those that a visitor wants a sequence of, to make a `Vec`.
#[inline(always)]
pub(crate) fn bytes_wanted<'de, V: Visitor<'de>>() -> Option<usize> {
    macro_rules! look {
        ($($number:ty)*) => {
            $(if wants::<V, $number>() {
                return Some(size_of::<$number>());
            })*
        };
    }
    for_each_number!(look);
    None
}

/// The `Vec` that such a visitor makes of these bytes.
///
/// # Panics
/// If it is no such visitor, or they are no whole numbers.
pub(crate) fn vec_of<'de, V: Visitor<'de>>(bytes: &[u8], pause: fn()) -> V::Value {
    macro_rules! look {
        ($($number:ty)*) => {
            $(if wants::<V, $number>() {
                let (numbers, []) = bytes.as_chunks() else {
                    panic!("whole numbers were asked for");
                };
                let mut vec = with_large_pages(numbers.len());
                for some in numbers.chunks(BYTES_AT_ONCE / size_of::<$number>()) {
                    vec.extend(some.iter().map(|bytes| <$number>::from_le_bytes(*bytes)));
                    pause();
                }
                return moved(vec);
            })*
        };
    }
    for_each_number!(look);
    panic!("it makes no `Vec` of numbers")
}

/// An empty `Vec` with room, of large pages if there is much of it and the system has such: memory
/// that was not there before takes most of the time of a large copy, and giving it back as much as
/// a tenth.
pub(crate) fn with_large_pages<T>(count: usize) -> Vec<T> {
    let vec = Vec::<T>::with_capacity(count);
    let start = vec.as_ptr().addr().next_multiple_of(LARGE_PAGE_BYTES);
    let end = vec.as_ptr().addr() + vec.capacity() * size_of::<T>();
    let bytes = end.saturating_sub(start) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    #[cfg(target_os = "linux")]
    if bytes > 0 && start < end {
        let start = vec.as_ptr().with_addr(start).cast_mut().cast();
        // SAFETY: row 4 of the table. Without, it is only slower.
        let _ = unsafe { rustix::mm::madvise(start, bytes, rustix::mm::Advice::LinuxHugepage) };
    }
    vec
}

/// Whether `V` is what a `Vec<T>` is made by.
#[inline(always)]
fn wants<'de, V: Visitor<'de>, T: Deserialize<'de> + 'static>() -> bool {
    let shown = Vec::<T>::deserialize(Shows).err();
    let is_value = id_of::<V::Value>() == TypeId::of::<Vec<T>>();
    is_value && matches!(shown, Some(Shown(Some(visitor))) if visitor == id_of::<V>())
}

#[inline(always)]
fn moved<T: 'static, W>(vec: Vec<T>) -> W {
    assert!(id_of::<W>() == TypeId::of::<Vec<T>>(), "the caller asked");
    let vec = ManuallyDrop::new(vec);
    // SAFETY: row 5 of the table: just asked; the original is not used any more.
    unsafe { transmute_copy::<ManuallyDrop<Vec<T>>, W>(&vec) }
}

/// The id of a type as if all its lifetimes were `'static`: the crate `typeid` has more words.
#[inline(always)]
fn id_of<T: ?Sized>() -> TypeId {
    trait Kind {
        fn id(&self) -> TypeId
        where
            Self: 'static;
    }

    impl<T: ?Sized> Kind for PhantomData<T> {
        #[inline(always)]
        fn id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }

    let kind = PhantomData::<T>;
    let kind: &dyn Kind = &kind;
    // SAFETY: row 1 of the table.
    let kind = unsafe { transmute::<&dyn Kind, &(dyn Kind + 'static)>(kind) };
    kind.id()
}

/// A deserializer that only shows by whom it is asked for a sequence.
struct Shows;

/// Who has asked.
#[derive(Debug)]
struct Shown(Option<TypeId>);

impl<'de> Deserializer<'de> for Shows {
    type Error = Shown;

    #[inline(always)]
    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Shown> {
        Err(Shown(Some(id_of::<V>())))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Shown> {
        Err(Shown(None))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl de::Error for Shown {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

impl std::error::Error for Shown {}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it only shows")
    }
}

/// Bytes that are copied between two pauses: a few microseconds, or a few tens of them in memory
/// that was not there before.
pub(crate) const BYTES_AT_ONCE: usize = 64 << 10;

/// A multiple of what the system takes for large.
const LARGE_PAGE_BYTES: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn slices_of_numbers_are_bytes() {
        assert_eq!(bytes_of(&[1_u8, 2].iter()), Some((2, &[1, 2][..])));
        assert_eq!(bytes_of(&[258_u16].iter()), Some((1, &[2, 1][..])));
        let vec = Vec::from([-1_i64; 3]);
        assert_eq!(bytes_of(&vec.iter()), Some((3, &[255; 24][..])));
        assert_eq!(bytes_of(&[0_f32; 0].iter()), Some((0, &[][..])));
        let mut rest = [1_u8, 2, 3].iter();
        rest.next();
        assert_eq!(bytes_of(&rest), Some((2, &[2, 3][..])), "what is left");
    }

    #[test]
    fn others_are_not() {
        assert_eq!(bytes_of(&[true].iter()), None);
        assert_eq!(bytes_of(&['a'].iter()), None);
        assert_eq!(bytes_of(&[1_usize].iter()), None);
        assert_eq!(bytes_of(&[[1_u8]].iter()), None);
        assert_eq!(bytes_of(&[1_u8].into_iter()), None);
        assert_eq!(bytes_of(&VecDeque::from([1_u8]).iter()), None);
        assert_eq!(bytes_of(&[1_u8].iter().map(|byte| byte + 1)), None);
    }

    /// A visitor of its own that makes a `Vec` of numbers otherwise.
    struct Halves;

    impl<'de> Visitor<'de> for Halves {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("numbers")
        }
    }

    #[test]
    fn only_the_visitor_of_a_vec_is_one() {
        assert_eq!(bytes_wanted::<Halves>(), None);
    }
}
