//! Results: a batch's, put together in their trustee's own memory.
//!
//! As with requests ([`Image`](crate::image::Image)), they are copied to the slot when they are
//! published: the client polls the line of the seal all the while.
//!
//! # Unsafe
//!
//! Results have one owner; the table says which words have been written.
//!
//! | words | written by | read by |
//! |---|---|---|
//! | the last used, if there are exceptions | `attach_exceptions`: the address of a box, which passes to the batch | the client's link end, from the slot, once |
//! | the others used | whoever was given the place | nobody here |

use std::mem::MaybeUninit;

use crate::call::Word;
use crate::slot::RESULT_WORDS;

/// What became of requests that have no plain result, by their place in the batch.
pub type Exceptions = Vec<(u16, Box<dyn std::any::Any + Send>)>;

/// The results of a batch, on their way into its slot.
///
/// ```
/// use gossamer_transport::Results;
///
/// let mut results = Results::new();
/// results.push(2)[0].write(7);
/// assert_eq!(results.count(), 1);
/// ```
#[derive(Debug)]
#[repr(align(128))]
pub struct Results {
    words: [Word; RESULT_WORDS],
    used: usize,
    count: u16,
    has_exceptions: bool,
}

impl Results {
    /// No results.
    pub fn new() -> Self {
        Self {
            words: [const { MaybeUninit::uninit() }; RESULT_WORDS],
            used: 0,
            count: 0,
            has_exceptions: false,
        }
    }

    /// How many there are.
    #[inline(always)]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Appends a result of `words` words and returns the place for it.
    ///
    /// # Panics
    /// If it does not fit; the client admits no request without seeing to that.
    #[inline(always)]
    pub fn push(&mut self, words: usize) -> &mut [Word] {
        let start = self.used;
        self.count += 1;
        self.used += words;
        &mut self.words[start..self.used]
    }

    /// Names the requests of the batch that have no plain result; after the last one.
    #[cold]
    pub fn attach_exceptions(&mut self, exceptions: Exceptions) {
        let list = Box::into_raw(Box::new(exceptions)).expose_provenance();
        self.words[self.used].write(list as u64);
        self.used += 1;
        self.has_exceptions = true;
    }

    #[inline(always)]
    pub(crate) fn used(&self) -> &[Word] {
        &self.words[..self.used]
    }

    /// Whether the last word used leads to a list of exceptions.
    #[inline(always)]
    pub(crate) fn has_exceptions(&self) -> bool {
        self.has_exceptions
    }

    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        (self.used, self.count, self.has_exceptions) = (0, 0, false);
    }
}

impl Default for Results {
    fn default() -> Self {
        Self::new()
    }
}
