//! A slot: one KiB of memory that one side writes and the other reads.
//!
//! ```text
//! word    0                                   offset           124    125   126   127
//!         ├────────── unused ──────────────────┼── records ─────┼ call0 call1 call2 seal
//!                                   filled downward ◄───────────┘
//! ```
//!
//! The seal is `sequence:32 | exceptions:1 | offset:15 | count:16` in one word, so that a single
//! Release store publishes the batch; the used bytes are contiguous with it, so that one write moves all. The
//! trailer's half cache line also holds the first three words of records: a batch of one small
//! request is one cache line.
//!
//! Cost of a batch in memory: the line of the seal and one line for every 64 bytes of records
//! move once to the reader; nothing is read-modify-written.
//!
//! # Unsafe
//!
//! | field | who may touch it | when |
//! |---|---|---|
//! | `body` | the writer | from the moment that the reader's answer to the previous batch in this slot was seen (or the start) until it stores `seal` |
//! | `body` | the reader | from the moment that it sees the expected sequence in `seal` until it answers |
//! | `seal` | both | always, atomically; only the writer stores |
//!
//! Who is the writer and who the reader, and what the answer is, is settled by the link ends
//! (`link.rs`): each exists once and its batch sequence only moves on as the table says.

use std::mem::MaybeUninit;

use crate::call::Word;
use crate::image::Image;
use crate::sync::{AtomicU64, Ordering, UnsafeCell};

/// Bytes of a slot.
pub const SLOT_BYTES: usize = 1024;

/// Words of a slot before its trailer.
pub(crate) const BODY_WORDS: usize = WORDS - TRAILER_WORDS;

/// Call table entries that a batch names by a short index.
pub(crate) const CALLS: usize = 3;

/// Words of a slot without its seal.
pub(crate) const WORDS_UNSEALED: usize = WORDS - 1;

const WORDS: usize = SLOT_BYTES / size_of::<Word>();
const TRAILER_WORDS: usize = CALLS + 1;

pub(crate) const LINE_WORDS: usize = 8;

/// Copies words one by one if they are few.
///
/// They have just been stored one by one: a wider load would have to wait until the stores have
/// left the store buffer, and the first line is what a single request waits for.
///
/// # Safety
/// `target` has room for them, and nobody else touches it.
#[inline(always)]
unsafe fn copy_words(words: &[Word], target: *mut Word) {
    if words.len() > 2 * LINE_WORDS {
        // SAFETY: by the contract.
        return unsafe { std::ptr::copy_nonoverlapping(words.as_ptr(), target, words.len()) };
    }
    for (index, word) in words.iter().enumerate() {
        // SAFETY: by the contract.
        let target = unsafe { target.add(index) };
        // SAFETY: a reference. Volatile keeps the words apart.
        let word = unsafe { std::ptr::read_volatile(word) };
        // SAFETY: by the contract.
        unsafe { target.write_volatile(word) };
    }
}

/// Asks for the cache line at `address`, where the processor has a way to.
#[inline(always)]
pub(crate) fn prefetch(address: *const Word) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address is only a hint; SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Asks for the cache line at `address` to write it, where the processor has a way to.
#[inline(always)]
pub(crate) fn prefetch_to_write(address: *const Word) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        // SAFETY: a prefetch of any address is only a hint, and a processor without this one
        // takes it for a no-op. There is an intrinsic, but it is another prefetch unless the whole program is
        // compiled for a processor that is known to have this one.
        unsafe {
            std::arch::asm!(
                "prefetchw [{}]",
                in(reg) address,
                options(nostack, preserves_flags, readonly)
            );
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// What a slot's last word says of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) sequence: u32,
    pub(crate) offset: u16,
    pub(crate) count: u16,
    /// Whether the first trailer word leads to a list of exceptions.
    pub(crate) has_exceptions: bool,
}

impl Seal {
    #[inline(always)]
    pub(crate) const fn to_word(self) -> u64 {
        let offset = (self.has_exceptions as u64) << 15 | self.offset as u64;
        (self.sequence as u64) << 32 | offset << 16 | self.count as u64
    }

