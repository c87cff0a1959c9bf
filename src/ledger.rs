//! The ledger of a link: what to do with each result, in the order of the requests.
//!
//! # Unsafe
//!
//! | words | written by | read by |
//! |---|---|---|
//! | first of a record | `Ledger::push`: a `&'static Completion` | `Ledger::take`, once |
//! | the rest | `Ledger::push`: the data, `completion.data_words` long | the completion, once, before the next push |

use gossamer_transport::{Spool, Word};

use crate::erase::{Complete, Completion, DATA_WORDS_MAX, put};

/// First in, first out: a completion and its data for each request under way on one link.
#[derive(Default)]
pub(crate) struct Ledger(Spool);

impl Ledger {
    /// Appends what is to be done with the next request's result.
    #[inline(always)]
    pub(crate) fn push<U, C: Complete<U>>(&mut self, data: C) {
        let completion: &'static Completion = const { &C::COMPLETION };
        let record = self.0.push(1 + completion.data_words as usize).as_mut_ptr();
        // SAFETY: the record has a word for it.
        unsafe { record.cast::<&'static Completion>().write(completion) };
        // SAFETY: the record has `data_words` more words, which is what a `C` needs.
        unsafe { put(record.add(1), data, DATA_WORDS_MAX) };
    }

    /// Removes the oldest record; its data stays readable until the next push.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> (&'static Completion, *const Word) {
        let first = self.0.front(1).as_ptr();
        // SAFETY: row 1 of the table.
        let completion = unsafe { first.cast::<&'static Completion>().read() };
        let record = self.0.pop(1 + completion.data_words as usize);
        (completion, record[1..].as_ptr())
    }

    /// Whether no request is under way.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
