//! [`Continuation`]: what is to be done with the reply to a call on another node.
//!
//! # Unsafe
//!
//! | words | written by | read by |
//! |---|---|---|
//! | a closure of type `G` | `put::<G>` when it is made | `take::<G>`, once, in `go_on::<G>`: by `call`, which forgets it, or by its drop |

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use gossamer_transport::Word;

use crate::erase::{put, take};
use crate::rack::visit::{Reply, Returned};
use crate::worker::Worker;

/// What is to be done with the reply to a call on another node: a closure without its type, in
/// place if it takes few words. It stays on the worker that made it.
pub(crate) struct Continuation {
    /// All of it in registers, as it is moved often: the words; the worker, if it is called; what
    /// it is called with, the bytes of a plain reply or another.
    go_on: unsafe fn(Word, Word, Option<&Worker>, &[u8], Option<&mut Reply<'_>>),
    words: [Word; CONTINUATION_WORDS],
    stays: PhantomData<*const ()>,
}

impl Continuation {
    #[inline(always)]
    pub(crate) fn new<G: FnOnce(&Worker, Returned<'_, '_>) + 'static>(f: G) -> Self {
        let mut words = [MaybeUninit::uninit(); CONTINUATION_WORDS];
        // SAFETY: that is the room that it has.
        unsafe { put(words.as_mut_ptr(), f, CONTINUATION_WORDS) };
        Self {
            go_on: go_on::<G>,
            words,
            stays: PhantomData,
        }
    }

    /// Goes on; foreign code.
    #[inline(always)]
    pub(crate) fn call(self, worker: &Worker, returned: Returned<'_, '_>) {
        let [first, second] = self.words;
        let go_on = self.go_on;
        std::mem::forget(self);
        let (bytes, other) = match returned {
            Returned::Plain(bytes) => (bytes, None),
            Returned::Other(reply) => ([].as_slice(), Some(reply)),
        };
        // SAFETY: row 1 of the table: it is not dropped.
        unsafe { go_on(first, second, Some(worker), bytes, other) };
    }
}

impl Drop for Continuation {
    fn drop(&mut self) {
        let [first, second] = self.words;
        // SAFETY: row 1 of the table: it was not called.
        unsafe { (self.go_on)(first, second, None, &[], None) };
    }
}

/// # Safety
/// `Continuation::new::<G>` wrote the words, and they are read once.
unsafe fn go_on<G: FnOnce(&Worker, Returned<'_, '_>)>(
    first: Word,
    second: Word,
    worker: Option<&Worker>,
    bytes: &[u8],
    other: Option<&mut Reply<'_>>,
) {
    let words: [Word; CONTINUATION_WORDS] = [first, second];
    // SAFETY: row 1 of the table, by the contract.
    let f = unsafe { take::<G>(words.as_ptr(), CONTINUATION_WORDS) };
    let Some(worker) = worker else {
        return;
    };
    match other {
        None => f(worker, Returned::Plain(bytes)),
        Some(reply) => f(worker, Returned::Other(reply)),
    }
}

/// The most words that one takes unboxed.
const CONTINUATION_WORDS: usize = 2;