    #[inline(always)]
    pub(crate) const fn from_word(word: u64) -> Self {
        Self {
            sequence: (word >> 32) as u32,
            offset: (word >> 16) as u16 & 0x7fff,
            count: word as u16,
            has_exceptions: word & 1 << 31 != 0,
        }
    }
}

/// One slot; see the module's text for its layout and for who may touch what.
#[repr(C, align(128))]
pub(crate) struct Slot {
    body: UnsafeCell<[Word; WORDS_UNSEALED]>,
    seal: AtomicU64,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Slot>() == SLOT_BYTES);

// SAFETY: every access to `body` is governed by the table above and ordered by `seal`.
unsafe impl Sync for Slot {}
// SAFETY: words have no owner thread; what they encode is vouched for by whoever wrote a record.
unsafe impl Send for Slot {}

impl Slot {
    pub(crate) fn new() -> Self {
        let body = [const { MaybeUninit::uninit() }; WORDS_UNSEALED];
        Self {
            body: UnsafeCell::new(body),
            seal: AtomicU64::new(0),
        }
    }

    /// Copies the used part of `image` here and makes it visible as batch `sequence`.
    ///
    /// # Safety
    /// The caller is this slot's writer and has seen the answer to the batch before.
    #[inline]
    pub(crate) unsafe fn publish(&self, image: &Image, sequence: u32) {
        let (offset, used) = image.used();
        self.body.with_mut(|body| {
            // SAFETY: `offset` is within the body, as `Image` keeps it.
            let target = unsafe { body.cast::<Word>().add(offset) };
            // SAFETY: row 1 of the table, by this function's contract; `used` ends at the seal.
            unsafe { copy_words(used, target) };
        });
        let (count, has_exceptions) = (image.count(), image.has_exceptions());
        let seal = Seal {
            sequence,
            offset: offset as u16,
            count,
            has_exceptions,
        };
        // Release: pairs with the Acquire load in `take`; a reader that sees this sequence sees
        // the records copied above.
        self.seal.store(seal.to_word(), Ordering::Release);
    }

    /// The batch `sequence`, if it has been published.
    #[inline(always)]
    pub(crate) fn take(&self, sequence: u32) -> Option<Seal> {
        // Acquire: pairs with the Release store in `publish`.
        let seal = Seal::from_word(self.seal.load(Ordering::Acquire));
        (seal.sequence == sequence).then_some(seal)
    }

    /// Asks for the line of the seal and the one below it, to write them. A batch that needs only
    /// the first leaves the second where it is.
    #[inline(always)]
    pub(crate) fn prepare(&self) {
        let below_trailer = self.words().wrapping_add(BODY_WORDS - LINE_WORDS);
        prefetch_to_write((&raw const self.seal).cast());
        prefetch_to_write(below_trailer);
    }

    /// Asks for the lines of a batch that `take` returned: they are another core's, and so all
    /// are on their way at once.
    #[inline(always)]
    pub(crate) fn prefetch(&self, seal: Seal) {
        let words = self.words();
        let mut word = BODY_WORDS;
        // The line of the trailer has come with the seal.
        while let Some(below) = word
            .checked_sub(LINE_WORDS)
            .filter(|w| w + TRAILER_WORDS > seal.offset as usize)
        {
            word = below;
            prefetch(words.wrapping_add(word));
        }
    }

    /// The words of the batch that `take` returned.
    ///
    /// They may be read until the reader calls [`finish`](Self::finish) and answers: row 2 of the
    /// table.
    #[inline(always)]
    pub(crate) fn words(&self) -> *const Word {
        self.body.with(|body| body.cast::<Word>())
    }

    /// The reader has read what `words` returned and is about to answer batch `sequence`.
    ///
    /// Costs nothing: it is the other end of the read, for the models, which see here that
    /// nobody wrote meanwhile.
    #[inline(always)]
    pub(crate) fn finish(&self, sequence: u32) {
        debug_assert!(
            self.take(sequence).is_some(),
            "overwritten while it was read"
        );
        self.body.with(|_| ());
    }
}
