//! The words above a record's payload.

use super::{BODY_WORDS, WORDS_UNSEALED};
use crate::rack::error::WireError;
use crate::rack::link::PAYLOAD_BYTES_MAX;
use crate::rack::wire::Content;
use crate::rack::wire::reader::SlotImage;

/// Names a property of a node: a place in its table, and which of those that were there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Property {
    /// The place.
    pub index: u32,
    /// How many have been there before.
    pub generation: u32,
}

impl Property {
    pub(crate) const fn to_word(self) -> u64 {
        (self.index as u64) << 32 | self.generation as u64
    }

    pub(crate) const fn from_word(word: u64) -> Self {
        Self {
            index: (word >> 32) as u32,
            generation: word as u32,
        }
    }
}

/// What is asked, beside the payload.
///
/// What the numbers mean is the business of who sends and who runs it; here they are only carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// What to run.
    pub call: u64,
    /// On which property.
    pub property: Property,
    /// What kind of request it is: less than [`Request::KINDS`].
    pub kind: u8,
    /// How many bytes the result will probably have: so many are kept free for it in the slot of
    /// the results. A longer one is sent all the same, in pieces if it does not fit.
    pub result_bytes: u16,
}

impl Request {
    /// How many kinds there may be.
    pub const KINDS: u8 = 64;

    /// The words of its slot that its result is expected to take. One that is expected to be longer
    /// leaves room for the headers of others.
    #[inline(always)]
    pub(crate) fn result_words(&self) -> usize {
        (1 + words_of(usize::from(self.result_bytes))).min(WORDS_UNSEALED)
    }
}

/// The longest payload that goes into a slot. The models have short ones, so that few words are
/// enough for pieces.
pub const INLINE_BYTES_MAX: usize = if cfg!(loom) {
    16
} else {
    8 * (BODY_WORDS - RECORD_HEADER_WORDS_MAX)
};

/// Bits of a result's status.
pub const STATUS_BITS: u32 = 8;

/// Header, property and call.
pub(crate) const RECORD_HEADER_WORDS_MAX: usize = 3;

/// The words that so many bytes take.
#[inline(always)]
pub(crate) const fn words_of(bytes: usize) -> usize {
    bytes.div_ceil(8)
}

/// Puts a payload at a word of an image, padded with zeros to whole words.
///
/// Most are of one word or less, and are stored as one: a call of `memcpy` takes as long as all
/// else that is done for such a record, and the copy into the slot would then have to wait for its
/// narrower stores.
#[inline(always)]
pub(crate) fn put_payload(image: &mut SlotImage, at: usize, payload: &[u8]) {
    let (words, _) = image.0.as_chunks_mut();
    match payload.len() {
        0 => {}
        1..=8 => words[at] = word_of(payload).to_le_bytes(),
        _ => put_long(&mut words[at..], payload),
    }
}

fn put_long(words: &mut [[u8; 8]], payload: &[u8]) {
    let (whole, rest) = payload.as_chunks();
    words[..whole.len()].copy_from_slice(whole);
    if !rest.is_empty() {
        words[whole.len()] = word_of(rest).to_le_bytes();
    }
}

/// At most eight bytes as a word, without a loop.
#[inline(always)]
fn word_of(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    if let Some(word) = bytes.first_chunk() {
        return u64::from_le_bytes(*word);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        // They overlap, and agree where they do.
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << (8 * (length - 4));
    }
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return 0;
    };
    let middle = length / 2;
    u64::from(first)
        | u64::from(bytes[middle]) << (8 * middle)
        | u64::from(last) << (8 * (length - 1))
}

/// The first word of a request, or of a run of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestHeader {
    pub(crate) call: u8,
    pub(crate) kind: u8,
    pub(crate) is_bulk: bool,
    pub(crate) same_property: bool,
    /// If it is not bulk, with what is above it: see [`Run`].
    pub(crate) length: u64,
}

impl RequestHeader {
    /// That of a request for the first call of its batch, with so many bytes in the slot.
    #[inline(always)]
    pub(crate) const fn shape(kind: u8, length: usize) -> u64 {
        (kind as u64) << LENGTH_BITS | length as u64
    }

