//! A message with handles that waits for the word of their owners.

use std::collections::BTreeSet;

use super::key::Key;

/// A message that has come and is not delivered.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Inbound {
    pub(super) handles: Vec<Key>,
    /// Of how many keys the owner's word is missing.
    pub(super) missing: usize,
    /// Keys that lead nowhere.
    pub(super) gone: BTreeSet<Key>,
}
