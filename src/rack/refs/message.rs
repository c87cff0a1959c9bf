//! A message that carries handles.

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::node::Node;

/// The number of a message with handles, counted by its sender.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Message(pub(crate) u64);

/// What a message with handles says of them, ahead of its bytes.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Header {
    pub(crate) message: Message,
    /// By the order in which the handles stand in the message; one that is in it twice is here
    /// twice.
    pub(crate) handles: Vec<Key>,
}

/// A message, as its receiver knows it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Envelope {
    pub(crate) from: Node,
    pub(crate) message: Message,
}

/// Each handle in turn as the first of its key, with how often the key is there.
pub(super) fn distinct(handles: &[Key]) -> impl Iterator<Item = (Key, u64)> {
    let mut sorted = handles.to_vec();
    sorted.sort_unstable();
    let mut rest = sorted.into_iter().peekable();
    std::iter::from_fn(move || {
        let key = rest.next()?;
        let mut count = 1;
        while rest.next_if_eq(&key).is_some() {
            count += 1;
        }
        Some((key, count))
    })
}

/// How many handles one message may carry.
pub(crate) const HANDLES_MAX: usize = 1 << 16;
