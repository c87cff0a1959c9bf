//! Messages with pinned handles that are not acknowledged.

use std::collections::BTreeMap;

use super::key::Key;
use super::message::Message;
use super::node::Node;

/// The pins of a node, by message.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Outbound {
    next: Message,
    pinned: BTreeMap<Message, Pinned>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Pinned {
    to: Node,
    keys: Vec<Key>,
}

impl Outbound {
    pub(super) fn new() -> Self {
        Self {
            next: Message(0),
            pinned: BTreeMap::new(),
        }
    }

    /// Numbers a message, and remembers what it pins if it will be acknowledged: that may be
    /// nothing any more, where the receiver has not heard of an owner's death yet.
    pub(super) fn pin(&mut self, to: Node, keys: Vec<Key>, is_acknowledged: bool) -> Message {
        let message = self.next;
        self.next = Message(message.0 + 1);
        if is_acknowledged {
            self.pinned.insert(message, Pinned { to, keys });
        }
        message
    }

    /// The keys that a message to this node has pinned; `None` if it pins nothing.
    pub(super) fn unpin(&mut self, to: Node, message: Message) -> Option<Vec<Key>> {
        let pinned = self.pinned.get(&message)?;
        if pinned.to != to {
            return None;
        }
        self.pinned.remove(&message).map(|pinned| pinned.keys)
    }

    /// The keys that messages to a dead node have pinned, once for each message.
    pub(super) fn forget(&mut self, to: Node) -> Vec<Key> {
        let dead = self.pinned.extract_if(.., |_, pinned| pinned.to == to);
        dead.flat_map(|(_, pinned)| pinned.keys).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.pinned.len()
    }
}
