//! What a world must not come to.

use crate::rack::refs::Violation;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// A node that all hold alive has a handle of a property that is not there.
    WildHandle { node: usize, property: usize },
    /// A message that can still be taken in has a handle of a property that is not there.
    WildMessage { to: usize, property: usize },
    /// A node with handles is no holder.
    NoHolder { node: usize, property: usize },
    /// The handle of a living property came as gone.
    GoneTooEarly { node: usize, property: usize },
    /// A property was let go twice, or under another's name.
    FreedTwice { property: usize },
    /// A node found that another says what no correct node says.
    Rejected {
        node: usize,
        peer: usize,
        violation: Violation,
    },
    /// Nothing is left to happen, and a property without handles is there.
    Leaked { property: usize },
    /// Nothing is left to happen, and a property with handles is not there.
    Freed { property: usize },
    /// Nothing is left to happen, and a node has other handles than its user.
    Miscounted { node: usize },
    /// Nothing is left to happen, and a message waits, pinned or not delivered.
    Stuck { node: usize },
    /// Nothing is left to happen, and a dead node is not forgotten.
    Remembered { node: usize, dead: usize },
    /// Nothing is left to happen, and a node that is held dead goes on.
    NotFenced { node: usize },
}
