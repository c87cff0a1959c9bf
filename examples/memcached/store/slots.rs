//! [`Slots`]: where items lie, each at one index for as long as it lives.

use std::ops::{Index, IndexMut};

use super::item::Item;

/// Items in chunks, which are made one after the other, so that growing moves nothing and takes
/// little at a time. A chunk is never given back.
#[derive(Debug)]
pub(crate) struct Slots {
    chunks: Vec<Box<[Item]>>,
    /// The first free slot; the others follow by [`Item::older`].
    free: u32,
    used: usize,
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: NONE,
            used: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// How many there are, free ones included.
    pub(crate) fn capacity(&self) -> usize {
        self.chunks.len() * CHUNK
    }

    pub(crate) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK_BYTES
    }

    /// What [`bytes`](Self::bytes) will be after the next insertion.
    pub(crate) fn bytes_after_insert(&self) -> usize {
        if self.free == NONE {
            self.bytes() + CHUNK_BYTES
        } else {
            self.bytes()
        }
    }

    pub(crate) fn insert(&mut self, item: Item) -> u32 {
        if self.free == NONE {
            self.grow();
        }
        let at = self.free;
        self.free = self[at].older;
        self[at] = item;
        self.used += 1;
        at
    }

    pub(crate) fn remove(&mut self, at: u32) -> Item {
        debug_assert!(!self[at].is_vacant());
        let free = std::mem::replace(&mut self.free, at);
        self.used -= 1;
        std::mem::replace(&mut self[at], Item::vacant(free))
    }

    fn grow(&mut self) {
        let start = self.capacity();
        assert!(start + CHUNK <= NONE as usize, "an index has 32 bits");
        let next = |slot: usize| {
            if slot + 1 < CHUNK {
                (start + slot + 1) as u32
            } else {
                NONE
            }
        };
        self.chunks
            .push((0..CHUNK).map(|slot| Item::vacant(next(slot))).collect());
        self.free = start as u32;
    }
}

impl Index<u32> for Slots {
    type Output = Item;

    fn index(&self, at: u32) -> &Item {
        &self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }
}

impl IndexMut<u32> for Slots {
    fn index_mut(&mut self, at: u32) -> &mut Item {
        &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }
}

/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

const CHUNK: usize = 512;

/// With the reference to it, and what the allocator takes.
const CHUNK_BYTES: usize = CHUNK * size_of::<Item>() + 64 + 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again() {
        let mut slots = Slots::new();
        let items: Vec<_> = (0..1000u64)
            .map(|n| slots.insert(Item::new(n, b"k", b"v")))
            .collect();
        let bytes = slots.bytes();
        assert_eq!(slots.capacity(), 1024);
        for at in &items {
            assert_eq!(slots.remove(*at).hash, *at);
        }
        assert_eq!(slots.len(), 0);
        for number in 0..1024 {
            assert_eq!(slots.bytes_after_insert(), bytes);
            slots.insert(Item::new(number, b"k", b"v"));
        }
        assert!(slots.bytes_after_insert() > bytes);
    }
}
