//! The references of a node, shared by its workers: which of its properties others hold, and which
//! of theirs it holds.
//!
//! The protocol is that of refs/; here it meets trusts, threads and links. **Invariant:** no trust
//! is dropped, nothing is sent and no other code runs under the lock.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::rack::envelope::{Relative, Table};
use crate::rack::failpoints::reach;
use crate::rack::handles::{Exportable, Handle};
use crate::rack::refs::{
    self, Action, Envelope, Event, Header, Key, Moment, Node, Refs, SendError,
};
use crate::rack::remote::{Home, PropertyId, Remote};
use crate::shared::Shared;

/// The references of a node.
pub(crate) struct References(Mutex<State>);

struct State {
    me: Node,
    refs: Refs<Arc<dyn Exportable>>,
    /// What an own property is called, by its address.
    keys: HashMap<usize, Key>,
    /// Which worker waits for which message's delivery.
    waiting: HashMap<Envelope, u32>,
}

/// What is to be done once the lock is open.
pub(crate) type Actions = Vec<Action<Arc<dyn Exportable>>>;

/// Whether the payload of a message may be looked at.
#[must_use]
#[derive(Debug)]
pub(crate) enum Arrival {
    Deliver(Vec<refs::Handle>),
    /// The worker is told when it may.
    Wait(Envelope),
    /// It is never delivered: it cannot be meant, or nothing of its sender counts any more.
    Refused,
}

impl References {
    pub(crate) fn new(me: Node, members: impl IntoIterator<Item = Node>) -> Self {
        Self(Mutex::new(State::new(me, members)))
    }

    /// What was exported under this name.
    pub(crate) fn find(&self, id: PropertyId) -> Option<Arc<dyn Exportable>> {
        let state = self.lock();
        state.refs.find(id).ok().cloned()
    }

    /// Readies the trusts of a message to `to` for their way; the trusts themselves may go then.
    pub(crate) fn pack(&self, to: Node, handles: &[Handle]) -> (Result<Table, SendError>, Actions) {
        let mut state = self.lock();
        let mut actions = Vec::new();
        let mut keys = Vec::with_capacity(handles.len());
        let mut relatives = Vec::with_capacity(handles.len());
        let mut exported = Vec::new();
        for handle in handles {
            let (key, relative) = match handle {
                Handle::Here(trust) => match state.name(trust) {
                    Ok(key) => {
                        exported.push(key);
                        (key, Relative::of(&**trust))
                    }
                    // As many as there can be are exported.
                    Err(_) => continue,
                },
                Handle::There(remote) => (
                    remote.key(),
                    Relative {
                        worker: remote.home().worker,
                        type_word: remote.type_word(),
                    },
                ),
            };
            keys.push(key);
            relatives.push(relative);
        }
        let header = match keys.len() == handles.len() {
            true => state.refs.send(to, keys),
            false => Err(SendError::TooMany(handles.len())),
        };
        for key in exported {
            state.handle(Event::Dropped(key), &mut actions);
        }
        drop(state);
        (header.map(|header| Table { header, relatives }), actions)
    }

    /// A message with trusts has come to a worker.
    pub(crate) fn arrived(&self, from: Node, header: Header, worker: u32) -> (Arrival, Actions) {
        let envelope = Envelope {
            from,
            message: header.message,
        };
        let mut actions = Vec::new();
        let mut state = self.lock();
        state.handle(Event::Arrived { from, header }, &mut actions);
        let own = |action: &Action<_>| matches!(action, Action::Deliver { envelope: other, .. } if *other == envelope);
        if let Some(at) = actions.iter().position(own)
            && let Action::Deliver { handles, .. } = actions.swap_remove(at)
        {
            return (Arrival::Deliver(handles), actions);
        }
        let is_rejected = |action: &Action<_>| matches!(action, Action::Reject { .. });
        if actions.iter().any(is_rejected) || !state.refs.is_waiting(envelope) {
            return (Arrival::Refused, actions);
        }
        state.waiting.insert(envelope, worker);
        (Arrival::Wait(envelope), actions)
    }

