//! The fabric over RDMA: what one worker writes to one node are WRITEs into that node's memory.
//!
//! ```text
//!  node A, worker                                         node B
//!  Opening ── card ──────────────────────────────────────► Inlet::accept
//!     │ connect ◄──────────────────────────────── card ──┘    │
//!  Channel ── WRITE of used bytes and seal, and its place ──► Inlet::poll ─► ports
//! ```
//!
//! The cards go by a connection that is there already and authenticated; how, is not ours. Each
//! pair of a worker and a node has one queue pair with one completion queue, at either end, and all
//! of a process write from and into the one region of its [`Memory`].
//!
//! A WRITE tells which place it is for (it is one *with immediate*), so that its peer hears of it
//! by a completion, too. That wakes whoever sleeps, without a second message or a word that both
//! would have to look at; and it is the only promise of verbs that the bytes of a WRITE are there,
//! unless the device [promises](Adapter::is_in_order) their order. So a batch is one message
//! everywhere. To poll a flag that follows in a message of its own, which verbs also allow, would
//! cost a device without that promise a second message for each batch.
//!
//! Nothing is allocated to post or to poll; [`Signals`] says how seldom a WRITE is signalled.

mod adapter;
mod card;
mod channel;
mod completion;
mod error;
mod in_order;
mod inlet;
mod live;
mod memory;
mod mirror;
mod owner;
mod queue_pair;
mod requests;
mod settings;
mod survey;
mod told;
mod verbs;

pub use adapter::Adapter;
pub use card::Card;
pub use channel::{Channel, Opening, SIGNAL_EVERY, Signals};
pub use completion::{Operation, Status};
pub use error::RdmaError;
pub use inlet::Inlet;
pub use live::Live;
pub use memory::Memory;
pub use settings::{Settings, SettingsError};
pub use survey::{DeviceFound, GidFound, PortFound, survey};

use crate::rack::layout::Geometry;

/// What fills the round trip of some microseconds between two hosts; all of it is locked in memory.
pub const GEOMETRY: Geometry = Geometry {
    depth: 8,
    pieces: 4,
};
