//! Erasure: closures, captures and results as words, and the functions that know their types.
//!
//! This and `rack/continuation.rs`, which puts and takes words as this does, are the only files
//! that erase closure types. A request is a [`Call`] and the words of its captures; what awaits it
//! is a [`Completion`] and the words of its own data, in a note. What is too large for a slot is
//! boxed, and the words hold the box.
//!
//! # Unsafe
//!
//! | words | written by | read by |
//! |---|---|---|
//! | captures | `put::<W>` when the request is issued | `take::<W>`, once, in `run` or `discard` of `call::<W, U>()` |
//! | result | `put::<U>` in `run`, `PendingTable::finish` or `PendingTable::insert_settled` | `take::<U>`, once, by the completion of the same request; or by whoever takes it out of a pending entry, if it was copied there by `ResultWords::copy_to` |
//! | data | `put::<D>` in the note when the request is issued | `take::<D>`, once, in `done` or `failed` of the completion of type `D` |
//!
//! The pairing of types holds because a request, its call and its completion are issued in one
//! generic function (`Client::issue`) and the link keeps all three in the same order.

use std::marker::PhantomData;

use gossamer_transport::{CAPTURE_WORDS_MAX, Call, Key, RESULT_WORDS_MAX, Word};

use crate::client::Client;
use crate::error::Payload;
use crate::property::Property;

/// Something to be run on a trustee: a closure, and what it is run on.
pub(crate) trait Work<U>: Send + 'static {
    /// # Safety
    /// If it needs a property, `key` is as in [`Property::with_mut`], for its type.
    unsafe fn run(self, key: Key) -> U;
}

/// A closure on a property.
pub(crate) struct OnProperty<T, F> {
    f: F,
    property: PhantomData<fn(&mut T)>,
}

impl<T, F> OnProperty<T, F> {
    pub(crate) fn new(f: F) -> Self {
        Self {
            f,
            property: PhantomData,
        }
    }
}

impl<T: 'static, U, F: FnOnce(&mut T) -> U + Send + 'static> Work<U> for OnProperty<T, F> {
    #[inline(always)]
    unsafe fn run(self, key: Key) -> U {
        // SAFETY: the contract is the same.
        unsafe { Property::<T>::with_mut(key, self.f) }
    }
}

/// A closure on the trustee itself.
pub(crate) struct OnTrustee<F>(pub(crate) F);

impl<U, F: FnOnce() -> U + Send + 'static> Work<U> for OnTrustee<F> {
    #[inline(always)]
    unsafe fn run(self, _: Key) -> U {
        (self.0)()
    }
}

/// The call table's entry for `W`.
pub(crate) const fn call<U, W: Work<U>>() -> &'static Call {
    const { &CallOf::<U, W>::CALL }
}

struct CallOf<U, W>(PhantomData<(U, W)>);

impl<U, W: Work<U>> CallOf<U, W> {
    const CALL: Call = Call {
        run: run::<U, W>,
        discard: discard::<W>,
        capture_words: words_of::<W>(CAPTURE_WORDS_MAX) as u16,
        result_words: words_of::<U>(RESULT_WORDS_MAX) as u16,
        name: std::any::type_name::<W>,
    };
}

/// # Safety
/// The contract of [`Call::run`].
unsafe fn run<U, W: Work<U>>(key: Key, captures: *const Word, result: *mut Word) {
    // SAFETY: row 1 of the table, by the contract.
    let work = unsafe { take::<W>(captures, CAPTURE_WORDS_MAX) };
    // SAFETY: by the contract.
    let value = unsafe { work.run(key) };
    // SAFETY: by the contract there is room for it.
    unsafe { put(result, value, RESULT_WORDS_MAX) };
}

/// # Safety
/// The contract of [`Call::discard`].
unsafe fn discard<W>(captures: *const Word) {
    // SAFETY: row 1 of the table, by the contract.
    drop(unsafe { take::<W>(captures, CAPTURE_WORDS_MAX) });
}

/// What the client does when a request has come back.
///
/// Either function takes the data before any foreign code runs, and so does the first with the
/// result. The caller vouches that data and result are those of one request issued with this
/// completion, neither read before.
pub(crate) struct Completion {
    pub(crate) done: unsafe fn(&Client, *const Word, *const Word),
    pub(crate) failed: unsafe fn(&Client, *const Word, Payload),
    pub(crate) data_words: u16,
    pub(crate) result_words: u16,
}

