//! What an exported property is called across nodes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::node::Node;

/// The name of an exported property, never given again while its owner lives.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Key {
    pub(crate) owner: Node,
    pub(crate) place: Place,
}

/// Where an exported property stands in its owner's table.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Place {
    pub(crate) index: u32,
    /// How many properties have stood there before.
    pub(crate) generation: u32,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "property {} of {}", self.place, self.owner)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}
