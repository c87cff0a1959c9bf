//! What becomes of requests: results, and requests that will have none.

use std::borrow::Cow;

use crate::rack::link::notes::Notes;

/// A result, and the note of its request.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a, N> {
    /// What was issued with the request.
    pub note: N,
    /// What became of it.
    pub status: u8,
    /// The bytes of the result.
    pub payload: Cow<'a, [u8]>,
}

/// How far a request came that will have no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was never sent.
    NotSent,
    /// It was sent; whether it ran is not known.
    Unknown,
}

/// What [`ClientLink::into_unanswered`](crate::rack::ClientLink::into_unanswered) returns.
#[derive(Debug)]
pub struct Unanswered<N> {
    notes: Notes<N>,
    published: usize,
}

impl<N> Unanswered<N> {
    /// All that have these notes, of which the first so many were published.
    pub(super) fn new(notes: Notes<N>, published: usize) -> Self {
        Self { notes, published }
    }
}

impl<N> Iterator for Unanswered<N> {
    type Item = (N, Fate);

    fn next(&mut self) -> Option<Self::Item> {
        let note = self.notes.pop()?;
        let Some(published) = self.published.checked_sub(1) else {
            return Some((note, Fate::NotSent));
        };
        self.published = published;
        Some((note, Fate::Unknown))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.notes.len(), Some(self.notes.len()))
    }
}

impl<N> ExactSizeIterator for Unanswered<N> {}