    #[inline(always)]
    pub(crate) const fn to_word(self) -> u64 {
        debug_assert!(self.kind < Request::KINDS && self.length >> LENGTH_BITS == 0);
        let flags = (self.is_bulk as u64) << 7 | (self.same_property as u64) << 6;
        (self.call as u64) << 56 | (flags | self.kind as u64) << LENGTH_BITS | self.length
    }

    #[inline(always)]
    pub(crate) const fn from_word(word: u64) -> Self {
        let flags = (word >> LENGTH_BITS) as u8;
        Self {
            call: (word >> 56) as u8,
            kind: flags & (Request::KINDS - 1),
            is_bulk: flags & 1 << 7 != 0,
            same_property: flags & 1 << 6 != 0,
            length: word & LENGTH_MASK,
        }
    }
}

/// The first word of a result, or of a run of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResultHeader {
    pub(crate) status: u8,
    pub(crate) is_bulk: bool,
    /// As that of a request.
    pub(crate) length: u64,
}

impl ResultHeader {
    /// What in a header says whether the payload is bulk.
    pub(crate) const fn bulk_bit(is_bulk: bool) -> u64 {
        (is_bulk as u64) << 55
    }

    #[inline(always)]
    pub(crate) const fn to_word(self) -> u64 {
        debug_assert!(self.length >> LENGTH_BITS == 0);
        (self.status as u64) << 56 | (self.is_bulk as u64) << 55 | self.length
    }

    #[inline(always)]
    pub(crate) const fn from_word(word: u64) -> Result<Self, WireError> {
        let reserved = word & 0x7f << LENGTH_BITS;
        if reserved != 0 {
            return Err(WireError::Reserved(reserved));
        }
        Ok(Self {
            status: (word >> 56) as u8,
            is_bulk: word & 1 << 55 != 0,
            length: word & LENGTH_MASK,
        })
    }
}

/// A payload that came as so many bytes of pieces.
pub(crate) const fn bulk<'a>(length: u64) -> Result<Content<'a>, WireError> {
    if length == 0 || length > PAYLOAD_BYTES_MAX {
        return Err(WireError::PayloadLength(length));
    }
    Ok(Content::Bulk(length))
}

/// How many bytes of pieces a record waits for: none unless it is bulk.
#[inline(always)]
pub(crate) const fn awaited(is_bulk: bool, length: u64) -> Result<u64, WireError> {
    if !is_bulk {
        return Ok(0);
    }
    match bulk(length) {
        Ok(_) => Ok(length),
        Err(error) => Err(error),
    }
}

/// What a header says of records whose payloads are in the slot: that it is theirs, all of one
/// length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// How many there are after the first.
    pub(crate) more: u16,
    /// Of the payload of each.
    pub(crate) length: u32,
}

impl Run {
    /// Adds one record to a header's length.
    pub(crate) const ONE_MORE: u64 = 1 << 32;

    #[inline(always)]
    pub(crate) const fn of_length(length: u64) -> Self {
        Self {
            more: (length >> 32) as u16,
            length: length as u32,
        }
    }
}

const LENGTH_BITS: u32 = 48;
const LENGTH_MASK: u64 = (1 << LENGTH_BITS) - 1;

const _: () = assert!(PAYLOAD_BYTES_MAX <= LENGTH_MASK);

#[cfg(test)]
mod tests {
    use super::super::SLOT_BYTES;
    use super::*;

    #[test]
    fn payloads_of_any_length() {
        for length in 0..40 {
            let payload: Vec<_> = (1..=length as u8).collect();
            let mut image = SlotImage([0xff; SLOT_BYTES]);
            put_payload(&mut image, 2, &payload);
            let (before, target) = image.0.split_at(16);
            let (target, behind) = target.split_at(8 * words_of(length));
            assert_eq!(target[..length], payload);
            assert!(target[length..].iter().all(|&byte| byte == 0), "padded");
            let mut others = before.iter().chain(behind);
            assert!(others.all(|&byte| byte == 0xff), "others stay");
        }
    }
}
