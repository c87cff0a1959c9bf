//! A batch as it was copied out of its slot, and a cursor that pops its words.
//!
//! Of a run all is checked when it begins, so that its payloads are taken one after the other
//! without a look at what else is left.

use super::{SLOT_BYTES, WORDS_UNSEALED};
use crate::rack::error::WireError;
use crate::rack::layout::RingKind;
use crate::rack::port::Port;
use crate::rack::wire::header::Run;
use crate::rack::wire::words_of;
use crate::seal::Seal;

/// The bytes of a slot, in memory of the reader's own.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct SlotImage(pub [u8; SLOT_BYTES]);

/// What is left to be read of a batch.
#[derive(Debug)]
pub(crate) struct Cursor {
    bytes: SlotImage,
    /// Records left, without those of the run.
    left: u16,
    words: Words,
    run: Payloads,
}

/// The payloads that are left of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payloads {
    left: u16,
    /// The first byte of the one before the next.
    start: usize,
    length: usize,
    /// From one to the next.
    stride: usize,
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
            run: Payloads {
                left: 0,
                start: 0,
                length: 0,
                stride: 0,
            },
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
        (self.left, self.run.left) = (0, 0);
        let seal = Seal::from_word(seal);
        if seal.has_exceptions {
            return Err(WireError::Reserved(1 << 31));
        }
        let offset = usize::from(seal.offset);
        let Some(words) = end.checked_sub(offset) else {
            return Err(WireError::Offset(seal.offset));
        };
        // The first has a header, and each is answered by one.
        if seal.count == 0 || words == 0 || usize::from(seal.count) > WORDS_UNSEALED {
            return Err(WireError::Count(seal.count));
        }
        let lowest = offset;
        (self.words, self.left) = (Words { lowest, end }, seal.count);
        Ok(offset)
    }

    /// How many records are left.
    #[inline(always)]
    pub(crate) fn left(&self) -> u16 {
        self.left + self.run.left
    }

    /// Whether the next record is of a run that has begun.
    #[inline(always)]
    pub(crate) fn is_in_run(&self) -> bool {
        self.run.left > 0
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

    /// The next payload of the run that has begun, if there is one.
    #[inline(always)]
    pub(crate) fn take_of_run(&mut self) -> Option<&[u8]> {
        self.run.take(&self.bytes)
    }

    /// The payloads that are left of the run, for whoever takes them one by one; then the cursor is
    /// told what is left of them.
    #[inline(always)]
    pub(crate) fn payloads(&self) -> Payloads {
        self.run
    }

    /// What is left of the payloads of the run.
    #[inline(always)]
    pub(crate) fn set_payloads(&mut self, payloads: Payloads) {
        self.run = payloads;
    }

    /// The next of these payloads, if there is one.
    #[inline(always)]
    pub(crate) fn take_of(&self, payloads: &mut Payloads) -> Option<&[u8]> {
        payloads.take(&self.bytes)
    }

    /// Says that the header of a run was read, and what is left after it; of which there is one
    /// record at least.
    #[inline(always)]
    pub(crate) fn begin_run(&mut self, mut words: Words, run: Run) -> Result<(), WireError> {
        let count = match run.more.checked_add(1) {
            Some(count) if count <= self.left => count,
            _ => return Err(WireError::Repeats(run.more)),
        };
        let start = 8 * words.end;
        let stride = words.pop_payloads(count, run.length)?;
        self.finish(words, count)?;
        self.run = Payloads {
            left: count,
            start,
            length: run.length as usize,
            stride,
        };
        Ok(())
    }

    /// Says that a record without a payload was read, and what is left after it.
    pub(crate) fn finish_record(&mut self, words: Words) -> Result<(), WireError> {
        self.finish(words, 1)
    }

    #[inline(always)]
    fn finish(&mut self, words: Words, count: u16) -> Result<(), WireError> {
        self.words = words;
        self.left -= count;
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

impl Payloads {
    #[inline(always)]
    fn take<'b>(&mut self, bytes: &'b SlotImage) -> Option<&'b [u8]> {
        self.left = self.left.checked_sub(1)?;
        self.start -= self.stride;
        Some(&bytes.0[self.start..][..self.length])
    }
}

impl Words {
    /// Steps over so many payloads of so many bytes each, and returns how far it is from one to
    /// the next.
    #[inline(always)]
    fn pop_payloads(&mut self, count: u16, length: u32) -> Result<usize, WireError> {
        let words = words_of(length as usize);
        let left = self.end - self.lowest;
        if words * usize::from(count) > left {
            return Err(WireError::Truncated(u64::from(count) * u64::from(length)));
        }
        self.end -= words * usize::from(count);
        Ok(8 * words)
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
