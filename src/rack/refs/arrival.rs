//! Handles on their way in: registration, delivery, acknowledgement; and the owner's side of it.

use std::collections::BTreeSet;

use super::action::{Action, Handle};
use super::control::Control;
use super::inbound::Inbound;
use super::key::{Key, Place};
use super::machine::{Out, Refs};
use super::message::{Envelope, HANDLES_MAX, Header, Message, distinct};
use super::node::Node;
use super::peers::State;
use super::violation::Violation;

/// What became of a handle that has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// This node is its owner, or a holder.
    Held,
    /// Its owner has been asked.
    Asked,
    Gone,
}

impl<P> Refs<P> {
    /// Whether to take in what comes from a node; says what is to be done if not.
    pub(super) fn admit(&self, from: Node, out: &mut Out<P>) -> bool {
        match self.peers.state(from) {
            Some(State::Live | State::Dying) => true,
            Some(State::Closed { .. } | State::Forgotten) => {
                let (to, control) = (from, Control::Fenced);
                out.push(Action::Send { to, control });
                false
            }
            None => {
                let violation = Violation::Stranger;
                let node = from;
                out.push(Action::Reject { node, violation });
                false
            }
        }
    }

    pub(super) fn handle_arrived(&mut self, from: Node, header: Header, out: &mut Out<P>) {
        if !self.admit(from, out) {
            return;
        }
        let message = header.message;
        let envelope = Envelope { from, message };
        if let Err(violation) = self.check(envelope, &header) {
            let node = from;
            out.push(Action::Reject { node, violation });
            return;
        }
        let mut inbound = Inbound {
            handles: header.handles,
            missing: 0,
            gone: BTreeSet::new(),
        };
        // What the owner's grants in this message settle for others that wait here.
        let mut granted = Vec::new();
        for (key, count) in distinct(&inbound.handles) {
            let arrival = if key.owner == self.me {
                self.arrive_home(key, count)
            } else if key.owner == from {
                self.arrive_granted(key);
                granted.push(key);
                Arrival::Held
            } else {
                self.arrive_pinned(key, envelope, out)
            };
            match arrival {
                Arrival::Held => {}
                Arrival::Asked => inbound.missing += 1,
                Arrival::Gone => {
                    inbound.gone.insert(key);
                }
            }
        }
        if inbound.missing == 0 {
            self.deliver(envelope, inbound, out);
        } else {
            self.inbound.insert(envelope, inbound);
        }
        for key in granted {
            self.stop_waiting(key, Arrival::Held, out);
        }
    }

    /// Nothing is changed by a message that cannot be meant.
    fn check(&self, envelope: Envelope, header: &Header) -> Result<(), Violation> {
        if header.handles.len() > HANDLES_MAX {
            return Err(Violation::TooManyHandles(header.handles.len()));
        }
        if self.inbound.contains_key(&envelope) {
            return Err(Violation::Twice(envelope.message));
        }
        let is_unknown = |key: &&Key| key.owner != self.me && self.peers.state(key.owner).is_none();
        match header.handles.iter().find(is_unknown) {
            Some(&key) => Err(Violation::UnknownOwner(key)),
            None => Ok(()),
        }
    }

    /// The sender, still pinned, keeps the property here; these handles do from now on.
    fn arrive_home(&mut self, key: Key, count: u64) -> Arrival {
        match self.exports.find_mut(key.place) {
            Ok(export) => {
                export.handles += count;
                Arrival::Held
            }
            Err(_) => Arrival::Gone,
        }
    }

    fn arrive_granted(&mut self, key: Key) {
        let held = self.held.entry(key).or_default();
        held.grants += 1;
        held.arriving += 1;
    }

    fn arrive_pinned(&mut self, key: Key, envelope: Envelope, out: &mut Out<P>) -> Arrival {
        if !self.peers.is_open(key.owner) {
            return Arrival::Gone;
        }
        let held = self.held.entry(key).or_default();
        held.arriving += 1;
        if held.is_holder() {
            return Arrival::Held;
        }
        held.waiting.push(envelope);
        if !held.is_registering {
            held.is_registering = true;
            out.push(Action::Send {
                to: key.owner,
                control: Control::Register(key.place),
            });
        }
        Arrival::Asked
    }

