//! Fabrics: what puts slot images into a peer's slot memory.

pub mod memory;

use crate::image::Image;

/// Moves slot images to one peer, in order, and nothing else.
///
/// A link end pushes any number of images and then flushes once a turn, so that a fabric may
/// gather them into one write with one doorbell. Which slot is free is the link's business: a
/// fabric never waits.
pub trait Fabric {
    /// Puts `image` into the peer's slot `index` as batch `sequence`.
    ///
    /// # Safety
    /// The peer has answered the batch that was in that slot before, if any.
    unsafe fn push(&mut self, index: usize, image: &Image, sequence: u32);

    /// Slot `index`, whose batch the peer has answered, is likely to be pushed to in about the time
    /// that a cache line takes: for fabrics that can get ready for it.
    fn prepare(&mut self, _index: usize) {}

    /// Sends what was pushed, for fabrics that gather.
    fn flush(&mut self) {}
}
