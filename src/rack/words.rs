//! What a worker remembers of entries and their words, so that a call finds either by one
//! comparison: to look at an entry where it lies takes longer than all else that a call needs.

use std::cell::Cell;
use std::ptr;

use crate::rack::entry::{CallWord, Entry};

/// Entries and their words, each pair where both can be looked for; the last of those that fall
/// on one place stays.
pub(crate) struct Words {
    by_entry: Box<[Cell<Option<Known>>; PLACES]>,
    by_word: Box<[Cell<Option<Known>>; PLACES]>,
}

type Known = (&'static Entry, CallWord);

impl Words {
    pub(crate) fn new() -> Self {
        let places = || Box::new([const { Cell::new(None) }; PLACES]);
        Self {
            by_entry: places(),
            by_word: places(),
        }
    }

    /// An entry as it travels; `None` if it is no constant of the executable.
    #[inline(always)]
    pub(crate) fn word(&self, entry: &'static Entry) -> Option<CallWord> {
        let place = &self.by_entry[ptr::from_ref(entry).addr() / align_of::<Entry>() % PLACES];
        match place.get() {
            Some((known, word)) if ptr::eq(known, entry) => Some(word),
            _ => {
                let word = entry.to_word()?;
                place.set(Some((entry, word)));
                Some(word)
            }
        }
    }

    /// What a word from elsewhere names, if it is an entry.
    #[inline(always)]
    pub(crate) fn entry(&self, word: CallWord) -> Option<&'static Entry> {
        let place = &self.by_word[word.0 as usize / align_of::<Entry>() % PLACES];
        match place.get() {
            Some((entry, known)) if known == word => Some(entry),
            _ => {
                let entry = Entry::of_word(word)?;
                place.set(Some((entry, word)));
                Some(entry)
            }
        }
    }
}

const PLACES: usize = 64;
