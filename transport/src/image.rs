//! A slot image: a batch under construction, in its writer's own memory.
//!
//! Records are put together here and copied to a slot when the batch is published: the reader
//! polls the slot's last line all the while, and would otherwise take it away at every store.
//! The copy costs about a third of a nanosecond a small record. Fabrics send images as they are.
//!
//! # Unsafe
//!
//! An image has one owner; the table says which words have been written.
//!
//! | words | written by | read by |
//! |---|---|---|
//! | the first `calls` of the trailer, in an image of requests | `call_index`, before it counts them in `calls` | `call_index`, until `clear` sets `calls` back; the trustee's link end, from the slot |
//! | the first of the trailer, in an image of results with exceptions | `attach_exceptions`: the address of a box, which passes to the batch | the client's link end, from the slot, once |
//! | the others | headers by `push_request`, the rest by whoever was given the place | nobody here |

use std::mem::MaybeUninit;

use crate::call::{Call, Key, Word};
use crate::slot::{BODY_WORDS, WORDS_UNSEALED};

/// What became of requests that have no plain result, by their place in the batch.
pub type Exceptions = Vec<(u16, Box<dyn std::any::Any + Send>)>;

/// A batch of records, or of results, on its way into a slot.
///
/// ```
/// use gossamer_transport::Image;
///
/// let mut image = Image::new();
/// image.push_result(2)[0].write(7);
/// assert_eq!(image.count(), 1);
/// ```
#[derive(Debug)]
#[repr(align(128))]
pub struct Image {
    words: [Word; WORDS_UNSEALED],
    /// The lowest word used.
    offset: usize,
    count: u16,
    /// How many words of the trailer name a call.
    calls: usize,
    /// The call that was looked up last and its index, as most records are alike.
    last: (u64, u8),
    has_exceptions: bool,
}

impl Image {
    /// An empty image.
    pub fn new() -> Self {
        let words = [const { MaybeUninit::uninit() }; WORDS_UNSEALED];
        Self {
            words,
            offset: BODY_WORDS,
            count: 0,
            calls: 0,
            last: (0, 0),
            has_exceptions: false,
        }
    }

    /// How many records or results it holds.
    #[inline(always)]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Forgets everything it holds, but for the call that it lists if that is the only one: the
    /// next batch mostly begins with it.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.offset = BODY_WORDS;
        self.count = 0;
        self.has_exceptions = false;
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

    /// Appends a result of `words` words and returns the place for it.
    ///
    /// # Panics
    /// If it does not fit; the client admits no request without seeing to that.
    #[inline(always)]
    pub fn push_result(&mut self, words: usize) -> &mut [Word] {
        self.count += 1;
        self.reserve(words)
    }

    /// Names the requests of the batch that have no plain result.
    #[cold]
    pub fn attach_exceptions(&mut self, exceptions: Exceptions) {
        let list = Box::into_raw(Box::new(exceptions)).expose_provenance();
        self.words[BODY_WORDS].write(list as u64);
        self.has_exceptions = true;
    }

    /// From which word on it is used, and those words.
    #[inline(always)]
    pub(crate) fn used(&self) -> (usize, &[Word]) {
        (
            self.offset,
            &self.words[self.offset..BODY_WORDS + self.trailer_words()],
        )
    }

    #[inline(always)]
    fn trailer_words(&self) -> usize {
        self.calls + self.has_exceptions as usize
    }

    /// Whether the first trailer word leads to a list of exceptions.
    #[inline(always)]
    pub(crate) fn has_exceptions(&self) -> bool {
        self.has_exceptions
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
        // SAFETY: row 1 of the table: the first `calls` words of the trailer were written below.
        let listed = |at: &usize| unsafe { self.words[BODY_WORDS + at].assume_init() } == word;
        let index = match (0..self.calls).find(listed) {
            Some(index) => index as u8,
            None if BODY_WORDS + self.calls == WORDS_UNSEALED => return UNLISTED,
            None => {
                self.words[BODY_WORDS + self.calls].write(word);
                self.calls += 1;
                self.calls as u8 - 1
            }
        };
        self.last = (word, index);
        index
    }
}

impl Default for Image {
    fn default() -> Self {
        Self::new()
    }
}

/// The index in a header whose call has a word of its own below the header.
pub(crate) const UNLISTED: u8 = u8::MAX;
