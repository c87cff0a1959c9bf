//! What the words of a slot mean between processes: images of requests and of results, and their
//! checked readers.
//!
//! ```text
//! request slot:  unused ── records ────────────────────── call0 call1 call2 seal
//! result slot:   unused ── records ───────────────────────────────────────── seal
//! seal           sequence:32 | 0:1 | offset:15 | count:16      offset in words, of the lowest used
//! request        header [property] [call] [payload, padded]..  downward, the header highest
//!   header       call:8 | bulk:1 | same property:1 | kind:6 | more:16 | length:32
//! result         header [payload, padded]..
//!   header       status:8 | bulk:1 | 0:7 | more:16 | length:32
//! ```
//!
//! Records that are alike, of one call, property, kind and length, or of one status and length, are
//! a *run*: one header, which says how many more there are after the first, and their payloads.
//!
//! A call is a number of 64 bits that means something to whoever runs it; the first three of a
//! batch are listed in its trailer, and others follow their headers. A payload that is *bulk* is
//! not in the slot: so many bytes of the link's pieces are it; its length has 48 bits, and no other
//! record is alike.
//!
//! Cost: 16 bytes beside the payload for a request, 8 if it is for the same property as the one
//! before it in the batch, and 8 for a result; nothing if it is like the one before it. A batch is
//! copied out of its slot as a whole before it is looked at, about a third of a nanosecond a word,
//! so that its slot is free at once and nothing is read twice.

mod header;
mod reader;
mod requests;
mod results;

pub(crate) use header::words_of;
pub use header::{INLINE_BYTES_MAX, Property, Request, STATUS_BITS};
pub(crate) use reader::Payloads;
pub use reader::SlotImage;
pub use requests::{Alike, RequestImage, RequestReader, RequestRecord};
pub(crate) use results::Taken;
pub use results::{ResultImage, ResultReader, ResultRecord};

/// Bytes of a slot.
pub const SLOT_BYTES: usize = 1024;

/// Call table entries that a batch names by a short index.
const CALLS: usize = 3;

/// Words of a slot of requests before those that name calls.
const BODY_WORDS: usize = WORDS_UNSEALED - CALLS;

/// Words of a slot without its seal.
pub(crate) const WORDS_UNSEALED: usize = SLOT_BYTES / 8 - 1;

/// Where the bytes of a record are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// In the slot.
    Inline(&'a [u8]),
    /// So many bytes of the link's pieces.
    Bulk(u64),
}
