//! The fabric over a stream of bytes, as TCP has it; the sockets are somebody else's.
//!
//! ```text
//! frame   length:24 | ring:8   sequence:32   worker:16 | index:16   checksum:32     16 bytes
//!         the used bytes of a place                                                 length
//!         its sealed word:64   checksum:32                                          12 bytes
//! ```
//!
//! A connection carries what one worker writes to one node, in order. [`Channel`] gathers frames
//! in one buffer, so that one system call sends many; [`Decoder`] takes them in any cuts, checks
//! them and copies each to its place, from where the worker that it is for takes it as always. Both
//! checksums are CRC32C. The first, of the header, is there so that a damaged length is not waited
//! for; the second goes on from it over the rest, so that no body passes under another header.
//! Frames are counted, so that none is lost, comes twice, or comes from another connection's past.
//!
//! Cost: 28 bytes a frame. A byte is copied once into the buffer and once out of it, and summed
//! up once at either end: about 0.2 ns a byte both ends together, a tenth of what the system takes
//! to send and receive it; and 20 ns a frame.

mod decoder;
mod encoder;
mod frame;

pub use decoder::Decoder;
pub use encoder::{BUFFER_BYTES_MAX, Channel};

use crate::rack::layout::Geometry;

/// What fills the round trip of some tens of microseconds between two hosts.
pub const GEOMETRY: Geometry = Geometry {
    depth: 32,
    pieces: 16,
};

/// What frames carry besides the used bytes of a place.
pub const FRAME_OVERHEAD_BYTES: usize = frame::HEADER_BYTES + frame::TRAILER_BYTES;
