//! A fabric of one thread, for tests: it delays, reorders between channels, and does damage, as a
//! seed says.
//!
//! What is pushed lies in its channel as a [frame](super::tcp) until a [step](Net::step) of the net
//! delivers it, in any cuts, to the decoder at the other end. So whatever a connection may do to
//! the frames of one peer can be done here, and the same seed does it again.

mod random;
mod wire;

use std::cell::RefCell;
use std::rc::Rc;

pub use random::Random;

use crate::rack::channel::Refusal;
use crate::rack::error::WireError;
use crate::rack::layout::Place;
use crate::rack::port::Ports;
use wire::Wire;

/// What the net does of its own accord, in times of a thousand: refusals of pushes, and the rest of
/// frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A push is refused for now.
    pub busy: u16,
    /// A step delivers nothing.
    pub delay: u16,
    /// A bit is changed before the checksums are made: what a peer could do that lies.
    pub forge: u16,
    /// A bit of the frame is changed.
    pub flip: u16,
    /// The end of the frame is lost.
    pub truncate: u16,
    /// A frame of before comes instead.
    pub replay: u16,
    /// The connection ends, perhaps within the frame.
    pub cut: u16,
}

/// All channels of one simulated rack.
///
/// ```
/// use gossamer_transport::rack::simulated::{Faults, Net, Step};
/// use gossamer_transport::rack::{Channel, Layout, Place, Ports, RingKind, tcp};
///
/// let mut net = Net::new(7, Faults::default());
/// let layout = Layout { writers: 1, workers: 1, geometry: tcp::GEOMETRY };
/// let mut channel = net.channel(Ports::private(layout)?);
/// let place = Place { ring: RingKind::RequestCredit, worker: 0, index: 0 };
/// channel.push(place, &[], 1)?;
/// assert_eq!(net.step(), Step::Delivered);
/// assert_eq!(net.step(), Step::Idle);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Net(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    wires: Vec<Wire>,
    random: Random,
    faults: Faults,
    /// Frames that something was done to.
    damaged: u64,
}

/// What one worker writes to one node, in a [`Net`].
#[derive(Debug)]
pub struct Channel {
    net: Rc<RefCell<State>>,
    number: usize,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A frame was delivered.
    Delivered,
    /// Time passed.
    Delayed,
    /// A channel, by its number, has ended.
    Ended(usize, End),
    /// No channel that lives has a frame.
    Idle,
}

/// How a channel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The connection was closed, between frames.
    Cut,
    /// What came was damaged.
    Damaged(WireError),
}

impl Net {
    /// A net without channels.
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self(Rc::new(RefCell::new(State {
            wires: Vec::new(),
            random: Random::new(seed),
            faults,
            damaged: 0,
        })))
    }

    /// A channel to whoever reads `ports`; the first has number 0.
    pub fn channel(&mut self, ports: Ports) -> Channel {
        let mut state = self.0.borrow_mut();
        state.wires.push(Wire::new(ports));
        Channel {
            net: Rc::clone(&self.0),
            number: state.wires.len() - 1,
        }
    }

    /// Lets something happen in one of the channels that have frames.
    pub fn step(&mut self) -> Step {
        self.0.borrow_mut().step()
    }

    /// How many frames something was done to.
    pub fn damaged(&self) -> u64 {
        self.0.borrow().damaged
    }
}

impl State {
    fn step(&mut self) -> Step {
        let ready: Vec<_> = (0..self.wires.len())
            .filter(|&number| self.wires[number].has_frame())
            .collect();
        if ready.is_empty() {
            return Step::Idle;
        }
        let number = ready[self.random.below(ready.len())];
        if self.random.happens(self.faults.delay) {
            return Step::Delayed;
        }
        let wire = &mut self.wires[number];
        let is_damaged = wire.deliver(&mut self.random, &self.faults);
        self.damaged += u64::from(is_damaged);
        match wire.end() {
            Some(end) => Step::Ended(number, end),
            None => Step::Delivered,
        }
    }

    fn push(&mut self, number: usize, place: Place, used: &[u8], seal: u64) -> Result<(), Refusal> {
        let wire = &mut self.wires[number];
        if wire.end().is_some() {
            return Err(Refusal::Dead);
        }
        if self.random.happens(self.faults.busy) {
            return Err(Refusal::Busy);
        }
        if !self.random.happens(self.faults.forge) {
            return wire.push(place, used, seal);
        }
        self.damaged += 1;
        let mut forged = [used, &seal.to_le_bytes()].concat();
        // Half of the time in the seal, which says most.
        let from = self.random.below(2) * used.len();
        let byte = from + self.random.below(forged.len() - from);
        forged[byte] ^= 1 << self.random.below(8);
        let (used, seal) = forged.split_last_chunk().expect("a seal");
        wire.push(place, used, u64::from_le_bytes(*seal))
    }
}

impl Channel {
    /// The number of this channel in its net.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Ends the channel, between frames.
    pub fn kill(&mut self) {
        self.net.borrow_mut().wires[self.number].kill();
    }
}

impl crate::rack::Channel for Channel {
    fn push(&mut self, place: Place, used: &[u8], seal: u64) -> Result<(), Refusal> {
        let number = self.number;
        self.net.borrow_mut().push(number, place, used, seal)
    }

    fn flush(&mut self) -> Result<(), Refusal> {
        match self.net.borrow().wires[self.number].end() {
            Some(_) => Err(Refusal::Dead),
            None => Ok(()),
        }
    }
}
