//! What nodes say to each other about references.

use serde::{Deserialize, Serialize};

use super::key::Place;
use super::message::Message;
use super::node::Node;

/// A message of the protocol. Its sender is known by the connection that it comes from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) enum Control {
    /// To the owner: a handle has come to the sender from a third node.
    Register(Place),
    /// From the owner: the receiver is a holder now.
    Registered(Place),
    /// From the owner: there is no such property any more.
    Gone(Place),
    /// To the sender of a message: its handles are registered with their owners.
    Acknowledge(Message),
    /// To the owner: the sender has no handle left, and gives back so many grants.
    Release { place: Place, grants: u64 },
    /// This node is dead: nothing that it has sent waits at the sender any more, or will.
    Settled(Node),
    /// The receiver was declared dead: it is to end itself.
    Fenced,
}