    /// The owner has registered this node.
    pub(super) fn handle_registered(
        &mut self,
        key: Key,
        out: &mut Out<P>,
    ) -> Result<(), Violation> {
        let unfounded = Violation::Unfounded(Control::Registered(key.place));
        let held = self.held.get_mut(&key).filter(|held| held.is_registering);
        let held = held.ok_or(unfounded)?;
        held.is_registering = false;
        held.grants += 1;
        self.stop_waiting(key, Arrival::Held, out);
        // All that had waited may have got the owner's word by another grant, and be gone again.
        self.release_if_idle(key, out);
        Ok(())
    }

    /// The owner has no such property any more.
    pub(super) fn handle_gone(&mut self, key: Key, out: &mut Out<P>) -> Result<(), Violation> {
        let unfounded = Violation::Unfounded(Control::Gone(key.place));
        let held = self.held.get_mut(&key);
        // What it has granted, it cannot have let go.
        let held = held.filter(|held| held.is_registering && !held.is_holder());
        held.ok_or(unfounded)?.is_registering = false;
        self.stop_waiting(key, Arrival::Gone, out);
        self.release_if_idle(key, out);
        Ok(())
    }

    /// Of the messages that wait for the owner's word on a key, delivers those that now have all.
    pub(super) fn stop_waiting(&mut self, key: Key, arrival: Arrival, out: &mut Out<P>) {
        let Some(held) = self.held.get_mut(&key) else {
            return;
        };
        let waiting = std::mem::take(&mut held.waiting);
        let is_gone = arrival == Arrival::Gone;
        if is_gone {
            held.arriving -= waiting.len() as u64;
        }
        for envelope in waiting {
            let inbound = self.inbound.get_mut(&envelope);
            let inbound = inbound.expect("a message that waits is there");
            inbound.missing -= 1;
            if is_gone {
                inbound.gone.insert(key);
            }
            if inbound.missing == 0 {
                let inbound = self.inbound.remove(&envelope);
                self.deliver(envelope, inbound.expect("it was just there"), out);
            }
        }
        self.settle(out);
    }

    /// Hands a message to user code, and acknowledges it if its sender has pinned anything.
    fn deliver(&mut self, envelope: Envelope, inbound: Inbound, out: &mut Out<P>) {
        let Inbound {
            handles, mut gone, ..
        } = inbound;
        for (key, count) in distinct(&handles) {
            if key.owner == self.me || gone.contains(&key) {
                continue;
            }
            match self.held.get_mut(&key) {
                Some(held) => {
                    held.arriving -= 1;
                    held.handles += count;
                }
                // The owner was heard of, and died while the message waited for another one.
                None => {
                    gone.insert(key);
                }
            }
        }
        let from = envelope.from;
        let is_pinned = handles.iter().any(|key| key.owner != from);
        let handle = |key| {
            if gone.contains(&key) {
                Handle::Gone(key)
            } else {
                Handle::Live(key)
            }
        };
        let handles = handles.into_iter().map(handle).collect();
        out.push(Action::Deliver { envelope, handles });
        if is_pinned && self.peers.is_open(from) {
            out.push(Action::Send {
                to: from,
                control: Control::Acknowledge(envelope.message),
            });
        }
    }

    /// The receiver of a message has registered its handles.
    pub(super) fn handle_acknowledge(
        &mut self,
        from: Node,
        message: Message,
        out: &mut Out<P>,
    ) -> Result<(), Violation> {
        let unfounded = Violation::Unfounded(Control::Acknowledge(message));
        let pinned = self.outbound.unpin(from, message).ok_or(unfounded)?;
        self.unpin(pinned, out);
        Ok(())
    }

    /// At the owner: a node asks for a grant.
    pub(super) fn handle_register(&mut self, from: Node, place: Place, out: &mut Out<P>) {
        let control = match self.exports.find_mut(place) {
            Ok(export) => {
                export.holders.grant(from);
                Control::Registered(place)
            }
            Err(_) => Control::Gone(place),
        };
        out.push(Action::Send { to: from, control });
    }

    /// At the owner: a node gives grants back.
    pub(super) fn handle_release(
        &mut self,
        from: Node,
        place: Place,
        grants: u64,
        out: &mut Out<P>,
    ) -> Result<(), Violation> {
        let unfounded = Violation::Unfounded(Control::Release { place, grants });
        let export = self.exports.find_mut(place).map_err(|_| unfounded)?;
        if !export.holders.release(from, grants) {
            return Err(unfounded);
        }
        self.free_if_unheld(place, out);
        Ok(())
    }
}
