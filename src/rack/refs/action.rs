//! What a node is to do about references.

use super::control::Control;
use super::key::Key;
use super::message::Envelope;
use super::node::Node;
use super::violation::Violation;

/// An output of [`Refs`](super::Refs).
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub(crate) enum Action<P> {
    /// Send this. To a node that is dead it may be left unsent, when there is no way any more.
    Send { to: Node, control: Control },
    /// User code may see this message; each handle in it is now a handle of this node.
    Deliver {
        envelope: Envelope,
        handles: Vec<Handle>,
    },
    /// Nobody in the rack holds this property any more.
    Free { key: Key, property: P },
    /// The owner is dead: the handles of this key that this node has lead nowhere. So do those of
    /// a [`Deliver`](Self::Deliver) from before that is carried out only now.
    Lost(Key),
    /// Take in what has arrived from this dead node, cut it off, then say
    /// [`Drained`](super::Event::Drained).
    Drain(Node),
    /// This node says what no correct node says: drop it as dead.
    Reject { node: Node, violation: Violation },
    /// The others have declared this node dead: it is to end at once, and does nothing more.
    End,
}

/// A handle in a message that is delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Handle {
    /// It leads to a property; its drop is to be told.
    Live(Key),
    /// It leads nowhere, as its owner is dead or has let the property go; its drop is nothing.
    Gone(Key),
}
