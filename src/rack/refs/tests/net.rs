//! What is on its way between nodes: in no order, and lost in part when its sender dies.

use crate::rack::refs::{Control, Header};

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Packet {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) load: Load,
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Load {
    Message(Header),
    Control(Control),
}

/// Packets in a fixed order, so that worlds that differ in nothing else are one.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Net(Vec<Packet>);

impl Net {
    pub(super) fn put(&mut self, packet: Packet) {
        let place = self.0.partition_point(|other| *other < packet);
        self.0.insert(place, packet);
    }

    pub(super) fn take(&mut self, index: usize) -> Packet {
        self.0.remove(index)
    }

    pub(super) fn remove_if(&mut self, is_removed: impl Fn(&Packet) -> bool) {
        self.0.retain(|packet| !is_removed(packet));
    }

    pub(super) fn packets(&self) -> &[Packet] {
        &self.0
    }

    /// Each index whose packet is not the same as the one before.
    pub(super) fn distinct(&self) -> impl Iterator<Item = usize> {
        let is_first = |&index: &usize| index == 0 || self.0[index] != self.0[index - 1];
        (0..self.0.len()).filter(is_first)
    }
}
