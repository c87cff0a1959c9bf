//! The slots of Gossamer: batches of records, links, and the fabrics that move them.
//!
//! This crate knows nothing of property types or closures: a record is an entry of the call
//! table, a key and some words. It knows nothing of threads either; see [`ClientLink`] and
//! [`TrusteeLink`] for the protocol and [`Fabric`] for what moves its slot images. Between processes
//! records are bytes, and what is read is checked: that is [`rack`].

// Where a word is narrower, the size of a mapping wraps.
#[cfg(not(target_pointer_width = "64"))]
compile_error!("gossamer-transport needs a target with 64-bit pointers");

mod batch;
mod call;
mod fabric;
mod image;
mod link;
pub mod rack;
mod ring;
mod slot;
mod spool;
mod sync;

pub use batch::{Record, Requests, Responses};
pub use call::{CAPTURE_WORDS_MAX, Call, Key, RESULT_WORDS_MAX, Word};
pub use fabric::{Fabric, memory};
pub use image::{Exceptions, Image};
pub use link::{ClientLink, Place, TrusteeLink};
pub use slot::SLOT_BYTES;
pub use spool::Spool;
