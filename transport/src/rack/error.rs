//! What can be wrong with what a peer sent, by cause.

use crate::rack::channel::Refusal;

/// What a peer wrote cannot be: it is damaged, or the peer is not what it says.
///
/// The order of what the peer sent is lost with it, so the only remedy is to drop the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A slot holds a batch that is neither the one due nor the one before it.
    #[error("a slot is sealed as batch {found} where batch {expected} was due")]
    Sequence {
        /// The batch that was due.
        expected: u32,
        /// What the seal says.
        found: u32,
    },
    /// Bits are set that mean nothing.
    #[error("reserved bits are set: {0:#x}")]
    Reserved(u64),
    /// The records of a batch do not begin inside the slot.
    #[error("a batch begins at word {0}, outside its slot")]
    Offset(u16),
    /// A batch cannot have so many records.
    #[error("a batch says that it has {0} records")]
    Count(u16),
    /// A batch of results has not as many as its requests were.
    #[error("{found} results for {expected} requests")]
    Results {
        /// How many requests the batch had.
        expected: u16,
        /// How many results it says that it has.
        found: u16,
    },
    /// A record goes on beyond the end of its batch.
    #[error("records of {0} bytes are longer than what is left of their batch")]
    Truncated(u64),
    /// A batch has words that belong to no record.
    #[error("{0} words after the last record of a batch")]
    Leftover(u16),
    /// A header says that it is of more records than are left.
    #[error("a header is of {0} further records, more than are left of its batch")]
    Repeats(u16),
    /// A record names a call that its batch does not list.
    #[error("a record names call {0} of its batch, which has no such")]
    CallIndex(u8),
    /// The first record of a batch is for the property of the one before it.
    #[error("the first record of a batch repeats a property")]
    NoProperty,
    /// A payload is longer than any may be, or too short for its form.
    #[error("a payload of {0} bytes")]
    PayloadLength(u64),
    /// A piece is empty or longer than its slot.
    #[error("a piece of {0} bytes")]
    PieceLength(u32),
    /// Credit goes back, or is for more than was sent.
    #[error("credit for {found} pieces, where {sent} were sent")]
    Credit {
        /// Pieces sent so far.
        sent: u64,
        /// What the peer says that it has taken.
        found: u64,
    },
    /// The header of a frame is damaged.
    #[error("the header of a frame does not match its checksum")]
    HeaderChecksum,
    /// The body of a frame is damaged.
    #[error("the body of a frame does not match its checksum")]
    BodyChecksum,
    /// A frame was lost, or came twice, or out of turn.
    #[error("frame {found} where {expected} was due")]
    FrameOrder {
        /// The frame that was due.
        expected: u32,
        /// What its header says.
        found: u32,
    },
    /// A frame is longer than the place it is for.
    #[error("a frame of {0} bytes")]
    FrameLength(u32),
    /// A frame is for a place that there is not.
    #[error("a frame for slot {index} of ring {ring} of worker {worker}")]
    NoSuchPlace {
        /// The number of the ring's kind.
        ring: u8,
        /// The worker.
        worker: u16,
        /// The slot.
        index: u16,
    },
    /// The stream ends within a frame.
    #[error("the stream ends {0} bytes into a frame")]
    EndInFrame(usize),
}

/// Why a link end can do nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer wrote what cannot be.
    #[error("the peer sent what cannot be")]
    Wire(#[from] WireError),
    /// The channel to the peer is dead.
    #[error("the channel to the peer is dead")]
    Dead,
}

impl LinkError {
    /// What the peer wrote, if that is it.
    pub(crate) fn wire(self) -> Option<WireError> {
        match self {
            Self::Wire(error) => Some(error),
            Self::Dead => None,
        }
    }

    /// What a refusal means to a link: `Busy` is for a later turn.
    pub(crate) fn of(refusal: Refusal) -> Result<(), Self> {
        match refusal {
            Refusal::Busy => Ok(()),
            Refusal::Dead => Err(Self::Dead),
        }
    }
}

/// Why memory that a peer offers cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The system refused.
    #[error("the shared memory could not be mapped")]
    System(#[from] std::io::Error),
    /// It has another size than its layout needs.
    #[error("the shared memory has {found} bytes where {expected} were agreed on")]
    Size {
        /// What the layout needs.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// It could shrink under us.
    #[error("the shared memory is not sealed against changes of its size")]
    Unsealed,
    /// It was laid out for another rack, or is no such memory.
    #[error("the shared memory was laid out otherwise")]
    Layout,
}
