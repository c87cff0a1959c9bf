//! What a proven connection carries: messages, each in sealed pieces, in order.
//!
//! A piece is its length in two bytes and what Noise makes of a mark and some bytes. The mark says
//! whether the message goes on. As the pieces are numbered, one that is left out, repeated or
//! moved does not open.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use snow::StatelessTransportState;

/// What seals the pieces of one direction.
pub(crate) struct Sealer {
    keys: Arc<StatelessTransportState>,
    next: u64,
    /// A mark, and the bytes of a piece.
    plain: Box<[u8]>,
    sealed: Box<[u8]>,
}

/// What opens the pieces of one direction.
pub(crate) struct Opener {
    keys: Arc<StatelessTransportState>,
    next: u64,
    plain: Box<[u8]>,
    /// Where the bytes are of the piece that was opened last.
    opened: Range<usize>,
}

/// A piece that was opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    /// The message ends with it.
    pub(crate) is_last: bool,
}

/// What came is not what was sent; the connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FrameError {
    #[error("a piece was damaged on the way")]
    Damaged,
    #[error("a message is longer than {MESSAGE_BYTES_MAX} bytes")]
    TooLong,
}

impl Sealer {
    pub(super) fn new(keys: Arc<StatelessTransportState>, next: u64) -> Self {
        Self {
            keys,
            next,
            plain: vec![0; 1 + PIECE_BYTES_MAX].into(),
            sealed: vec![0; LENGTH_BYTES + 1 + PIECE_BYTES_MAX + TAG_BYTES].into(),
        }
    }

    /// Seals a message, piece by piece, each of which is to be sent before the next.
    pub(crate) fn seal<E>(
        &mut self,
        message: &[u8],
        mut send: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        assert!(message.len() <= MESSAGE_BYTES_MAX, "a message is bounded");
        let mut rest = message;
        loop {
            let (piece, more) = rest.split_at(rest.len().min(PIECE_BYTES_MAX));
            rest = more;
            self.room()[..piece.len()].copy_from_slice(piece);
            let mark = if rest.is_empty() { LAST } else { MORE };
            send(self.seal_piece(mark, piece.len()))?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// Where the bytes of a piece may be put without being copied.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.plain[1..]
    }

    /// What is to be sent for the bytes in the [`room`](Self::room), a message of their own.
    pub(crate) fn seal_room(&mut self, bytes: usize) -> &[u8] {
        self.seal_piece(LAST, bytes)
    }

    /// A piece of a message that goes on, as full as can be.
    #[cfg(test)]
    pub(super) fn seal_more(&mut self) -> &[u8] {
        self.seal_piece(MORE, PIECE_BYTES_MAX)
    }

    fn seal_piece(&mut self, mark: u8, bytes: usize) -> &[u8] {
        self.plain[0] = mark;
        let plain = &self.plain[..=bytes];
        let length = plain.len() + TAG_BYTES;
        let (head, rest) = self.sealed.split_at_mut(LENGTH_BYTES);
        head.copy_from_slice(&(length as u16).to_le_bytes()); // see the assertion below
        let sealed = self.keys.write_message(self.next, plain, rest);
        assert_eq!(sealed.ok(), Some(length), "it fits, and its place is new");
        self.next += 1;
        &self.sealed[..LENGTH_BYTES + length]
    }
}

impl Opener {
    pub(super) fn new(keys: Arc<StatelessTransportState>, next: u64) -> Self {
        Self {
            keys,
            next,
            plain: vec![0; u16::MAX as usize].into(),
            opened: 0..0,
        }
    }

    /// Opens the next piece, whose length was taken off.
    pub(crate) fn open(&mut self, sealed: &[u8]) -> Result<Piece<'_>, FrameError> {
        let opened = self.keys.read_message(self.next, sealed, &mut self.plain);
        let opened = opened.map_err(|_| FrameError::Damaged)?;
        self.next += 1;
        let Some((mark, bytes)) = self.plain[..opened].split_first() else {
            return Err(FrameError::Damaged);
        };
        let is_last = *mark == LAST;
        self.opened = 1..opened;
        Ok(Piece { bytes, is_last })
    }

    /// The bytes of the piece that was opened last.
    pub(crate) fn opened(&self) -> &[u8] {
        &self.plain[self.opened.clone()]
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("next", &self.next).finish()
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("next", &self.next).finish()
    }
}

const MORE: u8 = 0;
const LAST: u8 = 1;

pub(crate) const LENGTH_BYTES: usize = 2;
const TAG_BYTES: usize = 16;

/// What a piece carries at most.
pub(crate) const PIECE_BYTES_MAX: usize = 60 << 10;

/// The list of all programs of all hosts fits.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4 << 20;

const _: () = assert!(1 + PIECE_BYTES_MAX + TAG_BYTES <= u16::MAX as usize);
