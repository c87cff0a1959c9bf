//! The end of a connection that receives.

use crate::rack::error::WireError;
use crate::rack::layout::{Layout, PIECE_BYTES};
use crate::rack::port::{Port, Ports};
use crate::rack::tcp::frame::{FRAME_BYTES_MAX, HEADER_BYTES, Header};

/// Puts what one remote worker sent over one connection where it belongs; see
/// [`Channel`](super::Channel) for an example.
#[derive(Debug)]
pub struct Decoder {
    layout: Layout,
    /// What the remote worker writes for each local one.
    ports: Box<[Port]>,
    /// What was read and not decoded: `start..end`.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Frames ever decoded.
    frames: u64,
    /// Local workers for whom something came.
    touched: Box<[bool]>,
    failed: Option<WireError>,
}

impl Decoder {
    /// A decoder into memory that the one remote worker writes.
    ///
    /// # Panics
    /// If the memory is for several.
    pub fn new(ports: Ports) -> Self {
        let layout = ports.layout();
        assert_eq!(layout.writers, 1, "a connection has one writer");
        Self {
            touched: vec![false; usize::from(layout.workers)].into(),
            ports: (0..layout.workers)
                .map(|worker| ports.port(0, worker))
                .collect(),
            layout,
            buffer: vec![0; BUFFER_BYTES].into(),
            start: 0,
            end: 0,
            frames: 0,
            failed: None,
        }
    }

    /// Where the next bytes are to be read into; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buffer[self.end..]
    }

    /// Decodes what is complete, after so many bytes were read into [`space`](Self::space); returns
    /// how many frames that were.
    ///
    /// # Errors
    /// If it is not what a peer sends. Then so is every later call, and nothing more is placed.
    ///
    /// # Panics
    /// If the space was not as large.
    pub fn handle_filled(&mut self, bytes: usize) -> Result<u32, WireError> {
        assert!(bytes <= self.buffer.len() - self.end, "more than the space");
        self.end += bytes;
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut frames = 0;
        loop {
            match self.decode() {
                Ok(true) => frames += 1,
                Ok(false) => return Ok(frames),
                Err(error) => {
                    self.failed = Some(error);
                    return Err(error);
                }
            }
        }
    }

    /// Decodes bytes that lie elsewhere.
    ///
    /// # Errors
    /// As [`handle_filled`](Self::handle_filled).
    pub fn handle_bytes(&mut self, mut bytes: &[u8]) -> Result<u32, WireError> {
        let mut frames = 0;
        while !bytes.is_empty() {
            let space = self.space();
            let (now, later) = bytes.split_at(bytes.len().min(space.len()));
            space[..now.len()].copy_from_slice(now);
            frames += self.handle_filled(now.len())?;
            bytes = later;
        }
        Ok(frames)
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// If that was within a frame, or it had failed before.
    pub fn handle_end(&self) -> Result<(), WireError> {
        match (self.failed, self.end - self.start) {
            (Some(error), _) => Err(error),
            (None, 0) => Ok(()),
            (None, bytes) => Err(WireError::EndInFrame(bytes)),
        }
    }

    /// The local workers for whom something came since this was asked last.
    pub fn take_touched(&mut self) -> impl Iterator<Item = u16> {
        let workers = (0..).zip(&mut self.touched);
        workers.filter_map(|(worker, touched)| std::mem::take(touched).then_some(worker))
    }

    /// How many frames were ever decoded.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Decodes one frame, if it is complete.
    fn decode(&mut self) -> Result<bool, WireError> {
        let bytes = &self.buffer[self.start..self.end];
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Ok(false);
        };
        let header = Header::from_bytes(header)?;
        let expected = self.frames as u32;
        if header.sequence != expected {
            let found = header.sequence;
            return Err(WireError::FrameOrder { expected, found });
        }
        let place = self
            .layout
            .check(header.ring, header.worker, header.index)?;
        if header.length as usize > place.ring.used_bytes_max() {
            return Err(WireError::FrameLength(header.length));
        }
        let Some(frame) = bytes.get(..header.frame_bytes()) else {
            return Ok(false);
        };
        let (summed, checksum) = frame[HEADER_BYTES..]
            .split_last_chunk()
            .expect("a frame has its checksum");
        if crc32c::crc32c_append(header.checksum, summed) != u32::from_le_bytes(*checksum) {
            return Err(WireError::BodyChecksum);
        }
        let (used, seal) = summed.split_last_chunk().expect("a frame has its seal");
        let seal = u64::from_le_bytes(*seal);
        let worker = usize::from(place.worker);
        self.ports[worker].store(place, used, seal);
        self.touched[worker] = true;
        self.frames += 1;
        self.start += header.frame_bytes();
        Ok(true)
    }
}

/// Room for what one read brings, beside a frame that has begun.
const BUFFER_BYTES: usize = FRAME_BYTES_MAX + 16 * PIECE_BYTES;
