//! A slot: two KiB of memory for one batch, its requests and their results.
//!
//! ```text
//! word   0         offset           122   123   124  125 │ 126  127          127 + offset   255
//!        ├─ unused ───┼─── records ──┼ call0 call1 call2 seal│seal ┼── results ───────┼─ unused ┤
//!              filled downward ◄──────┘                           └──────► filled upward
//! ```
//!
//! A seal is one word, so that a single Release store publishes the batch, or its results. The
//! cache line of both seals also holds the last two words of records and the first of results: a
//! small request and its result are one line, which goes there and back.
//!
//! Cost of a batch: the line of the seals moves to the reader and back, and one line for every 64
//! bytes of records or results moves once; nothing is read-modify-written.
//!
//! # Unsafe
//!
//! | field | who may touch it | when |
//! |---|---|---|
//! | `requests` | the client | from the moment that it released the batch before in this slot (or the start) until it stores `requests_seal` |
//! | `requests` | the trustee | from the moment that it sees the expected sequence in `requests_seal` until it stores `results_seal` |
//! | `results` | the trustee | the same |
//! | `results` | the client | from the moment that it sees the expected sequence in `results_seal` until it releases the batch |
//! | `requests_seal` | both | always, atomically; only the client stores |
//! | `results_seal` | both | always, atomically; only the trustee stores |
//!
//! Each link end exists once (`link.rs`), and its sequence only moves on as the table says.

use std::mem::MaybeUninit;

use crate::call::Word;
use crate::image::Image;
use crate::line::{LINE_WORDS, prefetch, prefetch_to_write};
use crate::results::Results;
use crate::seal::Seal;
use crate::sync::{AtomicU64, Ordering, UnsafeCell};

/// Words for records.
pub(crate) const RECORD_WORDS: usize = WORDS / 2 - 2 - 1 - CALLS;

/// Call table entries that a batch names by a short index.
pub(crate) const CALLS: usize = 3;

/// Words for records and calls.
pub(crate) const REQUEST_WORDS: usize = RECORD_WORDS + CALLS;

/// Words for results, and one more that leads to a list of exceptions.
pub(crate) const RESULT_WORDS: usize = WORDS - REQUEST_WORDS - 2;

/// Records from this word on, and so many words of results, are on the line of the seals.
const FIRST_LINE_RECORDS: usize = RECORD_WORDS - 2;
const FIRST_LINE_RESULTS: usize = 1;

/// Words of a slot.
const WORDS: usize = 256;

/// One slot; see the module's text for its layout and for who may touch what.
#[repr(C, align(128))]
pub(crate) struct Slot {
    requests: UnsafeCell<[Word; REQUEST_WORDS]>,
    requests_seal: AtomicU64,
    results_seal: AtomicU64,
    results: UnsafeCell<[Word; RESULT_WORDS]>,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Slot>() == WORDS * size_of::<Word>());

#[cfg(not(loom))]
const _: () = {
    let seals = std::mem::offset_of!(Slot, requests_seal) / 8;
    assert!(
        seals % LINE_WORDS < LINE_WORDS - 1,
        "both seals are on one line"
    );
    assert!(
        FIRST_LINE_RECORDS == seals / LINE_WORDS * LINE_WORDS,
        "the words of that line are counted right"
    );
    assert!((REQUEST_WORDS + 2 + FIRST_LINE_RESULTS).is_multiple_of(LINE_WORDS));
};

// SAFETY: every access to the words is governed by the table above and ordered by the seals.
unsafe impl Sync for Slot {}
// SAFETY: words have no owner thread; what they encode is vouched for by whoever wrote a record.
unsafe impl Send for Slot {}

impl Slot {
    pub(crate) fn new() -> Self {
        Self {
            requests: UnsafeCell::new([const { MaybeUninit::uninit() }; REQUEST_WORDS]),
            requests_seal: AtomicU64::new(0),
            results_seal: AtomicU64::new(0),
            results: UnsafeCell::new([const { MaybeUninit::uninit() }; RESULT_WORDS]),
        }
    }

    /// Copies the used part of `image` here and makes it visible as batch `sequence`.
    ///
    /// # Safety
    /// The caller is the client, and has released the batch before in this slot.
    #[inline]
    pub(crate) unsafe fn publish_requests(&self, image: &Image, sequence: u32) {
        let (offset, used) = image.used();
        self.requests.with_mut(|words| {
            // SAFETY: `offset` is within the words, as `Image` keeps it.
            let target = unsafe { words.cast::<Word>().add(offset) };
            // SAFETY: row 1 of the table, by this function's contract; `used` ends at the seal, or before.
            unsafe { copy_words(used, target) };
        });
        let seal = Seal {
            sequence,
            offset: offset as u16,
            count: image.count(),
            has_exceptions: false,
        };
        // Release: pairs with the Acquire load in `requests`; a trustee that sees this sequence
        // sees the records copied above.
        self.requests_seal.store(seal.to_word(), Ordering::Release);
    }

