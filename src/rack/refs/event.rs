//! What happens to a node's references.

use super::control::Control;
use super::key::Key;
use super::message::Header;
use super::node::Node;

/// An input of [`Refs`](super::Refs).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    /// A handle of this node was cloned.
    Cloned(Key),
    /// A handle of this node went.
    Dropped(Key),
    /// A message with handles will not leave, and no part of it has.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "a message whose header is made always leaves, by now"
        )
    )]
    Unsent { to: Node, header: Header },
    /// A message with handles has come.
    Arrived { from: Node, header: Header },
    /// A message of the protocol has come.
    Control { from: Node, control: Control },
    /// A node is dead, as its connections or its silence say.
    Died(Node),
    /// Nothing more will be taken in from a dead node.
    Drained(Node),
}
