//! Size classes. Nothing is allocated by them: they are what `stats` and `me` tell of, and so they
//! are those of memcached's slabs as it is started without options (`-f 1.25 -n 48`).

use std::ops::{Index, IndexMut};

/// A size class, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(u8);

impl Class {
    /// Of an item of so many bytes, in memcached's count.
    pub(crate) fn of(bytes: usize) -> Self {
        let smaller = SIZES[1..].partition_point(|size| (*size as usize) < bytes);
        Self((smaller + 1).min(CLASSES) as u8)
    }

    pub(crate) fn number(self) -> usize {
        usize::from(self.0)
    }

    /// In bytes: what memcached would take for an item of the class.
    pub(crate) fn size(self) -> u32 {
        SIZES[self.number()]
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (1..=CLASSES as u8).map(Self)
    }
}

/// Something for each class.
#[derive(Clone, Debug)]
pub(crate) struct PerClass<T>([T; CLASSES + 1]);

impl<T: Default> Default for PerClass<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| T::default()))
    }
}

impl<T> Index<Class> for PerClass<T> {
    type Output = T;

    fn index(&self, class: Class) -> &T {
        &self.0[class.number()]
    }
}

impl<T> IndexMut<Class> for PerClass<T> {
    fn index_mut(&mut self, class: Class) -> &mut T {
        &mut self.0[class.number()]
    }
}

/// The largest item that memcached keeps in one piece; a larger one is in several.
pub(crate) const PIECE_BYTES_MAX: usize = 512 * 1024;

const CLASSES: usize = 39;

/// From 1: there is no class 0.
const SIZES: [u32; CLASSES + 1] = sizes();

const fn sizes() -> [u32; CLASSES + 1] {
    let mut sizes = [0; CLASSES + 1];
    let mut size = 48u32 + 48;
    let mut class = 1;
    while class < CLASSES {
        // Of eight bytes each.
        size = size.next_multiple_of(8);
        sizes[class] = size;
        size = size * 5 / 4;
        class += 1;
    }
    // The factor is not applied where it would lead past the last.
    assert!(size * 5 / 4 >= PIECE_BYTES_MAX as u32);
    assert!(size < PIECE_BYTES_MAX as u32);
    sizes[CLASSES] = PIECE_BYTES_MAX as u32;
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_memcacheds() {
        let sizes: Vec<_> = Class::all().map(Class::size).collect();
        assert_eq!(sizes[..8], [96, 120, 152, 192, 240, 304, 384, 480]);
        assert_eq!(sizes[35..], [252_696, 315_872, 394_840, 524_288]);
    }

    #[test]
    fn classes_of_sizes_at_the_edges() {
        for (bytes, class) in [(1, 1), (96, 1), (97, 2), (394_840, 38), (394_841, 39)] {
            assert_eq!(Class::of(bytes).number(), class, "{bytes}");
        }
        assert_eq!(Class::of(64 << 20).number(), 39);
    }
}