    /// Copies `results` here and makes them visible as those of batch `sequence`.
    ///
    /// # Safety
    /// The caller is the trustee, and has taken that batch from here.
    #[inline]
    pub(crate) unsafe fn publish_results(&self, results: &Results, sequence: u32) {
        let used = results.used();
        // SAFETY: row 3 of the table, by this function's contract; there are as many words.
        self.results
            .with_mut(|words| unsafe { copy_words(used, words.cast()) });
        let seal = Seal {
            sequence,
            offset: used.len() as u16,
            count: results.count(),
            has_exceptions: results.has_exceptions(),
        };
        // Release: pairs with the Acquire load in `results`; a client that sees this sequence sees
        // the results copied above.
        self.results_seal.store(seal.to_word(), Ordering::Release);
    }

    /// The requests of batch `sequence`, if they have been published.
    #[inline(always)]
    pub(crate) fn requests(&self, sequence: u32) -> Option<Seal> {
        // Acquire: pairs with the Release store in `publish_requests`.
        let seal = Seal::from_word(self.requests_seal.load(Ordering::Acquire));
        (seal.sequence == sequence).then_some(seal)
    }

    /// The results of batch `sequence`, if they have been published.
    #[inline(always)]
    pub(crate) fn results(&self, sequence: u32) -> Option<Seal> {
        // Acquire: pairs with the Release store in `publish_results`.
        let seal = Seal::from_word(self.results_seal.load(Ordering::Acquire));
        (seal.sequence == sequence).then_some(seal)
    }

    /// Asks for the line of the seals and the one below, to write them. A batch that needs only
    /// the first leaves the second where it is.
    #[inline(always)]
    pub(crate) fn prepare_requests(&self) {
        prefetch_to_write((&raw const self.requests_seal).cast());
        prefetch_to_write(self.request_words().wrapping_add(RECORD_WORDS - LINE_WORDS));
    }

    /// Asks for the line of the seals and the one above, to write them.
    #[inline(always)]
    pub(crate) fn prepare_results(&self) {
        prefetch_to_write((&raw const self.results_seal).cast());
        prefetch_to_write(self.result_words().wrapping_add(LINE_WORDS));
    }

    /// Asks for the lines of a batch that `requests` returned: they are another core's, and so all
    /// are on their way at once.
    #[inline(always)]
    pub(crate) fn prefetch_requests(&self, seal: Seal) {
        let words = self.request_words();
        // The line of the seals has come.
        let mut word = FIRST_LINE_RECORDS;
        while word > seal.offset as usize {
            word -= LINE_WORDS;
            prefetch(words.wrapping_add(word));
        }
    }

    /// Asks for the lines of what `results` returned.
    #[inline(always)]
    pub(crate) fn prefetch_results(&self, seal: Seal) {
        let words = self.result_words();
        let mut word = FIRST_LINE_RESULTS;
        while word < seal.offset as usize {
            prefetch(words.wrapping_add(word));
            word += LINE_WORDS;
        }
    }

    /// Where the requests lie; row 2 of the table says when they may be read.
    #[inline(always)]
    pub(crate) fn request_words(&self) -> *const Word {
        self.requests.with(|words| words.cast::<Word>())
    }

    /// Where the results lie; row 4 of the table says when they may be read.
    #[inline(always)]
    pub(crate) fn result_words(&self) -> *const Word {
        self.results.with(|words| words.cast::<Word>())
    }

    /// The trustee has read what [`request_words`](Self::request_words) returned and is about to
    /// publish the results of batch `sequence`.
    ///
    /// Costs nothing: it is the other end of the read, for the models, which see here that
    /// nobody wrote meanwhile.
    #[inline(always)]
    pub(crate) fn finish_requests(&self, sequence: u32) {
        debug_assert!(
            self.requests(sequence).is_some(),
            "overwritten while it was read"
        );
        self.requests.with(|_| ());
    }

    /// The client has read what [`result_words`](Self::result_words) returned, as above.
    #[inline(always)]
    pub(crate) fn finish_results(&self, sequence: u32) {
        debug_assert!(
            self.results(sequence).is_some(),
            "overwritten while it was read"
        );
        self.results.with(|_| ());
    }
}

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
