//! The protocol between one client worker and one trustee worker of another node.
//!
//! It differs from that of links in memory ([`ClientLink`](crate::ClientLink)) in where a batch
//! lies, as each side writes the other's memory: batch `n` lies in request slot `n mod depth` and
//! its results in the result slot of the same place; the client publishes batch `n` only after it
//! took the results of batch `n - depth`, so that no slot is written over while somebody needs it,
//! and no counter is shared. Every request has room for the header of its result:
//! **Invariant:** a trustee never waits for a client.
//!
//! # Pieces
//!
//! What does not fit into a slot goes beside the slots, as a stream of bytes for each direction of
//! the link, cut into *pieces* of at most 16 KiB that lie in a ring of their own. A record that is
//! bulk says how many bytes of the stream are its payload, so a payload needs no name, and several
//! share a piece. Whoever reads the record takes the pieces out of their ring and tells the writer
//! how many it has taken: that is its *credit* for more. A record whose bytes have not all come
//! waits at the head of its link, the later ones of that link behind it, and other links go on.
//!
//! A link end holds the payload that it is putting together and at most one ring of pieces. A
//! trustee also holds results that wait for credit: [`QUEUED_BYTES_MAX`] bytes, and the one result
//! that went beyond. Before a client has taken those, none of its further requests run, by its own
//! doing. It can take them before the rest of their batch has run: an empty batch in the place of
//! that one says so. What it has of a batch that is not complete, it has asked for.

mod answer;
mod backlog;
mod bulk;
mod client;
mod notes;
mod payload;
mod trustee;

pub use answer::{Answer, Answers, Fate};
pub use bulk::QUEUED_BYTES_MAX;
pub use client::ClientLink;
pub use payload::Payload;
pub use trustee::{Arrived, Serving, TrusteeLink};

/// The longest payload.
pub const PAYLOAD_BYTES_MAX: u64 = 4 << 30;

/// A payload was longer than [`PAYLOAD_BYTES_MAX`]; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payload of {bytes} bytes is longer than any may be")]
pub struct TooLong<N> {
    /// How long it was.
    pub bytes: u64,
    /// The note of the request.
    pub note: N,
}

/// Sequence numbers start where no fresh slot's zero seal can match.
const FIRST: u32 = 1;
