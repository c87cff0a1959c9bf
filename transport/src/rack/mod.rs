//! Links between processes: slot images of bytes, checked when they are read, and the fabrics that
//! place them into the memory of another process.
//!
//! ```text
//!  client worker, node A                                          trustee worker, node B
//!  ClientLink ─ publish ─► Channel ──── the fabric ────► Port ─ poll_request ─► TrusteeLink
//!      ▲                   (A's worker → B)             (in B's memory)              │ respond
//!      └─ poll_result ─ Port ◄───────── the fabric ───────────── Channel ◄─ publish ─┘
//!                   (in A's memory)                          (B's worker → A)
//! ```
//!
//! A [`Port`] is all that one remote worker writes for one local worker: rings of slots for
//! requests and for results, rings of [pieces](link) for what does not fit into a slot, and two
//! words that give credit for pieces. A [`Channel`] is what one worker writes to one node, in
//! order: requests as a client and results as a trustee. All that a fabric can do is to place
//! bytes that end in a sealed word at a [`Place`]: a copy and a Release store ([`shm`]), a frame
//! ([`tcp`]), one RDMA WRITE.
//!
//! **Invariant:** nothing that is read from a port is trusted. Each word is read once, from an
//! atomic, into memory of the reader's own; then it is checked, and what is wrong is a
//! [`WireError`]. So a peer that writes while we read, or writes nonsense, can make us drop it
//! and nothing else.
//!
//! Nothing here has threads, sockets or a clock, and nothing waits.

mod channel;
mod error;
mod layout;
pub mod link;
mod mapping;
mod port;
#[cfg(all(feature = "rdma", not(loom)))]
pub mod rdma;
pub mod shm;
pub mod simulated;
pub mod tcp;
pub mod wire;

pub use channel::{Channel, Refusal};
pub use error::{AttachError, LinkError, WireError};
pub use layout::{DEPTH_MAX, Geometry, Layout, PIECE_BYTES, Place, RingKind};
pub use link::{
    Answer, Answers, Arrived, ClientLink, Fate, PAYLOAD_BYTES_MAX, Payload, Serving, TooLong,
    TrusteeLink,
};
pub use port::{Port, Ports};
pub use wire::{Property, Request};
