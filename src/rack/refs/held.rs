//! What a node has of a property of another node.

use super::message::Envelope;

/// A property of another node, as long as anything here needs it.
///
/// ```text
///            arrived from its owner: granted
///  absent ──────────────────────────────────────► holder ◄──┐ granted again
///    │                                             │  ▲ └────┘
///    │ arrived from a third node                   │  │
///    └───────────────► registering ────────────────┼──┘ Registered: granted
///                          │                       │
///                          │ Gone                  │ no handle, pin or waiting message left
///                          ▼                       ▼
///                        absent                  absent, and a release of all grants
/// ```
///
/// A node may be holder and registering at a time, when a grant has overtaken the owner's answer.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Held {
    /// Handles that user code has.
    pub(super) handles: u64,
    /// Messages to others with a handle that are not acknowledged.
    pub(super) pins: u64,
    /// Messages from others with a handle that are not delivered.
    pub(super) arriving: u64,
    /// Grants that have come and were not given back.
    pub(super) grants: u64,
    /// The owner was asked and has not answered.
    pub(super) is_registering: bool,
    /// Those of the arriving messages that wait for the owner's word on this key.
    pub(super) waiting: Vec<Envelope>,
}

impl Held {
    /// Whether the owner counts this node as a holder until it releases.
    pub(super) fn is_holder(&self) -> bool {
        self.grants > 0
    }

    /// Whether nothing here needs the property, and no answer is due.
    pub(super) fn is_idle(&self) -> bool {
        self.handles == 0 && self.pins == 0 && self.arriving == 0 && !self.is_registering
    }
}
