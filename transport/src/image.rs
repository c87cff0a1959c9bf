//! A slot image: a batch of requests under construction, in its client's own memory.
//!
//! Records are put together here and copied to a slot when the batch is published: the trustee
//! polls the line of the seal all the while, and would otherwise take it away at every store.
//! The copy costs about a third of a nanosecond a small record.
//!
//! # Unsafe
//!
//! An image has one owner; the table says which words have been written.
//!
//! | words | written by | read by |
//! |---|---|---|
//! | the first `calls` above the records | `call_index`, before it counts them in `calls` | `call_index`, until `clear` sets `calls` back; the trustee's link end, from the slot |
//! | the others | headers by `push_request`, the rest by whoever was given the place | nobody here |

use std::mem::MaybeUninit;

use crate::call::{Call, Key, Word};
use crate::slot::{CALLS, RECORD_WORDS, REQUEST_WORDS};

/// A batch of requests on its way into a slot.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Image {
    words: [Word; REQUEST_WORDS],
    /// The lowest word used.
    offset: usize,
    count: u16,
    /// How many words above the records name a call.
    calls: usize,
    /// The call that was looked up last and its index, as most records are alike.
    last: (u64, u8),
}

impl Image {
    /// An empty image.
    pub(crate) fn new() -> Self {
        Self {
            words: [const { MaybeUninit::uninit() }; REQUEST_WORDS],
            offset: RECORD_WORDS,
            count: 0,
            calls: 0,
            last: (0, 0),
        }
    }

    /// How many records it holds.
    #[inline(always)]
    pub(crate) fn count(&self) -> u16 {
        self.count
    }

    /// Forgets everything it holds, but for the call that it lists if that is the only one: the
    /// next batch mostly begins with it.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.offset = RECORD_WORDS;
        self.count = 0;
        if self.calls > 1 {
            self.calls = 0;
            self.last = (0, 0);
        }
    }

    /// Whether a record of `call` fits for certain.
    #[inline(always)]
    pub(crate) fn has_room(&self, call: &Call) -> bool {
        self.offset >= call.record_words_max()
    }

    /// Appends a record and returns the place for its captures.
    #[inline(always)]
    pub(crate) fn push_request(&mut self, call: &'static Call, key: Key) -> &mut [Word] {
        let word = call.to_word();
        if self.last.0 == word {
            self.push_word(key.to_header(self.last.1));
        } else {
            self.push_other(word, key);
        }
        self.count += 1;
        self.reserve(call.capture_words as usize)
    }

    /// Appends the header of a record whose call is another than the last.
    fn push_other(&mut self, word: u64, key: Key) {
        let index = self.call_index(word);
        self.push_word(key.to_header(index));
        if index == UNLISTED {
            self.push_word(word);
        }
    }

    #[inline(always)]
    fn push_word(&mut self, word: u64) {
        self.offset -= 1;
        self.words[self.offset].write(word);
    }

    /// From which word on it is used, and those words.
    #[inline(always)]
    pub(crate) fn used(&self) -> (usize, &[Word]) {
        (
            self.offset,
            &self.words[self.offset..RECORD_WORDS + self.calls],
        )
    }

    #[inline(always)]
    fn reserve(&mut self, words: usize) -> &mut [Word] {
        let end = self.offset;
        self.offset = end
            .checked_sub(words)
            .expect("admission left room for this");
        &mut self.words[self.offset..end]
    }

    /// The short index of a call, listing it if there is a place left.
    fn call_index(&mut self, word: u64) -> u8 {
        // SAFETY: row 1 of the table: the first `calls` words above the records were written below.
        let listed = |at: &usize| unsafe { self.words[RECORD_WORDS + at].assume_init() } == word;
        let index = match (0..self.calls).find(listed) {
            Some(index) => index as u8,
            None if self.calls == CALLS => return UNLISTED,
            None => {
                self.words[RECORD_WORDS + self.calls].write(word);
                self.calls += 1;
                self.calls as u8 - 1
            }
        };
        self.last = (word, index);
        index
    }
}

/// The index in a header whose call has a word of its own below the header.
pub(crate) const UNLISTED: u8 = u8::MAX;
