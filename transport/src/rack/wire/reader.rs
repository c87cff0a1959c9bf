//! A batch as it was copied out of its slot, and a cursor that pops its words.

use crate::rack::error::WireError;
use crate::rack::layout::RingKind;
use crate::rack::port::Port;
use crate::rack::wire::words_of;
use crate::slot::{SLOT_BYTES, Seal};

/// The bytes of a slot, in memory of the reader's own.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct SlotImage(pub [u8; SLOT_BYTES]);

/// What is left to be read of a batch.
#[derive(Debug)]
pub(crate) struct Cursor {
    bytes: SlotImage,
    /// Records left.
    left: u16,
    words: Words,
}

/// The words that are left of a batch, of which the highest comes next. A record is read by a copy
/// of them that goes back into the cursor when it ends: the next waits for that one store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    lowest: usize,
    end: usize,
}

impl Cursor {
    /// Of a batch without records.
    pub(crate) fn new() -> Self {
        Self {
            bytes: SlotImage([0; SLOT_BYTES]),
            left: 0,
            words: Words { lowest: 0, end: 0 },
        }
    }

    /// Takes batch `sequence` out of its slot, if it has come; its records end at word `end`.
    #[inline]
    pub(crate) fn take(
        &mut self,
        port: &Port,
        ring: RingKind,
        sequence: u32,
        end: usize,
    ) -> Result<bool, WireError> {
        let index = index_of(port, ring, sequence);
        let Some(seal) = port.sealed(ring, index, sequence)? else {
            return Ok(false);
        };
        let offset = self.begin(seal, end)?;
        port.load(ring, index, &mut self.bytes.0[8 * offset..SLOT_BYTES - 8]);
        Ok(true)
    }

    /// Takes a batch out of an image whose last word is its seal.
    pub(crate) fn take_image(&mut self, image: &SlotImage, end: usize) -> Result<(), WireError> {
        self.bytes = *image;
        let seal = self.word(SLOT_BYTES / 8 - 1);
        self.begin(seal, end)?;
        Ok(())
    }

    /// Checks what a seal says, and returns the lowest word of its batch.
    fn begin(&mut self, seal: u64, end: usize) -> Result<usize, WireError> {
        self.left = 0;
        let seal = Seal::from_word(seal);
        if seal.has_exceptions {
            return Err(WireError::Reserved(1 << 31));
        }
        let offset = usize::from(seal.offset);
        let Some(words) = end.checked_sub(offset) else {
            return Err(WireError::Offset(seal.offset));
        };
        // Each record has a header.
        if seal.count == 0 || usize::from(seal.count) > words {
            return Err(WireError::Count(seal.count));
        }
        let lowest = offset;
        (self.words, self.left) = (Words { lowest, end }, seal.count);
        Ok(offset)
    }

    /// How many records are left.
    #[inline(always)]
    pub(crate) fn left(&self) -> u16 {
        self.left
    }

    /// What is left of its words.
    #[inline(always)]
    pub(crate) fn words(&self) -> Words {
        self.words
    }

    /// The header of the next record.
    #[inline(always)]
    pub(crate) fn peek(&self) -> Result<u64, WireError> {
        self.pop(&mut self.words())
    }

    /// The next word.
    #[inline(always)]
    pub(crate) fn pop(&self, words: &mut Words) -> Result<u64, WireError> {
        if words.end == words.lowest {
            return Err(WireError::Truncated(8));
        }
        words.end -= 1;
        Ok(self.word(words.end))
    }

    /// So many bytes from a word on.
    #[inline(always)]
    pub(crate) fn bytes(&self, word: usize, length: u64) -> &[u8] {
        &self.bytes.0[8 * word..][..length as usize]
    }

    /// Says that a record was read to its end, and what is left after it.
    #[inline(always)]
    pub(crate) fn finish_record(&mut self, words: Words) -> Result<(), WireError> {
        self.words = words;
        self.left -= 1;
        if self.left == 0 && words.end != words.lowest {
            return Err(WireError::Leftover((words.end - words.lowest) as u16));
        }
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn word(&self, index: usize) -> u64 {
        let bytes = self.bytes.0[8 * index..].first_chunk();
        u64::from_le_bytes(*bytes.expect("a word of a slot"))
    }
}

impl Words {
    /// Steps over a payload, and returns the word at which it begins.
    #[inline(always)]
    pub(crate) fn pop_bytes(&mut self, length: u64) -> Result<usize, WireError> {
        let left = self.end - self.lowest;
        if length > 8 * left as u64 {
            return Err(WireError::Truncated(length));
        }
        self.end -= words_of(length as usize);
        Ok(self.end)
    }
}

/// In which slot of its ring a batch lies.
#[inline(always)]
pub(crate) fn index_of(port: &Port, ring: RingKind, sequence: u32) -> u16 {
    (sequence & (u32::from(port.layout().geometry.count(ring)) - 1)) as u16
}

impl std::fmt::Debug for SlotImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlotImage").finish_non_exhaustive()
    }
}
