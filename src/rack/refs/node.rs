//! A node, as the others know it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One process of the rack: its number, and which process under that number it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Node {
    pub(crate) number: u32,
    /// Differs between all processes that ever run under this number.
    pub(crate) incarnation: u64,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} ({:x})", self.number, self.incarnation)
    }
}
