//! The holders of a property, as its owner knows them.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use super::node::Node;

/// The nodes that hold a property, each with the grants that it has not given back.
///
/// ```text
///          grant                       grant
/// absent ────────► holder, 1 grant ────────────► holder, n grants
///    ▲                                                 │
///    └── release of all n, take_back of the last, forget
/// ```
///
/// A grant is on its way to the holder, is with it, or comes back in a release. A holder gives
/// back only what has come, so that its release leaves it a holder as long as one is on its way.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Holders(BTreeMap<Node, NonZeroU64>);

impl Holders {
    pub(super) fn grant(&mut self, node: Node) {
        self.0
            .entry(node)
            .and_modify(|grants| {
                *grants = grants
                    .checked_add(1)
                    .expect("fewer than 2^64 messages were ever sent");
            })
            .or_insert(NonZeroU64::MIN);
    }

    /// Takes `grants` back; false, and nothing is changed, if the node has not that many.
    #[must_use]
    pub(super) fn release(&mut self, node: Node, grants: u64) -> bool {
        let Some(held) = self.0.get_mut(&node) else {
            return false;
        };
        let Some(rest) = held.get().checked_sub(grants).filter(|_| grants > 0) else {
            return false;
        };
        match NonZeroU64::new(rest) {
            Some(rest) => *held = rest,
            None => {
                self.0.remove(&node);
            }
        }
        true
    }

    /// Drops all that a dead node holds; false if it holds nothing.
    pub(super) fn forget(&mut self, node: Node) -> bool {
        self.0.remove(&node).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(super) fn grants(&self, node: Node) -> u64 {
        self.0.get(&node).map_or(0, |grants| grants.get())
    }
}
