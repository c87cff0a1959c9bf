//! Where everything lies in the memory that remote workers write.
//!
//! ```text
//! Ports:  [header][parking of each worker][port of writer 0 for worker 0][.. for worker 1] ..
//! Port:   [request slots][result slots][credit: requests, results][request pieces][result pieces]
//! ```
//!
//! Cost: a port of four slots and two pieces takes 265 KiB of address space, of which 8 KiB become
//! memory when its link is used and the rest when a payload does not fit into a slot.

use super::wire::SLOT_BYTES;
use crate::rack::error::WireError;

/// The bytes that a piece may have: large enough that what a piece costs does not count, and
/// small enough that what waits behind one does not wait long.
pub const PIECE_BYTES: usize = if cfg!(loom) { 16 } else { 16 << 10 };

/// How much is under way between two workers, at the most.
///
/// ```
/// use gossamer_transport::rack::Geometry;
///
/// let geometry = Geometry { depth: 8, pieces: 2 };
/// geometry.check();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Slots in a ring: enough to fill a round trip of the fabric with batches.
    pub depth: u16,
    /// Pieces in a ring: enough to fill a round trip of the fabric with bytes.
    pub pieces: u16,
}

impl Geometry {
    /// Checks that both are powers of two, so that sequence numbers wrap around in step.
    ///
    /// # Panics
    /// If they are not, or are larger than [`DEPTH_MAX`].
    pub const fn check(self) {
        assert!(self.depth.is_power_of_two() && self.depth <= DEPTH_MAX);
        assert!(self.pieces.is_power_of_two() && self.pieces <= DEPTH_MAX);
    }

    /// How many places a ring has.
    pub(crate) const fn count(self, ring: RingKind) -> u16 {
        match ring {
            RingKind::Requests | RingKind::Results => self.depth,
            RingKind::RequestPieces | RingKind::ResultPieces => self.pieces,
            RingKind::RequestCredit | RingKind::ResultCredit => 1,
        }
    }

    /// In which word of a port a ring begins.
    const fn ring_start(self, ring: RingKind) -> usize {
        let mut start = 0;
        let mut at = 0;
        while at < ring as usize {
            let ring = RingKind::ALL[at];
            start += self.count(ring) as usize * ring.place_words();
            at += 1;
        }
        start
    }

    /// Where a place lies in its port, if there is such a one: its first word and their number.
    pub(crate) const fn place(self, ring: RingKind, index: u16) -> Option<(usize, usize)> {
        if index >= self.count(ring) {
            return None;
        }
        let words = ring.place_words();
        // The first two need no loop: each batch asks for its place.
        let start = match ring {
            RingKind::Requests => 0,
            RingKind::Results => self.depth as usize * words,
            _ => self.ring_start(ring),
        };
        Some((start + index as usize * words, words))
    }

    pub(crate) const fn port_words(self) -> usize {
        let last = RingKind::ALL[RingKind::ALL.len() - 1];
        self.ring_start(last) + self.count(last) as usize * last.place_words()
    }
}

/// The most slots that a ring may have.
pub const DEPTH_MAX: u16 = 1024;

/// The kinds of rings that a port has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RingKind {
    /// Batches of requests, written by a client.
    Requests,
    /// Batches of results, written by a trustee.
    Results,
    /// How many pieces of requests the trustee has taken, written by the trustee.
    RequestCredit,
    /// How many pieces of results the client has taken, written by the client.
    ResultCredit,
    /// Pieces of requests that do not fit into a slot, written by a client.
    RequestPieces,
    /// Pieces of results that do not fit into a slot, written by a trustee.
    ResultPieces,
}

impl RingKind {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 6] = [
        Self::Requests,
        Self::Results,
        Self::RequestCredit,
        Self::ResultCredit,
        Self::RequestPieces,
        Self::ResultPieces,
    ];

    /// The kind with this number.
    pub(crate) fn of(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Words of a place: what it may hold, padded, and at its end the sealed word.
    const fn place_words(self) -> usize {
        match self {
            Self::Requests | Self::Results => SLOT_BYTES / 8,
            Self::RequestCredit | Self::ResultCredit => LINES_WORDS,
            Self::RequestPieces | Self::ResultPieces => PIECE_BYTES / 8 + LINES_WORDS,
        }
    }

    /// The most bytes that go before the sealed word.
    pub(crate) const fn used_bytes_max(self) -> usize {
        match self {
            Self::Requests | Self::Results => SLOT_BYTES - 8,
            Self::RequestCredit | Self::ResultCredit => 0,
            Self::RequestPieces | Self::ResultPieces => PIECE_BYTES,
        }
    }
}

/// A place that one worker may write in the memory of another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which ring.
    pub ring: RingKind,
    /// For which worker of that node.
    pub worker: u16,
    /// Which place of the ring.
    pub index: u16,
}

/// What memory is laid out for: remote workers that write, and local ones that read.
///
/// ```
/// use gossamer_transport::rack::{Layout, shm};
///
/// // Two workers here; three other nodes with two each.
/// let layout = Layout { writers: 6, workers: 2, geometry: shm::GEOMETRY };
/// assert!(layout.bytes() > 12 * 8 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Remote workers, by numbers that both sides know.
    pub writers: u16,
    /// Local workers.
    pub workers: u16,
    /// The rings between two of them.
    pub geometry: Geometry,
}

impl Layout {
    /// How much address space it takes.
    pub const fn bytes(self) -> usize {
        8 * self.words()
    }

    /// A word that no other layout has: the first of the memory.
    pub(crate) const fn to_word(self) -> u64 {
        let Geometry { depth, pieces } = self.geometry;
        let sizes = (self.writers as u64) << 32 | (self.workers as u64) << 16 | depth as u64;
        // The sizes fill 48 bits, and the rest of them goes into the version's bits.
        sizes ^ (pieces as u64) << 52 ^ VERSION << 48
    }

    pub(crate) const fn words(self) -> usize {
        self.port_start(self.writers, 0)
    }

    /// In which word the parking of a worker lies.
    pub(crate) const fn parking(self, worker: u16) -> usize {
        assert!(worker < self.workers, "no such worker");
        LINES_WORDS * (1 + worker as usize)
    }

    pub(crate) const fn port(self, writer: u16, worker: u16) -> usize {
        assert!(writer < self.writers, "no such writer");
        assert!(worker < self.workers, "no such worker");
        self.port_start(writer, worker)
    }

    const fn port_start(self, writer: u16, worker: u16) -> usize {
        let ports = writer as usize * self.workers as usize + worker as usize;
        LINES_WORDS * (1 + self.workers as usize) + ports * self.geometry.port_words()
    }

    /// Checks numbers that came from a peer.
    pub(crate) fn check(self, ring: u8, worker: u16, index: u16) -> Result<Place, WireError> {
        let error = WireError::NoSuchPlace {
            ring,
            worker,
            index,
        };
        let ring = RingKind::of(ring).ok_or(error)?;
        if worker < self.workers && index < self.geometry.count(ring) {
            return Ok(Place {
                ring,
                worker,
                index,
            });
        }
        Err(error)
    }
}

/// Of how the memory is laid out and what its words mean.
const VERSION: u64 = 2;

/// Two cache lines, which processors fetch together: what one writer writes shares none with
/// what another does.
const LINES_WORDS: usize = if cfg!(loom) { 1 } else { 16 };

const _: () = assert!(PIECE_BYTES.is_multiple_of(8));
