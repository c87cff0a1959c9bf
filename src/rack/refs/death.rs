//! What follows from the death of a node.

use super::action::Action;
use super::arrival::Arrival;
use super::control::Control;
use super::key::Key;
use super::machine::{Out, Refs};
use super::node::Node;
use super::violation::Violation;

impl<P> Refs<P> {
    /// A node is dead, as its connections say.
    pub(super) fn handle_died(&mut self, node: Node, out: &mut Out<P>) {
        if self.peers.transition_to_dying(node) {
            out.push(Action::Drain(node));
        }
    }

    /// Nothing more will be taken in from a dead node.
    pub(super) fn handle_drained(&mut self, node: Node, out: &mut Out<P>) {
        if !self.peers.transition_to_closed(node) {
            return;
        }
        out.push(Action::Send {
            to: node,
            control: Control::Fenced,
        });
        self.lose(node, out);
        let pinned = self.outbound.forget(node);
        self.unpin(pinned, out);
        // The living are fewer, too: they may all have settled another dead node.
        self.settle(out);
    }

    /// What the dead node owned is gone.
    fn lose(&mut self, owner: Node, out: &mut Out<P>) {
        let keys = self.held.keys().filter(|key| key.owner == owner);
        let keys: Vec<Key> = keys.copied().collect();
        for key in keys {
            self.stop_waiting(key, Arrival::Gone, out);
            let held = self.held.remove(&key).expect("it was just there");
            if held.handles > 0 {
                out.push(Action::Lost(key));
            }
        }
    }

    /// Another node has settled a dead one, of whose death this node may learn by that.
    pub(super) fn handle_settled(
        &mut self,
        dead: Node,
        by: Node,
        out: &mut Out<P>,
    ) -> Result<(), Violation> {
        if self.peers.state(dead).is_none() {
            return Err(Violation::UnknownNode(dead));
        }
        if dead == by {
            return Err(Violation::Unfounded(Control::Settled(dead)));
        }
        self.peers.note_settled(dead, by);
        self.handle_died(dead, out);
        self.forget_settled(out);
        Ok(())
    }

    /// Says of each closed node of which nothing waits here any more that it is settled.
    pub(super) fn settle(&mut self, out: &mut Out<P>) {
        for dead in self.peers.unsettled() {
            if self.inbound.keys().any(|envelope| envelope.from == dead) {
                continue;
            }
            if self.peers.transition_to_settled(dead) {
                let control = Control::Settled(dead);
                let sends = self.peers.live().map(|to| Action::Send { to, control });
                out.extend(sends);
            }
        }
        self.forget_settled(out);
    }

    /// Drops what those dead nodes held that every live node has settled.
    fn forget_settled(&mut self, out: &mut Out<P>) {
        for dead in self.peers.transition_to_forgotten() {
            for place in self.exports.forget(dead) {
                self.free_if_unheld(place, out);
            }
        }
    }
}
