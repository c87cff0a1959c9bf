//! A batch that has arrived: cursors over its records, and over its results.
//!
//! Cost: where the next record lies depends on how long this one is, and so on its call, which is
//! two loads away. Most records are alike, so the cursor keeps the last call and compares: a
//! branch that is foreseen instead of 18 cycles a record, a fifth of the throughput of
//! `apply_then`.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the requests in a slot | `Requests`, to read them as `Image::push_request` wrote them; whoever takes a record, its captures, once | from the link's `take` until its `respond` |
//! | the results in a slot, and the notes | whoever steps over a result, to read it and its note | from the link's `take` until its `release` |
//! | the list of exceptions | `Responses::exceptions`, once | the same, if the seal says that there is one |
//!
//! How long those states last is the link's business (link.rs, rows 2, 4 and 5).

use std::marker::PhantomData;

use crate::call::{Call, Key, Word};
use crate::image::UNLISTED;
use crate::results::Exceptions;
use crate::seal::Seal;
use crate::slot::RECORD_WORDS;

/// The records of one batch, in the order in which they were issued.
#[derive(Debug)]
pub struct Requests<'a> {
    words: *const Word,
    offset: usize,
    left: u16,
    /// The call that was listed last and its index, as most records are alike: a branch that is
    /// foreseen, where the place of the next record would wait for this one's call to be read.
    last: (u8, &'static Call),
    link: PhantomData<&'a mut ()>,
}

/// One request as it lies in its slot.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// What to run.
    pub call: &'static Call,
    /// On which property.
    pub key: Key,
    /// The captures; whoever takes the record consumes them.
    pub captures: *const Word,
}

impl Requests<'_> {
    /// The records that lie at `words`, as `seal` says.
    ///
    /// # Safety
    /// Row 1 of the table, for a batch of one record at least.
    #[inline(always)]
    pub(crate) unsafe fn new(words: *const Word, seal: Seal) -> Self {
        // SAFETY: by the contract; the first record listed its call, as there was room for it, or
        // found one listed: `Image::clear` keeps none or one.
        let call = unsafe { listed(words, 0) };
        Self {
            words,
            offset: RECORD_WORDS,
            left: seal.count,
            last: (0, call),
            link: PhantomData,
        }
    }

    /// How many records are left.
    #[inline(always)]
    pub fn left(&self) -> u16 {
        self.left
    }

    /// Takes the next record.
    #[inline(always)]
    pub fn take_record(&mut self) -> Option<Record> {
        self.left = self.left.checked_sub(1)?;
        let (key, index) = Key::from_header(self.pop());
        let call = if index == self.last.0 {
            self.last.1
        } else {
            // SAFETY: row 1 of the table: the header at `offset` has this index.
            let (call, offset) = unsafe { other_call(self.words, self.offset, index) };
            self.offset = offset;
            if index != UNLISTED {
                self.last = (index, call);
            }
            call
        };
        self.offset -= call.capture_words as usize;
        Some(Record {
            call,
            key,
            captures: self.words.wrapping_add(self.offset),
        })
    }

    #[inline(always)]
    fn pop(&mut self) -> u64 {
        self.offset -= 1;
        // SAFETY: row 1 of the table: the client filled the slot as this cursor reads it.
        unsafe { word(self.words, self.offset) }
    }
}

/// The call of the record whose header at `offset` has `index`, and the offset of the last word
/// that names it.
///
/// Out of line, so that it stays a branch, and all by value, so that the cursor is in registers.
///
/// # Safety
/// Row 1 of the table, for a batch that has such a record.
#[inline(never)]
unsafe fn other_call(words: *const Word, offset: usize, index: u8) -> (&'static Call, usize) {
    if index != UNLISTED {
        // SAFETY: by the contract; the client listed what its headers name.
        return (unsafe { listed(words, index) }, offset);
    }
    // SAFETY: by the contract; below such a header is the call's own word.
    let word = unsafe { word(words, offset - 1) };
    // SAFETY: the client wrote it as the address of an entry, by `Call::to_word`.
    (unsafe { Call::from_word(word) }, offset - 1)
}

/// The call that a slot lists at `index`.
///
/// # Safety
/// Row 1 of the table, for a batch in which one is listed there.
#[inline(always)]
unsafe fn listed(words: *const Word, index: u8) -> &'static Call {
    // SAFETY: by the contract.
    let word = unsafe { word(words, RECORD_WORDS + index as usize) };
    // SAFETY: the client wrote it as the address of an entry, by `Call::to_word`.
    unsafe { Call::from_word(word) }
}

/// The word of a slot at `index`.
///
/// # Safety
/// Row 1 of the table, for a batch in which it was written.
#[inline(always)]
unsafe fn word(words: *const Word, index: usize) -> u64 {
    // SAFETY: by the contract, it is within the slot.
    let word = unsafe { words.add(index) };
    // SAFETY: by the contract, it was written before the seal that `take` saw.
    unsafe { word.cast::<u64>().read() }
}

/// The results of one batch, in the order of its requests, and the notes beside them.
#[derive(Debug)]
pub struct Responses {
    words: *const Word,
    offset: usize,
    /// Where the results end.
    end: usize,
    count: u16,
    has_exceptions: bool,
    note: *const Word,
}

impl Responses {
    /// The results that lie at `words`, as `seal` says, and the notes of their requests.
    ///
    /// # Safety
    /// Rows 2 and 3 of the table, until the batch is released.
    #[inline(always)]
    pub(crate) unsafe fn new(words: *const Word, seal: Seal, notes: &[Word]) -> Self {
        Self {
            words,
            offset: 0,
            end: seal.offset as usize - seal.has_exceptions as usize,
            count: seal.count,
            has_exceptions: seal.has_exceptions,
            note: notes.as_ptr(),
        }
    }

    /// How many requests the batch had.
    #[inline(always)]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The note of the next request.
    #[inline(always)]
    pub fn note(&self) -> *const Word {
        self.note
    }

    /// Steps over the next request, whose note and result have so many words, and returns the
    /// address of its result, which is written only if it is not among the exceptions.
    ///
    /// # Panics
    /// If the batch has no such result.
    #[inline(always)]
    pub fn step(&mut self, note_words: usize, result_words: usize) -> *const Word {
        self.note = self.note.wrapping_add(note_words);
        let result = self.words.wrapping_add(self.offset);
        self.offset += result_words;
        assert!(self.offset <= self.end, "results are as admitted");
        result
    }

    /// Whether requests of this batch have no plain result.
    #[inline(always)]
    pub fn has_exceptions(&self) -> bool {
        self.has_exceptions
    }

    /// The requests of this batch that have no plain result, if it has such.
    ///
    /// # Safety
    /// Called at most once for a batch, before it is released.
    #[cold]
    pub unsafe fn exceptions(&self) -> Exceptions {
        if !self.has_exceptions {
            return Exceptions::new();
        }
        // SAFETY: the word above the results is within the slot.
        let word = unsafe { self.words.add(self.end) };
        // SAFETY: row 3 of the table: the seal says that it was written, and it is not released.
        let list = unsafe { word.cast::<u64>().read() };
        let list = std::ptr::with_exposed_provenance_mut::<Exceptions>(list as usize);
        // SAFETY: row 3 of the table: made by `Results::attach_exceptions` from a box, and taken back
        // once.
        *unsafe { Box::from_raw(list) }
    }
}
