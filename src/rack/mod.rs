//! The rack: one program on many nodes.
//!
//! A *node* is a process, the *rack* all of them together, and every node runs the same binary.
//! Node 0 runs `main`; the others serve, and run what is spawned on them. Started plainly, a
//! program is a rack of one, in which a call is that of the plain [`Trust`](crate::Trust).
//!
//! ```
//! use gossamer::rack;
//!
//! #[gossamer::main(workers = 2)]
//! async fn main() {
//!     let mut counters = Vec::new();
//!     for trustee in rack::trustees() {
//!         counters.push(rack::entrust_on(trustee, |start: u64| start, 17).await);
//!     }
//!     for counter in &counters {
//!         counter.apply_with(|c, by| *c += by, 2).await;
//!         assert_eq!(counter.apply(|c| *c).await, 19);
//!     }
//! }
//! ```
//!
//! What a call may take along is said at [`Trust`]; what it can end in, at [`CallError`].

mod accept;
mod barrier;
mod bells;
mod call;
mod calls;
mod codec;
#[cfg(test)]
mod codec_tests;
mod connect;
mod connection;
mod context;
mod continuation;
mod decoder;
mod drain;
mod encoder;
mod ending;
mod entry;
mod envelope;
mod error;
mod failpoints;
mod figures;
mod handles;
mod harvest;
mod held;
mod image;
mod inlet;
mod issuing;
pub mod join;
mod large;
mod latch_trust;
mod late;
pub(crate) mod link;
mod look;
pub(crate) mod loss;
mod memory;
pub(crate) mod node;
mod numbers;
mod on_worker;
mod outbound;
mod parked;
mod peer;
pub(crate) mod peers;
mod program;
mod properties;
#[cfg(feature = "rdma")]
mod rdma;
#[cfg(not(feature = "rdma"))]
#[path = "no_rdma.rs"]
mod rdma;
mod references;
mod refs;
mod remote;
mod route;
mod serve;
pub(crate) mod settings;
mod settle;
pub(crate) mod side;
mod spawn;
pub(crate) mod start;
mod target;
#[cfg(test)]
mod tests;
mod trust;
mod trustee;
mod typed;
mod unanswered;
pub(crate) mod visit;
mod visits;
mod words;

pub use calls::Travels;
pub use codec::CodecError;
#[doc(hidden)]
pub use context::__references;
pub use context::{
    barrier, entrust, entrust_latched_on, entrust_on, node_id, nodes, trustees,
    try_entrust_latched_on, try_entrust_on, workers,
};
pub(crate) use ending::End;
pub use error::{CallError, NotExecuted, Refusal};
#[doc(hidden)]
pub use failpoints::__failpoints;
pub use join::{Identity, OnNodeLoss};
pub use latch_trust::LatchTrust;
pub use loss::NodeLoss;
pub use memory::FabricError;
pub use program::{Host, hosts, id};
pub use spawn::{JoinHandle, spawn_on};
pub use trust::Trust;
pub use trustee::Trustee;
