//! Frames between two that know each other: length, payload, code.
//!
//! The code covers the place of the frame in its direction, so that none can be left out, repeated
//! or put elsewhere. Nothing is secret: who can listen may read them.

use super::key::{KEY_BYTES, keyed};

/// Of one direction, the end that writes.
pub(crate) struct Sealer {
    key: [u8; KEY_BYTES],
    frames: u64,
}

/// Of one direction, the end that reads.
pub(crate) struct Opener {
    key: [u8; KEY_BYTES],
    frames: u64,
    input: Vec<u8>,
    is_broken: bool,
}

/// Why a frame is none. The connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame of {bytes} bytes, of which {FRAME_BYTES_MAX} are allowed")]
    TooLong { bytes: u32 },
    #[error("a frame was damaged on its way")]
    Damaged,
}

impl Sealer {
    pub(crate) fn new(key: [u8; KEY_BYTES]) -> Self {
        Self { key, frames: 0 }
    }

    /// Adds the frame of `payload` to `out`.
    pub(crate) fn seal(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        assert!(
            payload.len() <= FRAME_BYTES_MAX as usize,
            "messages are bounded"
        );
        let length = (payload.len() as u32).to_le_bytes();
        out.extend_from_slice(&length);
        out.extend_from_slice(payload);
        out.extend_from_slice(&code(&self.key, self.frames, length, payload));
        self.frames += 1;
    }
}

impl Opener {
    pub(crate) fn new(key: [u8; KEY_BYTES]) -> Self {
        Self {
            key,
            frames: 0,
            input: Vec::new(),
            is_broken: false,
        }
    }

    /// Takes bytes that have come. What is kept is bounded if each call is followed by
    /// [`poll_frame`](Self::poll_frame) until that has nothing.
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The payload of the next frame, if it is whole.
    pub(crate) fn poll_frame(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        if self.is_broken {
            return Err(FrameError::Damaged);
        }
        let frame = self.next_frame();
        self.is_broken = frame.is_err();
        frame
    }

    fn next_frame(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let Some((length, rest)) = self.input.split_first_chunk() else {
            return Ok(None);
        };
        let bytes = u32::from_le_bytes(*length);
        if bytes > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong { bytes });
        }
        let Some((payload, rest)) = rest.split_at_checked(bytes as usize) else {
            return Ok(None);
        };
        let Some((given, _)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        let expected = code(&self.key, self.frames, *length, payload);
        // The comparison takes the same time wherever they differ, though it guards no secret.
        if !is_same(&expected, given) {
            return Err(FrameError::Damaged);
        }
        let payload = payload.to_vec();
        self.frames += 1;
        self.input
            .drain(..LENGTH_BYTES + payload.len() + CODE_BYTES);
        Ok(Some(payload))
    }

    /// How many bytes have come that belong to no frame that was taken.
    pub(crate) fn rest(&self) -> usize {
        self.input.len()
    }
}

fn code(
    key: &[u8; KEY_BYTES],
    place: u64,
    length: [u8; LENGTH_BYTES],
    payload: &[u8],
) -> [u8; CODE_BYTES] {
    let code = keyed(key, &[&place.to_le_bytes(), &length, payload]);
    *code.as_bytes().first_chunk().expect("a hash is longer")
}

fn is_same(left: &[u8; CODE_BYTES], right: &[u8; CODE_BYTES]) -> bool {
    let differing = left
        .iter()
        .zip(right)
        .fold(0, |sum, (left, right)| sum | (left ^ right));
    std::hint::black_box(differing) == 0
}

const LENGTH_BYTES: usize = 4;
const CODE_BYTES: usize = 16;

/// A table of the most nodes fits.
pub(crate) const FRAME_BYTES_MAX: u32 = 256 << 10;
