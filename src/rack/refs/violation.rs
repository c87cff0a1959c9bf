//! What no correct node says.

use super::control::Control;
use super::key::Key;
use super::message::{HANDLES_MAX, Message};
use super::node::Node;

/// Why a peer is not to be listened to any longer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Violation {
    /// It has more handles in one message than is allowed.
    #[error("a message with {0} handles, more than {HANDLES_MAX}")]
    TooManyHandles(usize),
    /// It sent the same message twice.
    #[error("message {} twice", .0.0)]
    Twice(Message),
    /// It sent a handle of a node that is not a member.
    #[error("a handle to {0}, whose owner is not a member")]
    UnknownOwner(Key),
    /// It speaks of a node that is not a member.
    #[error("word of {0}, which is not a member")]
    UnknownNode(Node),
    /// It answers what was not asked, gives back what it has not, or says what has no sense.
    #[error("{0:?}, which nothing has led to")]
    Unfounded(Control),
    /// It is not a member itself.
    #[error("not a member")]
    Stranger,
}
