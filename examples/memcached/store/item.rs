//! [`Item`]: a key with its value and all that is known of it.

use super::class::{Class, PIECE_BYTES_MAX};
use super::expiry::{Deadline, Now};
use super::slots::NONE;

/// A key with its value: a line of the processor's cache, and one allocation for both.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Item {
    /// The key, then the value, then what is left.
    block: Box<[u8]>,
    pub(crate) cas: u64,
    /// The lower half of the key's, to find the item's place in the index.
    pub(crate) hash: u32,
    /// The neighbours in the order of use, or the next slot if this one is free.
    pub(crate) newer: u32,
    pub(crate) older: u32,
    value_bytes: u32,
    pub(crate) client_flags: u32,
    pub(crate) deadline: Deadline,
    /// The second in which it was stored, or noted as used.
    pub(crate) used: u32,
    key_bytes: u8,
    pub(crate) class: Class,
    /// Was asked for since it was stored.
    pub(crate) is_fetched: bool,
    /// Was asked for once more since it last came to the front of the order of use.
    pub(crate) is_active: bool,
    /// Is to be replaced: `md` and `ms` with `I`.
    pub(crate) is_stale: bool,
    /// Somebody was told to replace it: the win flag of `mg`.
    pub(crate) is_token_sent: bool,
    /// The key came in base64.
    pub(crate) is_binary: bool,
}

const _: () = assert!(size_of::<Item>() == 64);

