//! How the processes of a rack find each other.
//!
//! Who starts them says to each, by its [environment](Identity), which node it is. Node 0 listens
//! and the others go there; each connection is authenticated, by the key of this run, before
//! anything that comes from it is interpreted. Once all have come and fit together, each has the
//! table of all.
//!
//! ```
//! use gossamer::rack::join::Identity;
//!
//! let joined = Identity::from_env()?.join(1)?; // started plainly: a rack of one
//! for member in joined.membership().members() {
//!     println!("node {} has {} workers", member.node(), member.workers());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bytes;
mod card;
mod channel;
mod choice;
mod control_link;
mod encounter;
mod enter;
mod error;
mod failure;
mod handshake;
mod host;
mod identity;
mod joined;
mod key;
mod listen;
mod liveness;
mod membership;
mod message;
mod rendezvous;
mod roll;
mod sealed;
mod slurm;
mod watch;
mod wire;

pub use bytes::MessageError;
pub use card::BuildHash;
pub use choice::{ChoiceError, FabricChoice, OnNodeLoss};
pub use error::JoinError;
pub use failure::StartFailure;
pub use identity::{Identity, IdentityError};
pub use joined::Joined;
pub use membership::{Member, Membership};

pub(crate) use channel::{Channel, ChannelError, Door};
pub(crate) use encounter::EncounterError;
pub(crate) use host::nonce;
pub(crate) use joined::{Connections, ControlLink};
pub(crate) use liveness::{Cause, Verdict};
pub(crate) use message::Party;
pub(crate) use watch::Watch;
#[cfg(test)]
mod rig;
