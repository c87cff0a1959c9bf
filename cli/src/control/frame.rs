//! What a proven connection carries: messages, each in sealed pieces, in order.
//!
//! A piece is its length in two bytes and what Noise makes of a mark and some bytes. The mark says
//! whether the message goes on. As the pieces are numbered, one that is left out, repeated or
//! moved does not open.

use std::fmt;
use std::sync::Arc;

use snow::StatelessTransportState;

/// What seals the pieces of one direction.
pub(crate) struct Sealer {
    keys: Arc<StatelessTransportState>,
    next: u64,
}

/// What opens the pieces of one direction.
pub(crate) struct Opener {
    keys: Arc<StatelessTransportState>,
    next: u64,
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
        Self { keys, next }
    }

    /// Appends the pieces of a message.
    pub(crate) fn seal(&mut self, message: &[u8], to: &mut Vec<u8>) {
        assert!(message.len() <= MESSAGE_BYTES_MAX, "a message is bounded");
        let mut rest = message;
        loop {
            let (piece, more) = rest.split_at(rest.len().min(PIECE_BYTES_MAX));
            rest = more;
            self.seal_piece(if rest.is_empty() { LAST } else { MORE }, piece, to);
            if rest.is_empty() {
                return;
            }
        }
    }

    /// A piece of a message that goes on, as full as can be.
    #[cfg(test)]
    pub(super) fn seal_more(&mut self, to: &mut Vec<u8>) {
        self.seal_piece(MORE, &[7; PIECE_BYTES_MAX], to);
    }

    fn seal_piece(&mut self, mark: u8, piece: &[u8], to: &mut Vec<u8>) {
        let mut plain = [0; 1 + PIECE_BYTES_MAX];
        plain[0] = mark;
        plain[1..=piece.len()].copy_from_slice(piece);
        let plain = &plain[..=piece.len()];
        let bytes = plain.len() + TAG_BYTES;
        to.extend_from_slice(&(bytes as u16).to_le_bytes()); // see the assertion below
        let start = to.len();
        to.resize(start + bytes, 0);
        let sealed = self.keys.write_message(self.next, plain, &mut to[start..]);
        assert_eq!(sealed.ok(), Some(bytes), "it fits, and its place is new");
        self.next += 1;
    }
}

impl Opener {
    pub(super) fn new(keys: Arc<StatelessTransportState>, next: u64) -> Self {
        Self { keys, next }
    }

    /// Appends what is in the next piece, whose length was taken off; whether that is the last.
    pub(crate) fn open(&mut self, sealed: &[u8], to: &mut Vec<u8>) -> Result<bool, FrameError> {
        let mut plain = [0; u16::MAX as usize];
        let opened = self.keys.read_message(self.next, sealed, &mut plain);
        let opened = opened.map_err(|_| FrameError::Damaged)?;
        self.next += 1;
        let Some((mark, piece)) = plain[..opened].split_first() else {
            return Err(FrameError::Damaged);
        };
        if to.len() + piece.len() > MESSAGE_BYTES_MAX {
            return Err(FrameError::TooLong);
        }
        to.extend_from_slice(piece);
        Ok(*mark == LAST)
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

const TAG_BYTES: usize = 16;

/// What a piece carries at most.
pub(crate) const PIECE_BYTES_MAX: usize = 60 << 10;

/// The list of all programs of all hosts fits.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4 << 20;

const _: () = assert!(1 + PIECE_BYTES_MAX + TAG_BYTES <= u16::MAX as usize);
