//! The slots of Gossamer: batches of records, and links.
//!
//! This crate knows nothing of property types or closures: a record is an entry of the call
//! table, a key and some words. It knows nothing of threads either; see [`ClientLink`] and
//! [`TrusteeLink`] for the protocol. Between processes records are bytes, which a fabric moves, and
//! what is read is checked: that is [`rack`].

// Where a word is narrower, the size of a mapping wraps.
#[cfg(not(target_pointer_width = "64"))]
compile_error!("gossamer-transport needs a target with 64-bit pointers");

mod batch;
mod call;
mod image;
mod line;
mod link;
pub mod rack;
mod results;
mod ring;
mod seal;
mod slot;
mod spool;
mod sync;

pub use batch::{Record, Requests, Responses};
pub use call::{CAPTURE_WORDS_MAX, Call, Key, RESULT_WORDS_MAX, Word};
pub use link::{ClientLink, DEPTH, Place, TrusteeLink, link};
pub use results::{Exceptions, Results};
pub use spool::Spool;