    /// Something else has happened.
    pub(crate) fn handle(&self, event: Event) -> Actions {
        let mut actions = Vec::new();
        self.lock().handle(event, &mut actions);
        actions
    }

    /// The worker that waits for a message's delivery.
    pub(crate) fn take_waiting(&self, envelope: Envelope) -> Option<u32> {
        self.lock().waiting.remove(&envelope)
    }

    /// Whether nothing is delivered any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().refs.has_ended()
    }

    /// How many properties of this node are exported, how many of others it holds, and how many
    /// messages wait.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let state = self.lock();
        let (inbound, outbound) = state.refs.waiting();
        (
            state.refs.exported(),
            state.refs.holding(),
            inbound + outbound,
        )
    }

    /// Lets all go: nobody asks any more.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        let me = state.me;
        let ended = std::mem::replace(&mut *state, State::new(me, []));
        drop(state);
        drop(ended);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(me: Node, members: impl IntoIterator<Item = Node>) -> Self {
        Self {
            me,
            refs: Refs::new(me, members),
            keys: HashMap::new(),
            waiting: HashMap::new(),
        }
    }

    fn handle(&mut self, event: Event, actions: &mut Actions) {
        let before = actions.len();
        let step = event.step();
        reach(Moment::Before.of(step));
        self.refs.handle(event, actions);
        reach(Moment::After.of(step));
        for action in &actions[before..] {
            if let Action::Free { key, property } = action {
                let address = property.address();
                if self.keys.get(&address) == Some(key) {
                    self.keys.remove(&address);
                }
            }
        }
    }

    /// The name of an own property, with one more handle of this node.
    fn name(&mut self, trust: &Arc<dyn Exportable>) -> Result<Key, refs::ExportError> {
        if let Some(&key) = self.keys.get(&trust.address()) {
            // A name is there as long as the property is exported.
            self.handle(Event::Cloned(key), &mut Vec::new());
            return Ok(key);
        }
        let key = self.refs.export(Arc::clone(trust))?;
        self.keys.insert(trust.address(), key);
        Ok(key)
    }
}

/// Turns the handles of a message that is delivered into trusts.
pub(crate) fn trusts(
    shared: &Arc<Shared>,
    handles: &[refs::Handle],
    relatives: &[Relative],
) -> Vec<Handle> {
    let peers = shared.rack().peers();
    let trust = |(handle, relative): (&refs::Handle, &Relative)| {
        let (key, is_live) = match *handle {
            refs::Handle::Live(key) => (key, true),
            refs::Handle::Gone(key) => (key, false),
        };
        let home = Home {
            node: key.owner.number,
            worker: relative.worker,
        };
        let remote = || {
            let remote = Remote::new(Arc::clone(shared), home, key, relative.type_word, is_live);
            Handle::There(Arc::new(remote))
        };
        if home.node != shared.rack().id() {
            return remote();
        }
        let found = peers.and_then(|peers| peers.references().find(key.place));
        let Some(trust) = found else {
            return remote();
        };
        if let (Some(peers), true) = (peers, is_live) {
            // The plain trust keeps the property from here on.
            peers.carry_out(shared, peers.references().handle(Event::Dropped(key)));
        }
        Handle::Here(trust)
    };
    handles.iter().zip(relatives).map(trust).collect()
}

impl Relative {
    fn of(trust: &dyn Exportable) -> Self {
        Self {
            worker: trust.worker(),
            type_word: trust.type_word(),
        }
    }
}

impl fmt::Debug for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("References").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rack::refs::Message;

    /// A message for which nobody would ever be told that it may be looked at.
    #[test]
    fn message_of_a_stranger() {
        let node = |number| Node {
            number,
            incarnation: 1,
        };
        let references = References::new(node(0), [node(0), node(1)]);
        let header = Header {
            message: Message(1),
            handles: Vec::new(),
        };
        let (arrival, actions) = references.arrived(node(2), header, 0);
        assert!(matches!(arrival, Arrival::Refused), "{arrival:?}");
        assert!(matches!(actions[..], [Action::Reject { .. }]));
    }
}
