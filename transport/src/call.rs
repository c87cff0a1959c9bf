//! The call table: what a record asks the trustee to run.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the [`Call`] behind a word of `to_word` | anybody in this process, to read it | always: an entry lives for ever |
//! | the property behind a [`Key`] | nobody here, where a key is only a number | always |

use std::mem::MaybeUninit;

use crate::slot::{RECORD_WORDS, RESULT_WORDS};

/// The unit in which slots, captures and results are measured: eight bytes, perhaps padding.
pub type Word = MaybeUninit<u64>;

/// The most words that the captures of one record may take: a record also needs its header and,
/// when the batch already names other calls, a word for its own.
pub const CAPTURE_WORDS_MAX: usize = RECORD_WORDS - 2;

/// The most words that the results of a batch, or the result of one record, may take.
pub const RESULT_WORDS_MAX: usize = RESULT_WORDS - 1;

/// One entry of the call table: the code behind a kind of record, and its layout.
///
/// Entries are constants; a record names one by its address.
///
/// ```
/// use gossamer_transport::{Call, Key, Word};
///
/// unsafe fn run(_: Key, _: *const Word, _: *mut Word) {}
/// unsafe fn discard(_: *const Word) {}
/// static NOTHING: Call = Call {
///     run,
///     discard,
///     capture_words: 0,
///     result_words: 0,
///     name: || "nothing",
/// };
/// assert_eq!((NOTHING.name)(), "nothing");
/// ```
#[derive(Debug)]
pub struct Call {
    /// Moves the captures out of the slot, runs them on the property that the key names, and
    /// writes the result. May unwind; the captures are consumed all the same.
    ///
    /// The caller vouches that the captures are `capture_words` words written for this entry and
    /// not read before, that the result has room for `result_words`, and that the key names a
    /// living property of the type the entry was made for, owned by this thread.
    pub run: unsafe fn(Key, *const Word, *mut Word),
    /// Drops the captures unrun. The caller vouches for the captures as in `run`.
    pub discard: unsafe fn(*const Word),
    /// Length of the captures in words.
    pub capture_words: u16,
    /// Length of the result in words.
    pub result_words: u16,
    /// The name of the closure's type, for people.
    pub name: fn() -> &'static str,
}

impl Call {
    /// The words that a record of this entry takes in a slot, at the most.
    #[inline(always)]
    pub(crate) const fn record_words_max(&self) -> usize {
        self.capture_words as usize + 2
    }

    #[inline(always)]
    pub(crate) fn to_word(&'static self) -> u64 {
        std::ptr::from_ref(self).expose_provenance() as u64
    }

    /// # Safety
    /// `word` came from [`Call::to_word`] in this process.
    #[inline(always)]
    pub(crate) unsafe fn from_word(word: u64) -> &'static Call {
        let entry = std::ptr::with_exposed_provenance::<Call>(word as usize);
        // SAFETY: row 1 of the table: by the contract, the address of a `&'static Call` whose
        // provenance was exposed.
        unsafe { &*entry }
    }
}

/// Names a property on its trustee: 56 bits, in memory the address of the property.
///
/// ```
/// use gossamer_transport::Key;
///
/// let value = Box::new(7);
/// let key = Key::of(std::ptr::from_ref(&*value));
/// assert_eq!(key.address::<i32>(), std::ptr::from_ref(&*value).cast_mut());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The key of the property at `address`, whose provenance is exposed by this.
    ///
    /// The address needs at most 56 bits, as every one that a supported platform hands out.
    #[inline(always)]
    pub fn of<T>(address: *const T) -> Self {
        let address = address.expose_provenance() as u64;
        debug_assert!(
            address >> Self::BITS == 0,
            "an address of more than {} bits",
            Self::BITS
        );
        Self(address)
    }

    /// The address that this key was made of.
    #[inline(always)]
    pub fn address<T>(self) -> *mut T {
        std::ptr::with_exposed_provenance_mut(self.0 as usize)
    }

    /// A record header: this key above the short index of its call.
    #[inline(always)]
    pub(crate) const fn to_header(self, index: u8) -> u64 {
        self.0 << (64 - Self::BITS) | index as u64
    }

    #[inline(always)]
    pub(crate) const fn from_header(header: u64) -> (Self, u8) {
        (Self(header >> (64 - Self::BITS)), header as u8)
    }

    const BITS: u32 = 56;
}
