//! [`Channel`]: what a fabric has to do.

use crate::rack::layout::Place;

/// What one worker writes to one node: placements, in order, and nothing else.
///
/// Every link of the worker with that node writes through it, and whoever drives them flushes once
/// a turn, so that a fabric may gather what was pushed into one write with one doorbell. Where
/// there is room is the links' business, by what the peer has answered: a place is written
/// again only after its reader is done with it, and a placement needs no answer of its own.
///
/// A fabric never waits.
pub trait Channel {
    /// Places `used` so that it ends, padded to a whole word, where the sealed word of `place`
    /// begins, and then `seal` there: whoever sees the seal sees the bytes.
    ///
    /// The placement is taken whole, or refused and nothing of it happens.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when there is no room for now: the caller tries again in a later turn.
    /// [`Refusal::Dead`] when there never will be.
    ///
    /// # Panics
    /// May panic if there is no such place, or not as much room: those are the caller's numbers,
    /// never the peer's.
    fn push(&mut self, place: Place, used: &[u8], seal: u64) -> Result<(), Refusal>;

    /// Something is about to be pushed to `place`: what can be done for it ahead is to be done now.
    fn prepare(&mut self, _place: Place) {}

    /// Sends what was pushed, for fabrics that gather.
    ///
    /// # Errors
    /// [`Refusal::Dead`] when it will never arrive; [`Refusal::Busy`] when the rest is to be sent
    /// by a later flush.
    fn flush(&mut self) -> Result<(), Refusal>;
}

/// Why a placement was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no room for now.
    #[error("the fabric has no room for now")]
    Busy,
    /// The peer is gone, or was dropped.
    #[error("the fabric has lost the peer")]
    Dead,
}
