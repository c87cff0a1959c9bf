//! The header of a frame, and what follows its body.

use crate::rack::error::WireError;
use crate::rack::layout::{PIECE_BYTES, Place};

/// Bytes before the body.
pub(super) const HEADER_BYTES: usize = 16;
/// Bytes after it: the seal and the checksum of all.
pub(super) const TRAILER_BYTES: usize = 12;
/// The longest frame.
pub(super) const FRAME_BYTES_MAX: usize = HEADER_BYTES + PIECE_BYTES + TRAILER_BYTES;

/// The numbers of a header, of which none is checked yet but by the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) length: u32,
    pub(super) ring: u8,
    pub(super) sequence: u32,
    pub(super) worker: u16,
    pub(super) index: u16,
    pub(super) checksum: u32,
}

impl Header {
    pub(super) fn of(place: Place, length: usize, sequence: u32) -> Self {
        assert!(length <= PIECE_BYTES, "nothing longer has a place");
        Self {
            length: length as u32,
            ring: place.ring as u8,
            sequence,
            worker: place.worker,
            index: place.index,
            checksum: 0,
        }
    }

    /// The header as bytes, and its checksum.
    pub(super) fn to_bytes(self) -> ([u8; HEADER_BYTES], u32) {
        let mut bytes = [0; HEADER_BYTES];
        let first = self.length << 8 | u32::from(self.ring);
        let place = u32::from(self.worker) << 16 | u32::from(self.index);
        for (at, word) in [first, self.sequence, place].into_iter().enumerate() {
            bytes[4 * at..][..4].copy_from_slice(&word.to_le_bytes());
        }
        let checksum = crc32c::crc32c(&bytes[..SUMMED_BYTES]);
        bytes[SUMMED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        (bytes, checksum)
    }

    /// The header that these bytes are, if they are one.
    pub(super) fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Result<Self, WireError> {
        let word = |at: usize| {
            let word = bytes[4 * at..].first_chunk();
            u32::from_le_bytes(*word.expect("a header has four words"))
        };
        let checksum = word(3);
        if crc32c::crc32c(&bytes[..SUMMED_BYTES]) != checksum {
            return Err(WireError::HeaderChecksum);
        }
        let length = word(0) >> 8;
        if length as usize > PIECE_BYTES {
            return Err(WireError::FrameLength(length));
        }
        Ok(Self {
            length,
            ring: word(0) as u8,
            sequence: word(1),
            worker: (word(2) >> 16) as u16,
            index: word(2) as u16,
            checksum,
        })
    }

    /// How long the whole frame is.
    pub(super) fn frame_bytes(self) -> usize {
        HEADER_BYTES + self.length as usize + TRAILER_BYTES
    }
}

/// The bytes of a header that its checksum is of.
const SUMMED_BYTES: usize = HEADER_BYTES - 4;
