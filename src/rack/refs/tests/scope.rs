//! How large a world is, and how much may happen in it.

use super::rules::Rule;

#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) nodes: usize,
    /// By property, its owner.
    pub(super) owners: &'static [usize],
    /// By message, the properties whose handles it carries.
    pub(super) tables: &'static [&'static [usize]],
    pub(super) budget: Budget,
    /// The rule that is taken away.
    pub(super) without: Option<Rule>,
}

/// How often something may still happen.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Budget {
    pub(super) sends: u8,
    pub(super) clones: u8,
    /// Messages that are given up before they have left.
    pub(super) unsent: u8,
    /// Processes that end, or are wrongly declared dead.
    pub(super) deaths: u8,
    /// How many of the deaths may be wrong.
    pub(super) mistakes: u8,
    /// Properties that are exported later.
    pub(super) exports: u8,
}

impl Budget {
    pub(super) const NONE: Self = Self {
        sends: 0,
        clones: 0,
        unsent: 0,
        deaths: 0,
        mistakes: 0,
        exports: 0,
    };
}
