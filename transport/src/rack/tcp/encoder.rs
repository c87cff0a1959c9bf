//! The end of a connection that sends.

use crate::rack::channel::Refusal;
use crate::rack::layout::{PIECE_BYTES, Place, RingKind};
use crate::rack::tcp::frame::{Header, TRAILER_BYTES};

/// What one worker writes to one node, as bytes to be sent over one connection.
///
/// ```
/// use gossamer_transport::rack::tcp::{self, Channel, Decoder};
/// use gossamer_transport::rack::{Channel as _, Layout, Place, Ports, RingKind};
///
/// let mut channel = Channel::new();
/// let place = Place { ring: RingKind::Requests, worker: 0, index: 0 };
/// channel.push(place, b"12345678", 1 << 32 | 1)?;
/// channel.push(place, b"abcdefgh", 2 << 32 | 1)?;
///
/// let layout = Layout { writers: 1, workers: 1, geometry: tcp::GEOMETRY };
/// let mut decoder = Decoder::new(Ports::private(layout)?);
/// // Here one write to a socket, and at its other end a read.
/// assert_eq!(decoder.handle_bytes(channel.chunk())?, 2);
/// channel.consume(channel.chunk().len());
/// assert!(channel.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Channel {
    /// Frames, from `start` on.
    bytes: Vec<u8>,
    start: usize,
    /// Frames ever pushed.
    frames: u64,
    is_dead: bool,
}

/// The most bytes that a channel holds: what is more stays with the links.
pub const BUFFER_BYTES_MAX: usize = 16 * PIECE_BYTES;

/// A channel that holds more takes no piece, so that what else is pushed has not to wait long.
const BUFFER_BYTES_BEFORE_PIECE_MAX: usize = 4 * PIECE_BYTES;

impl Channel {
    /// A channel to which nothing was written.
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            frames: 0,
            is_dead: false,
        }
    }

    /// What is to be sent next, all of it.
    pub fn chunk(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Says that so many bytes of [`chunk`](Self::chunk) were sent.
    ///
    /// # Panics
    /// If there were fewer.
    pub fn consume(&mut self, bytes: usize) {
        assert!(bytes <= self.chunk().len(), "no more than there was");
        self.start += bytes;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Whether nothing is to be sent.
    pub fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// How many frames were ever pushed.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Refuses everything from now on, because the connection is gone.
    pub fn kill(&mut self) {
        self.is_dead = true;
        self.bytes = Vec::new();
        self.start = 0;
    }

    fn has_room(&self, place: Place, used: usize) -> bool {
        let buffered = self.bytes.len() - self.start;
        let is_piece = matches!(place.ring, RingKind::RequestPieces | RingKind::ResultPieces);
        if is_piece {
            buffered <= BUFFER_BYTES_BEFORE_PIECE_MAX
        } else {
            buffered + used <= BUFFER_BYTES_MAX
        }
    }

    /// Moves what is there to the front when that is the lesser part.
    fn make_room(&mut self) {
        if self.start > self.bytes.len() / 2 {
            self.bytes.copy_within(self.start.., 0);
            self.bytes.truncate(self.bytes.len() - self.start);
            self.start = 0;
        }
    }
}

impl crate::rack::Channel for Channel {
    fn push(&mut self, place: Place, used: &[u8], seal: u64) -> Result<(), Refusal> {
        assert!(used.len() <= place.ring.used_bytes_max(), "no room");
        if self.is_dead {
            return Err(Refusal::Dead);
        }
        if !self.has_room(place, used.len()) {
            return Err(Refusal::Busy);
        }
        self.make_room();
        let header = Header::of(place, used.len(), self.frames as u32);
        let (header, checksum) = header.to_bytes();
        let seal = seal.to_le_bytes();
        let checksum = crc32c::crc32c_append(crc32c::crc32c_append(checksum, used), &seal);
        let mut trailer = [0; TRAILER_BYTES];
        trailer[..8].copy_from_slice(&seal);
        trailer[8..].copy_from_slice(&checksum.to_le_bytes());
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(used);
        self.bytes.extend_from_slice(&trailer);
        self.frames += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Refusal> {
        if self.is_dead {
            return Err(Refusal::Dead);
        }
        Ok(())
    }
}

impl Default for Channel {
    fn default() -> Self {
        Self::new()
    }
}
