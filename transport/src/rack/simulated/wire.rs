//! One channel of a simulated net: the frames on their way, and the decoder at their end.

use std::collections::VecDeque;

use crate::rack::channel::{Channel, Refusal};
use crate::rack::layout::Place;
use crate::rack::port::Ports;
use crate::rack::simulated::random::Random;
use crate::rack::simulated::{End, Faults};
use crate::rack::tcp;

#[derive(Debug)]
pub(super) struct Wire {
    encoder: tcp::Channel,
    frames: VecDeque<Vec<u8>>,
    /// The last ones that were delivered.
    past: VecDeque<Vec<u8>>,
    decoder: tcp::Decoder,
    end: Option<End>,
}

impl Wire {
    pub(super) fn new(ports: Ports) -> Self {
        Self {
            encoder: tcp::Channel::new(),
            frames: VecDeque::new(),
            past: VecDeque::new(),
            decoder: tcp::Decoder::new(ports),
            end: None,
        }
    }

    pub(super) fn has_frame(&self) -> bool {
        self.end.is_none() && !self.frames.is_empty()
    }

    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    pub(super) fn kill(&mut self) {
        self.end.get_or_insert(End::Cut);
    }

    pub(super) fn push(&mut self, place: Place, used: &[u8], seal: u64) -> Result<(), Refusal> {
        if self.frames.len() == FRAMES_MAX {
            return Err(Refusal::Busy);
        }
        self.encoder.push(place, used, seal)?;
        let frame = self.encoder.chunk().to_vec();
        self.encoder.consume(frame.len());
        self.frames.push_back(frame);
        Ok(())
    }

    /// Delivers the oldest frame, or what the faults leave of it; returns whether they did
    /// something to it.
    pub(super) fn deliver(&mut self, random: &mut Random, faults: &Faults) -> bool {
        let frame = self.frames.pop_front().expect("there is one");
        if random.happens(faults.replay) && !self.past.is_empty() {
            let past = self.past[random.below(self.past.len())].clone();
            self.decode(&past, random);
            return true;
        }
        if random.happens(faults.flip) {
            let mut flipped = frame;
            let byte = random.below(flipped.len());
            flipped[byte] ^= 1 << random.below(8);
            self.decode(&flipped, random);
            return true;
        }
        let is_cut = random.happens(faults.cut);
        if is_cut || random.happens(faults.truncate) {
            self.decode(&frame[..random.below(frame.len())], random);
            // What is lost is noticed by what comes after it.
            if is_cut || self.frames.is_empty() {
                self.close();
            }
            return true;
        }
        self.decode(&frame, random);
        self.past.push_back(frame);
        if self.past.len() > PAST_MAX {
            self.past.pop_front();
        }
        false
    }

    /// Lets the decoder have bytes, in two parts.
    fn decode(&mut self, bytes: &[u8], random: &mut Random) {
        let (first, second) = bytes.split_at(random.below(bytes.len() + 1));
        let decoded = self.decoder.handle_bytes(first);
        if let Err(error) = decoded.and_then(|_| self.decoder.handle_bytes(second)) {
            self.end = Some(End::Damaged(error));
        }
    }

    fn close(&mut self) {
        if self.end.is_none() {
            let end = self.decoder.handle_end();
            self.end = Some(end.map_or_else(End::Damaged, |()| End::Cut));
        }
    }
}

/// Frames on their way in one channel: more than the rings of a few links have places.
const FRAMES_MAX: usize = 4096;
/// Frames that may be replayed.
const PAST_MAX: usize = 16;
