//! The two ends of a stream of pieces.
//!
//! Cost: each byte is copied once into its piece's place and once out of it, from and to where the
//! payload lies; a piece of 16 KiB and its credit cost what two small batches do.

use std::collections::VecDeque;

use crate::rack::channel::Channel;
use crate::rack::error::{LinkError, WireError};
use crate::rack::layout::{PIECE_BYTES, Place, RingKind};
use crate::rack::link::payload::{Dispose, Payload};
use crate::rack::port::Port;

/// A trustee takes no further request of a client that has so many bytes of results to take first.
pub const QUEUED_BYTES_MAX: usize = 64 * PIECE_BYTES;

/// The rings of one direction: where pieces go, and where credit for them comes back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    pub(super) pieces: RingKind,
    pub(super) credit: RingKind,
}

/// From the client to the trustee.
pub(super) const OF_REQUESTS: Stream = Stream {
    pieces: RingKind::RequestPieces,
    credit: RingKind::RequestCredit,
};

/// From the trustee to the client.
pub(super) const OF_RESULTS: Stream = Stream {
    pieces: RingKind::ResultPieces,
    credit: RingKind::ResultCredit,
};

/// The end that sends.
#[derive(Debug)]
pub(super) struct Outgoing {
    stream: Stream,
    worker: u16,
    /// What is to be sent, the first from `start` on; and what is done with each then.
    chunks: VecDeque<(Vec<u8>, Dispose)>,
    start: usize,
    queued_bytes: usize,
    /// Pieces sent, and how many of them the reader had taken when we last looked.
    sent: u64,
    taken: u64,
    /// Whether the channel refused the last piece for now.
    is_refused: bool,
}

impl Outgoing {
    pub(super) fn new(stream: Stream, worker: u16) -> Self {
        Self {
            stream,
            worker,
            chunks: VecDeque::new(),
            start: 0,
            queued_bytes: 0,
            sent: 0,
            taken: 0,
            is_refused: false,
        }
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Appends a payload; small ones share a piece.
    pub(super) fn push(&mut self, payload: Payload) {
        self.queued_bytes += payload.len();
        let (parts, dispose) = payload.into_parts();
        for part in parts {
            match self.chunks.back_mut() {
                Some((last, _)) if last.len() + part.len() <= PIECE_BYTES => {
                    last.extend_from_slice(&part);
                }
                _ => self.chunks.push_back((part, dispose)),
            }
        }
    }

    /// Sends pieces as far as there is credit, but few at a time, so that others' slots come
    /// between; returns whether any went.
    pub(super) fn publish(
        &mut self,
        port: &Port,
        channel: &mut impl Channel,
    ) -> Result<bool, LinkError> {
        if self.chunks.is_empty() {
            return Ok(false);
        }
        let count = u64::from(port.layout().geometry.pieces);
        self.taken = self.taken_now(port)?;
        let (before, turn) = (self.sent, pieces_a_turn(port));
        self.is_refused = false;
        while let Some((chunk, _)) = self.chunks.front() {
            if self.sent == self.taken + count || self.sent == before + turn {
                break;
            }
            let end = chunk.len().min(self.start + PIECE_BYTES);
            let piece = &chunk[self.start..end];
            let seal = (self.sent + 1) << 32 | piece.len() as u64;
            match channel.push(self.place(self.sent, count), piece, seal) {
                Ok(()) => {}
                Err(refusal) => {
                    self.is_refused = true;
                    LinkError::of(refusal)?;
                    break;
                }
            }
            self.sent += 1;
            self.queued_bytes -= piece.len();
            self.start = end;
            if self.start == chunk.len()
                && let Some((chunk, dispose)) = self.chunks.pop_front()
            {
                dispose(chunk);
                self.start = 0;
            }
        }
        Ok(self.sent > before)
    }

    /// The channel took nothing else either.
    pub(super) fn handle_refusal(&mut self) {
        self.is_refused = true;
    }

    /// Whether there are pieces that a turn could send: credit is left, and the channel has not
    /// refused the last one, or credit has come.
    #[inline(always)]
    pub(super) fn has_credit(&self, port: &Port) -> bool {
        !self.chunks.is_empty() && self.has_credit_for_more(port)
    }

    fn has_credit_for_more(&self, port: &Port) -> bool {
        let count = u64::from(port.layout().geometry.pieces);
        let is_left = self.sent < self.taken + count && !self.is_refused;
        is_left || port.seal(self.stream.credit, 0) != self.taken
    }

    fn place(&self, piece: u64, count: u64) -> Place {
        Place {
            ring: self.stream.pieces,
            worker: self.worker,
            index: (piece % count) as u16,
        }
    }

    fn taken_now(&self, port: &Port) -> Result<u64, WireError> {
        let found = port.seal(self.stream.credit, 0);
        if found < self.taken || found > self.sent {
            let sent = self.sent;
            return Err(WireError::Credit { sent, found });
        }
        Ok(found)
    }
}

/// The end that receives.
#[derive(Debug)]
pub(super) struct Incoming {
    stream: Stream,
    worker: u16,
    /// What has been taken out of pieces and is not asked for yet.
    bytes: Rest,
    /// Pieces taken, and how many of them the writer was told of.
    taken: u64,
    told: u64,
}

impl Incoming {
    pub(super) fn new(stream: Stream, worker: u16) -> Self {
        Self {
            stream,
            worker,
            bytes: Rest::default(),
            taken: 0,
            told: 0,
        }
    }

