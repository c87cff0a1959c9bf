//! The members of the rack, and how far each is dead.

use std::collections::{BTreeMap, BTreeSet};

use super::node::Node;

/// The other nodes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Peers(BTreeMap<Node, Peer>);

/// What this node knows of another; the diagram is in the module's text.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Peer {
    state: State,
    /// The nodes that have settled this one.
    settled: BTreeSet<Node>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum State {
    /// As far as is known.
    Live,
    /// What it has sent is still taken in.
    Dying,
    /// Nothing of it is taken in; what it holds is kept.
    Closed { has_settled: bool },
    /// What it held has been dropped.
    Forgotten,
}

impl Peers {
    pub(super) fn new(nodes: impl IntoIterator<Item = Node>) -> Self {
        let peer = Peer {
            state: State::Live,
            settled: BTreeSet::new(),
        };
        let peers = nodes.into_iter().map(|node| (node, peer.clone()));
        Self(peers.collect())
    }

    /// `None` for who is not a member.
    pub(super) fn state(&self, node: Node) -> Option<State> {
        self.0.get(&node).map(|peer| peer.state)
    }

    /// Whether something that this node has sent, or is asked, can still be taken in.
    pub(super) fn is_open(&self, node: Node) -> bool {
        matches!(self.state(node), Some(State::Live | State::Dying))
    }

    pub(super) fn live(&self) -> impl Iterator<Item = Node> {
        let live = self.0.iter().filter(|(_, peer)| peer.state == State::Live);
        live.map(|(&node, _)| node)
    }

    /// Live → Dying; false if it was known to be dead, or is no member.
    #[must_use]
    pub(super) fn transition_to_dying(&mut self, node: Node) -> bool {
        self.transition(node, State::Live, State::Dying)
    }

    /// Dying → Closed; false in any other state.
    #[must_use]
    pub(super) fn transition_to_closed(&mut self, node: Node) -> bool {
        let closed = State::Closed { has_settled: false };
        self.transition(node, State::Dying, closed)
    }

    /// This node has settled a closed one; false if it had before, or in any other state.
    #[must_use]
    pub(super) fn transition_to_settled(&mut self, node: Node) -> bool {
        let closed = State::Closed { has_settled: false };
        self.transition(node, closed, State::Closed { has_settled: true })
    }

    /// Another node has settled this one.
    pub(super) fn note_settled(&mut self, dead: Node, by: Node) {
        if let Some(peer) = self.0.get_mut(&dead) {
            peer.settled.insert(by);
        }
    }

    /// Closed nodes that this one has not settled.
    pub(super) fn unsettled(&self) -> Vec<Node> {
        let closed = State::Closed { has_settled: false };
        let unsettled = self.0.iter().filter(|(_, peer)| peer.state == closed);
        unsettled.map(|(&node, _)| node).collect()
    }

    /// Closed → Forgotten, of all that every live node has settled; which these are.
    #[must_use]
    pub(super) fn transition_to_forgotten(&mut self) -> Vec<Node> {
        let mut forgotten = Vec::new();
        let settled = State::Closed { has_settled: true };
        if self.0.values().all(|peer| peer.state != settled) {
            return forgotten;
        }
        let live: Vec<Node> = self.live().collect();
        for (&node, peer) in &mut self.0 {
            let is_settled = |node| peer.settled.contains(node);
            if peer.state == settled && live.iter().all(is_settled) {
                peer.state = State::Forgotten;
                peer.settled.clear();
                forgotten.push(node);
            }
        }
        forgotten
    }

    fn transition(&mut self, node: Node, from: State, to: State) -> bool {
        match self.0.get_mut(&node) {
            Some(peer) if peer.state == from => {
                peer.state = to;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
impl Peers {
    pub(super) fn is_live(&self, node: Node) -> bool {
        self.state(node) == Some(State::Live)
    }

    pub(super) fn is_dying(&self, node: Node) -> bool {
        self.state(node) == Some(State::Dying)
    }

    pub(super) fn is_forgotten(&self, node: Node) -> bool {
        self.state(node) == Some(State::Forgotten)
    }

    /// Takes a dead node for a dying one, as no correct node does; returns what it was.
    pub(super) fn reopen(&mut self, node: Node) -> State {
        let peer = self.0.get_mut(&node).expect("it is a member");
        std::mem::replace(&mut peer.state, State::Dying)
    }

    pub(super) fn restore(&mut self, node: Node, state: State) {
        let peer = self.0.get_mut(&node).expect("it is a member");
        peer.state = state;
    }
}
