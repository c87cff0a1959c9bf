//! What becomes of requests: results, and requests that will have none.

use std::borrow::Cow;

use crate::rack::error::WireError;
use crate::rack::link::notes::Notes;
use crate::rack::wire::ResultReader;

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

/// The results of a batch that are still to be taken, with the notes of their requests: lent out by
/// [`ClientLink::lend_results`](crate::rack::ClientLink::lend_results).
#[derive(Debug)]
pub struct Answers<N> {
    pub(super) results: ResultReader,
    pub(super) notes: Notes<N>,
    /// How many there were when it was lent out.
    pub(super) lent: usize,
}

impl<N> Answers<N> {
    pub(super) fn new() -> Self {
        Self {
            results: ResultReader::new(),
            notes: Notes::new(),
            lent: 0,
        }
    }

    /// How many are left.
    #[inline(always)]
    pub fn left(&self) -> u16 {
        self.results.left()
    }

    /// Takes the next, if its payload is in the slot, and gives note, status and payload to `act`;
    /// whether there was such a one.
    ///
    /// # Errors
    /// If it is not a result that can be.
    #[inline(always)]
    pub fn take_inline(&mut self, act: impl FnOnce(N, u8, &[u8])) -> Result<bool, WireError> {
        let Self { results, notes, .. } = self;
        results.take_inline(|status, payload| {
            let note = notes.pop().expect("one for each request");
            act(note, status, payload);
        })
    }
}

/// How far a request came that will have no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was never sent.
    NotSent,
    /// It was sent; whether it ran is not known.
    Unknown,
}
