//! The references of a node.

use std::collections::BTreeMap;

use super::action::Action;
use super::control::Control;
use super::event::Event;
use super::exports::{ExportError, Exports, NotThere};
use super::held::Held;
use super::inbound::Inbound;
use super::key::{Key, Place};
use super::message::Envelope;
use super::node::Node;
use super::outbound::Outbound;
use super::peers::Peers;
use super::violation::Violation;

/// What a node knows of references: its own properties that others hold, and those of others that
/// it holds. `P` is what it keeps of an exported property, which keeps that alive.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Refs<P> {
    pub(super) me: Node,
    /// It was declared dead.
    pub(super) has_ended: bool,
    pub(super) peers: Peers,
    pub(super) exports: Exports<P>,
    /// Of other nodes only; those of a closed owner are not there.
    pub(super) held: BTreeMap<Key, Held>,
    /// Messages that wait for an owner's word.
    pub(super) inbound: BTreeMap<Envelope, Inbound>,
    pub(super) outbound: Outbound,
}

/// Where actions go.
pub(super) type Out<P> = Vec<Action<P>>;

impl<P> Refs<P> {
    /// Those of node `me` in a rack of these members, which may name `me` or not.
    pub(crate) fn new(me: Node, members: impl IntoIterator<Item = Node>) -> Self {
        let others = members.into_iter().filter(|&node| node != me);
        Self {
            me,
            has_ended: false,
            peers: Peers::new(others),
            exports: Exports::new(),
            held: BTreeMap::new(),
            inbound: BTreeMap::new(),
            outbound: Outbound::new(),
        }
    }

    /// Gives a property a name, and this node a handle of it.
    ///
    /// A property should have one name at a time: who exports it again while it has one says
    /// [`Cloned`](Event::Cloned) instead.
    pub(crate) fn export(&mut self, property: P) -> Result<Key, ExportError> {
        if self.has_ended {
            return Err(ExportError::Ended);
        }
        let place = self.exports.export(property)?;
        let owner = self.me;
        Ok(Key { owner, place })
    }

    /// What was exported under this name, for a request that has come.
    pub(crate) fn find(&self, place: Place) -> Result<&P, NotThere> {
        self.exports.find(place).map(|export| &export.property)
    }

    /// Whether a message that has come waits for an owner's word.
    pub(crate) fn is_waiting(&self, envelope: Envelope) -> bool {
        self.inbound.contains_key(&envelope)
    }

    /// Whether this node was fenced: no word of others is taken in any more, and nothing delivered.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// How many properties of this node are exported.
    pub(crate) fn exported(&self) -> usize {
        self.exports.len()
    }

    /// How many properties of other nodes are held here.
    pub(crate) fn holding(&self) -> usize {
        self.held.len()
    }

    /// How many messages wait: here for an owner's word, and elsewhere to be acknowledged.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.inbound.len(), self.outbound.len())
    }

    /// Takes an event in, and appends what is to be done to `out`.
    pub(crate) fn handle(&mut self, event: Event, out: &mut Vec<Action<P>>) {
        if self.has_ended {
            return;
        }
        match event {
            Event::Cloned(key) => self.handle_cloned(key),
            Event::Dropped(key) => self.handle_dropped(key, out),
            Event::Unsent { to, header } => self.handle_unsent(to, &header, out),
            Event::Arrived { from, header } => self.handle_arrived(from, header, out),
            Event::Control { from, control } => self.handle_control(from, control, out),
            Event::Died(node) => self.handle_died(node, out),
            Event::Drained(node) => self.handle_drained(node, out),
        }
    }

    fn handle_cloned(&mut self, key: Key) {
        if key.owner == self.me {
            let export = self.exports.find_mut(key.place);
            export.expect("a handle that is cloned is there").handles += 1;
        } else if let Some(held) = self.held.get_mut(&key) {
            held.handles += 1;
        } else {
            self.assert_lost(key);
        }
    }

    fn handle_dropped(&mut self, key: Key, out: &mut Out<P>) {
        if key.owner == self.me {
            let export = self.exports.find_mut(key.place);
            let export = export.expect("a handle that is dropped was there");
            export.handles = export.handles.checked_sub(1).expect(DROPPED_TWICE);
            self.free_if_unheld(key.place, out);
        } else if let Some(held) = self.held.get_mut(&key) {
            held.handles = held.handles.checked_sub(1).expect(DROPPED_TWICE);
            self.release_if_idle(key, out);
        } else {
            self.assert_lost(key);
        }
    }

    /// A handle that user code has is missing here only if its owner has died.
    fn assert_lost(&self, key: Key) {
        assert!(
            !self.peers.is_open(key.owner),
            "{key} has no handle on this node"
        );
    }

    fn handle_control(&mut self, from: Node, control: Control, out: &mut Out<P>) {
        if control == Control::Fenced && self.peers.state(from).is_some() {
            // From a member that this node holds dead, too: it was fenced for good.
            self.has_ended = true;
            out.push(Action::End);
            return;
        }
        if !self.admit(from, out) {
            return;
        }
        let theirs = |place| Key { owner: from, place };
        let outcome = match control {
            Control::Register(place) => {
                self.handle_register(from, place, out);
                Ok(())
            }
            Control::Registered(place) => self.handle_registered(theirs(place), out),
            Control::Gone(place) => self.handle_gone(theirs(place), out),
            Control::Acknowledge(message) => self.handle_acknowledge(from, message, out),
            Control::Release { place, grants } => self.handle_release(from, place, grants, out),
            Control::Settled(node) => self.handle_settled(node, from, out),
            Control::Fenced => Err(Violation::Unfounded(control)),
        };
        if let Err(violation) = outcome {
            let node = from;
            out.push(Action::Reject { node, violation });
        }
    }

    /// Lets an own property go, if nobody holds it any more.
    pub(super) fn free_if_unheld(&mut self, place: Place, out: &mut Out<P>) {
        if let Some(property) = self.exports.free_if_unheld(place) {
            let owner = self.me;
            let key = Key { owner, place };
            out.push(Action::Free { key, property });
        }
    }

    /// Gives all grants of another's property back, if nothing here needs it any more.
    pub(super) fn release_if_idle(&mut self, key: Key, out: &mut Out<P>) {
        if !self.held.get(&key).is_some_and(Held::is_idle) {
            return;
        }
        let held = self.held.remove(&key).expect("it was just there");
        if held.is_holder() {
            let control = Control::Release {
                place: key.place,
                grants: held.grants,
            };
            out.push(Action::Send {
                to: key.owner,
                control,
            });
        }
    }
}

#[cfg(test)]
impl<P> Refs<P> {
    /// Whether anything that comes from this node is to be taken in.
    pub(crate) fn is_open(&self, node: Node) -> bool {
        !self.has_ended && self.peers.is_open(node)
    }
}

const DROPPED_TWICE: &str = "each handle is dropped once";