/// What a client holds of a request while it is under way.
pub(crate) trait Complete<U>: Sized + 'static {
    /// Acts on the result.
    fn done(self, client: &Client, result: ResultWords<U>);

    /// Acts on a panic of the request.
    fn failed(self, client: &Client, payload: Payload);

    /// The head of its note.
    const COMPLETION: Completion = Completion {
        done: done::<U, Self>,
        failed: failed::<U, Self>,
        data_words: words_of::<Self>(DATA_WORDS_MAX) as u16,
        result_words: words_of::<U>(RESULT_WORDS_MAX) as u16,
    };
}

/// # Safety
/// The contract of [`Completion::done`].
unsafe fn done<U, C: Complete<U>>(client: &Client, data: *const Word, words: *const Word) {
    // SAFETY: row 3 of the table, by the contract.
    let this = unsafe { take::<C>(data, DATA_WORDS_MAX) };
    let result = ResultWords {
        words,
        result: PhantomData,
    };
    this.done(client, result);
}

/// # Safety
/// The contract of [`Completion::failed`].
#[cold]
unsafe fn failed<U, C: Complete<U>>(client: &Client, data: *const Word, payload: Payload) {
    // SAFETY: row 3 of the table, by the contract.
    unsafe { take::<C>(data, DATA_WORDS_MAX) }.failed(client, payload);
}

/// A result that still lies in its slot, or where [`copy_to`](Self::copy_to) or [`put`] has put it.
/// To be taken or copied at once: leaking it leaks the result.
pub(crate) struct ResultWords<U> {
    words: *const Word,
    result: PhantomData<U>,
}

impl<U> ResultWords<U> {
    /// The length of any such result in words.
    pub(crate) const WORDS: usize = words_of::<U>(RESULT_WORDS_MAX);

    /// Moves the result out.
    #[inline(always)]
    pub(crate) fn take(self) -> U {
        // SAFETY: row 2 of the table; `self` was made once and is consumed, and was not copied
        // elsewhere to be taken there.
        unsafe { take::<U>(self.words, RESULT_WORDS_MAX) }
    }

    /// Copies the words to another place, where they are the result from then on: `self` is not
    /// to be taken any more.
    #[inline(always)]
    pub(crate) fn copy_to(&self, place: &mut [Word]) {
        // SAFETY: row 2 of the table: a result has `WORDS` words, readable until it is taken.
        let words = unsafe { std::slice::from_raw_parts(self.words, Self::WORDS) };
        place[..Self::WORDS].copy_from_slice(words);
    }

    /// The result that [`copy_to`](Self::copy_to) or [`put`] has put at `place`.
    ///
    /// # Safety
    /// That happened, for this `U`, and it is taken, dropped or copied once.
    #[inline(always)]
    pub(crate) unsafe fn at(place: &[Word]) -> Self {
        Self {
            words: place.as_ptr(),
            result: PhantomData,
        }
    }
}

/// How many words `V` takes, where more than `max` are boxed.
pub(crate) const fn words_of<V>(max: usize) -> usize {
    let words = size_of::<V>().div_ceil(size_of::<Word>());
    if words > max { 1 } else { words }
}

/// Writes the captures of a request into its record.
///
/// # Safety
/// `place` has room for the `capture_words` of its call.
#[inline(always)]
pub(crate) unsafe fn put_captures<W>(place: *mut Word, work: W) {
    // SAFETY: by the contract.
    unsafe { put(place, work, CAPTURE_WORDS_MAX) };
}

/// Writes a value as words.
///
/// # Safety
/// `place` has room for `words_of::<V>(max)` words.
#[inline(always)]
pub(crate) unsafe fn put<V>(place: *mut Word, value: V, max: usize) {
    if is_boxed::<V>(max) {
        // SAFETY: room for one word, which a box is.
        unsafe { place.cast::<Box<V>>().write(Box::new(value)) };
    } else {
        // SAFETY: room for the value, of whatever alignment.
        unsafe { place.cast::<V>().write_unaligned(value) };
    }
}

/// Reads a value that [`put`] wrote.
///
/// # Safety
/// `put::<V>` wrote it there with the same `max`, and it is taken once.
#[inline(always)]
pub(crate) unsafe fn take<V>(place: *const Word, max: usize) -> V {
    if is_boxed::<V>(max) {
        // SAFETY: by the contract.
        *unsafe { place.cast::<Box<V>>().read() }
    } else {
        // SAFETY: by the contract.
        unsafe { place.cast::<V>().read_unaligned() }
    }
}

const fn is_boxed<V>(max: usize) -> bool {
    size_of::<V>().div_ceil(size_of::<Word>()) > max
}

/// The most words that the data of a completion takes unboxed.
pub(crate) const DATA_WORDS_MAX: usize = 64;
