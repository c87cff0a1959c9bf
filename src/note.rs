//! A note: what to do with a result, written when the request is issued.
//!
//! # Unsafe
//!
//! | words | written by | read by |
//! |---|---|---|
//! | first | `write`: a `&'static Completion` | `completion`, any number of times |
//! | the rest | `write`: the data, `completion.data_words` long | the completion, once |

use gossamer_transport::Word;

use crate::erase::{Complete, Completion, DATA_WORDS_MAX, put};

/// How many words the note of a `C` takes.
pub(crate) const fn words<U, C: Complete<U>>() -> usize {
    1 + C::COMPLETION.data_words as usize
}

/// Writes a note.
///
/// # Safety
/// `place` has room for `words::<U, C>()`.
#[inline(always)]
pub(crate) unsafe fn write<U, C: Complete<U>>(place: *mut Word, data: C) {
    // SAFETY: by the contract.
    unsafe {
        place
            .cast::<&'static Completion>()
            .write(const { &C::COMPLETION })
    };
    // SAFETY: by the contract; `data_words` are what a `C` needs.
    unsafe { put(place.wrapping_add(1), data, DATA_WORDS_MAX) };
}

/// The completion of a note.
///
/// # Safety
/// `write` wrote the note.
#[inline(always)]
pub(crate) unsafe fn completion(note: *const Word) -> &'static Completion {
    // SAFETY: row 1 of the table, by the contract.
    unsafe { note.cast::<&'static Completion>().read() }
}