    /// Takes pieces, at most those of one turn, until so many bytes are here; returns whether they
    /// are.
    pub(super) fn fill(&mut self, port: &Port, bytes: u64) -> Result<bool, WireError> {
        // At once, as far as that is no claim on memory that nobody fills.
        let expected = bytes.min(EXPECTED_BYTES_MAX) as usize;
        let missing = expected.saturating_sub(self.bytes.len());
        self.bytes.reserve(missing);
        self.take_until(port, bytes)
    }

    /// Takes pieces, at most those of one turn, whatever they are for.
    pub(super) fn take_pieces(&mut self, port: &Port) -> Result<(), WireError> {
        self.take_until(port, u64::MAX).map(drop)
    }

    fn take_until(&mut self, port: &Port, bytes: u64) -> Result<bool, WireError> {
        for _ in 0..pieces_a_turn(port) {
            if self.bytes.len() as u64 >= bytes || !self.take_piece(port)? {
                break;
            }
        }
        Ok(self.bytes.len() as u64 >= bytes)
    }

    fn take_piece(&mut self, port: &Port) -> Result<bool, WireError> {
        let (ring, index, sequence) = self.next(port);
        let Some(seal) = port.sealed(ring, index, sequence)? else {
            return Ok(false);
        };
        let length = seal as u32;
        if length == 0 || length as usize > PIECE_BYTES {
            return Err(WireError::PieceLength(length));
        }
        port.load(ring, index, self.bytes.grow(length as usize));
        self.taken += 1;
        Ok(true)
    }

    /// Takes so many bytes of those that are here.
    ///
    /// # Panics
    /// If they are not.
    pub(super) fn take(&mut self, bytes: u64) -> Vec<u8> {
        self.bytes.take(bytes as usize)
    }

    /// Whether so many bytes are here, or a piece of them has come.
    pub(super) fn has_arrived(&self, port: &Port, bytes: u64) -> bool {
        if self.bytes.len() as u64 >= bytes {
            return true;
        }
        self.has_piece(port)
    }

    /// Whether a piece has come.
    pub(super) fn has_piece(&self, port: &Port) -> bool {
        let (ring, index, sequence) = self.next(port);
        !matches!(port.sealed(ring, index, sequence), Ok(None))
    }

    pub(super) fn owes_credit(&self) -> bool {
        self.told != self.taken
    }

    /// Tells the writer what has been taken, if it does not know; returns whether it was told.
    pub(super) fn publish(&mut self, channel: &mut impl Channel) -> Result<bool, LinkError> {
        if !self.owes_credit() {
            return Ok(false);
        }
        let place = Place {
            ring: self.stream.credit,
            worker: self.worker,
            index: 0,
        };
        if let Err(refusal) = channel.push(place, &[], self.taken) {
            LinkError::of(refusal)?;
            return Ok(false);
        }
        self.told = self.taken;
        Ok(true)
    }

    fn next(&self, port: &Port) -> (RingKind, u16, u32) {
        let count = u64::from(port.layout().geometry.pieces);
        let index = (self.taken % count) as u16;
        (self.stream.pieces, index, (self.taken + 1) as u32)
    }
}

/// Memory for so much of a payload is there when its first piece is taken.
const EXPECTED_BYTES_MAX: u64 = 128 << 20;

/// Bytes that are taken from the front, of which many payloads may come at once.
#[derive(Debug, Default)]
struct Rest {
    /// From `start` on.
    bytes: Vec<u8>,
    start: usize,
}

impl Rest {
    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Has room for so many more.
    fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// So many more, to be written.
    fn grow(&mut self, bytes: usize) -> &mut [u8] {
        if self.start > self.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let before = self.bytes.len();
        self.bytes.resize(before + bytes, 0);
        &mut self.bytes[before..]
    }

    /// Takes so many; all of them are not copied.
    fn take(&mut self, bytes: usize) -> Vec<u8> {
        assert!(bytes <= self.len(), "the caller knows how many are here");
        if self.start == 0 && bytes == self.bytes.len() {
            return std::mem::take(&mut self.bytes);
        }
        let taken = self.bytes[self.start..][..bytes].to_vec();
        self.start += bytes;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
        taken
    }
}

/// Pieces that one link sends, and takes, between the batches of others: so much of its ring as
/// takes about as long as the fabric takes for anything.
fn pieces_a_turn(port: &Port) -> u64 {
    u64::from(port.layout().geometry.pieces).div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_what_came_next() {
        let mut rest = Rest::default();
        let (mut came, mut taken) = (0_u8, 0_u8);
        for round in 0..200 {
            for byte in rest.grow(round % 17) {
                *byte = came;
                came = came.wrapping_add(1);
            }
            let some = rest.take(rest.len() * (round % 4) / 3);
            for byte in some {
                assert_eq!(byte, taken);
                taken = taken.wrapping_add(1);
            }
            assert_eq!(rest.len(), usize::from(came.wrapping_sub(taken)));
        }
        assert_eq!(rest.take(rest.len()).len(), 0);
    }
}