/// How a value comes from what is given and the one that is there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text<'a> {
    Whole(&'a [u8]),
    Behind(&'a [u8]),
    Before(&'a [u8]),
}

impl Text<'_> {
    /// The length of the value that comes of it.
    pub(crate) fn value_bytes(self, old: usize) -> usize {
        match self {
            Self::Whole(text) => text.len(),
            Self::Behind(text) | Self::Before(text) => old + text.len(),
        }
    }
}

impl Item {
    /// A new one, without flags and marks.
    pub(crate) fn new(hash: u64, key: &[u8], value: &[u8]) -> Self {
        debug_assert!(!key.is_empty() && key.len() <= KEY_BYTES_MAX);
        Self {
            block: block([key, value, &[]]),
            hash: hash as u32,
            value_bytes: value.len() as u32,
            key_bytes: key.len() as u8,
            class: Class::of(item_bytes(key.len(), value.len(), 0)),
            ..Self::vacant(NONE)
        }
    }

    /// What a free slot holds.
    pub(crate) fn vacant(next: u32) -> Self {
        Self {
            block: Box::default(),
            cas: 0,
            hash: 0,
            newer: NONE,
            older: next,
            value_bytes: 0,
            client_flags: 0,
            deadline: Deadline::NEVER,
            used: 0,
            key_bytes: 0,
            class: Class::of(0),
            is_fetched: false,
            is_active: false,
            is_stale: false,
            is_token_sent: false,
            is_binary: false,
        }
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.key_bytes == 0
    }

    pub(crate) fn first_byte(&self) -> usize {
        self.block.first().copied().unwrap_or(0).into()
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.block[..usize::from(self.key_bytes)]
    }

    pub(crate) fn value(&self) -> &[u8] {
        let start = usize::from(self.key_bytes);
        &self.block[start..start + self.value_bytes as usize]
    }

    /// A place to write another value of the same length.
    pub(crate) fn value_mut(&mut self) -> &mut [u8] {
        let start = usize::from(self.key_bytes);
        &mut self.block[start..start + self.value_bytes as usize]
    }

    /// As memcached counts it.
    pub(crate) fn bytes(&self) -> usize {
        item_bytes(
            usize::from(self.key_bytes),
            self.value_bytes as usize,
            self.client_flags,
        )
    }

    /// What the allocator gave for it.
    pub(crate) fn block_bytes(&self) -> usize {
        allocation_bytes(self.block.len())
    }

    /// Whether memcached would have it in several pieces.
    pub(crate) fn is_in_pieces(&self) -> bool {
        self.bytes() > PIECE_BYTES_MAX
    }

    pub(crate) fn has_ended(&self, now: Now) -> bool {
        self.deadline.has_come(now)
    }

    /// What the allocator will give for such a value; nothing if the block can be kept.
    pub(crate) fn block_bytes_for(&self, value_bytes: usize) -> Option<usize> {
        let needed = usize::from(self.key_bytes) + value_bytes;
        (!fits(needed, self.block.len())).then(|| block_bytes(needed))
    }

    /// Changes the value, in the block that there is if it fits well.
    pub(crate) fn write(&mut self, text: Text<'_>) {
        let (key, old) = (usize::from(self.key_bytes), self.value_bytes as usize);
        let new = text.value_bytes(old);
        if fits(key + new, self.block.len()) {
            match text {
                Text::Whole(text) => self.block[key..key + new].copy_from_slice(text),
                Text::Behind(text) => self.block[key + old..key + new].copy_from_slice(text),
                Text::Before(text) => {
                    self.block.copy_within(key..key + old, key + text.len());
                    self.block[key..key + text.len()].copy_from_slice(text);
                }
            }
        } else {
            self.block = match text {
                Text::Whole(text) => block([self.key(), text, &[]]),
                Text::Behind(text) => block([self.key(), self.value(), text]),
                Text::Before(text) => block([self.key(), text, self.value()]),
            };
        }
        self.value_bytes = new as u32;
    }
}

/// What memcached would take for such an item: what `-I` limits, and `me` tells.
pub(crate) fn item_bytes(key_bytes: usize, value_bytes: usize, client_flags: u32) -> usize {
    // A header of 48 bytes with a cas id, the key with a 0 behind it, the value with its line's
    // end, and the client's flags unless they are 0.
    48 + 8 + key_bytes + 1 + value_bytes + 2 + if client_flags == 0 { 0 } else { 4 }
}

/// What the allocator will give for a block of so many bytes.
pub(crate) fn block_bytes(needed: usize) -> usize {
    allocation_bytes(usable(needed))
}

/// One allocation with the parts behind one another.
fn block(parts: [&[u8]; 3]) -> Box<[u8]> {
    let mut block = Vec::with_capacity(usable(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        block.extend_from_slice(part);
    }
    block.resize(usable(block.len()), 0);
    block.into_boxed_slice()
}

/// Whether a block may be kept for so many bytes: if they fit, and do not leave much of it unused.
fn fits(needed: usize, block: usize) -> bool {
    needed <= block && block - needed <= BLOCK_UNUSED_MAX.max(block / 4)
}

/// A block of a bit more, which costs the same: glibc's `malloc` rounds to 16 bytes, 8 of which
/// are its own, and gives 24 at least.
fn usable(bytes: usize) -> usize {
    if bytes >= MAPPED_BYTES_MIN {
        bytes
    } else {
        ((bytes + 8).next_multiple_of(16) - 8).max(24)
    }
}

/// With what the allocator takes for itself.
fn allocation_bytes(bytes: usize) -> usize {
    if bytes >= MAPPED_BYTES_MIN {
        (bytes + 16).next_multiple_of(4096)
    } else {
        usable(bytes) + 8
    }
}

pub(crate) const KEY_BYTES_MAX: usize = 250;

const BLOCK_UNUSED_MAX: usize = 32;

/// From here on an allocation is of whole pages.
const MAPPED_BYTES_MIN: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn item(value: &[u8]) -> Item {
        Item::new(1, b"key", value)
    }

    #[test]
    fn values_change_in_place_and_not() {
        for value in [
            &b""[..],
            b"x",
            b"0123456789",
            &[b'v'; 100],
            &[b'w'; 200_000],
        ] {
            let mut item = item(b"between");
            for text in [Text::Behind(value), Text::Before(value), Text::Behind(b"!")] {
                item.write(text);
            }
            assert_eq!(item.value(), [value, b"between", value, b"!"].concat());
            assert_eq!(item.key(), b"key");
            item.write(Text::Whole(value));
            assert_eq!((item.key(), item.value()), (&b"key"[..], value));
            assert!(
                item.block_bytes() <= block_bytes(3 + value.len()).max(64),
                "block kept"
            );
        }
    }

    #[test]
    fn block_is_announced_as_it_is_made() {
        let mut item = item(&[b'v'; 50]);
        for bytes in [40, 51, 52, 300, 290, 20, 150_000, 3] {
            let expected = item.block_bytes_for(bytes).unwrap_or(item.block_bytes());
            item.write(Text::Whole(&vec![b'v'; bytes]));
            assert_eq!(item.block_bytes(), expected, "{bytes}");
        }
    }

    #[test]
    fn item_bytes_with_and_without_flags() {
        // `set a 0 0 2` and `set a 5 0 2` as `me a` tells.
        assert_eq!(item_bytes(1, 2, 0), 62);
        assert_eq!(item_bytes(1, 2, 5), 66);
    }
}
