//! Handles on their way out.

use super::key::Key;
use super::machine::{Out, Refs};
use super::message::{HANDLES_MAX, Header, distinct};
use super::node::Node;
use super::peers::State;

/// Why handles cannot be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SendError {
    /// The receiver is dead; nothing of the message has left.
    #[error("{0} is dead")]
    Dead(Node),
    /// The receiver is this node, or is not a member.
    #[error("{0} is no other node of this rack")]
    NoPeer(Node),
    /// A message may carry so many handles and no more.
    #[error("{0} handles in one message, of at most {HANDLES_MAX}")]
    TooMany(usize),
    /// This node has no handle of this key: it has let it go, or it never led anywhere.
    #[error("{0} has no handle on this node")]
    NoHandle(Key),
    /// The others have declared this node dead.
    #[error("this node was declared dead")]
    Ended,
}

impl<P> Refs<P> {
    /// The header of a message with these handles, by their order in it.
    ///
    /// The handles themselves may go as soon as this has returned: the message holds their
    /// properties on its own, until [`Unsent`](super::Event::Unsent) or for good. A handle that came
    /// as [`Gone`](super::Handle::Gone) has no place in a header.
    ///
    /// # Errors
    /// Nothing has changed then.
    pub(crate) fn send(&mut self, to: Node, handles: Vec<Key>) -> Result<Header, SendError> {
        self.check_sending(to, &handles)?;
        let mut pinned = Vec::new();
        for (key, _) in distinct(&handles) {
            if key.owner == self.me {
                let export = self.exports.find_mut(key.place);
                export.expect("it was just there").holders.grant(to);
            } else if let Some(held) = self.held.get_mut(&key) {
                held.pins += 1;
                pinned.push(key);
            }
            // Else its owner has died, as the receiver will find.
        }
        let is_acknowledged = handles.iter().any(|key| key.owner != self.me);
        let message = self.outbound.pin(to, pinned, is_acknowledged);
        Ok(Header { message, handles })
    }

    fn check_sending(&self, to: Node, handles: &[Key]) -> Result<(), SendError> {
        if self.has_ended {
            return Err(SendError::Ended);
        }
        match self.peers.state(to) {
            Some(State::Live) => {}
            Some(State::Dying | State::Closed { .. } | State::Forgotten) => {
                return Err(SendError::Dead(to));
            }
            None => return Err(SendError::NoPeer(to)),
        }
        if handles.len() > HANDLES_MAX {
            return Err(SendError::TooMany(handles.len()));
        }
        let is_here = |key: &Key| match self.peers.state(key.owner) {
            Some(State::Live | State::Dying) => self.held.contains_key(key),
            Some(State::Closed { .. } | State::Forgotten) => true,
            None => key.owner == self.me && self.exports.find(key.place).is_ok(),
        };
        match handles.iter().find(|key| !is_here(key)) {
            Some(&key) => Err(SendError::NoHandle(key)),
            None => Ok(()),
        }
    }

    /// A message will not leave: what was done for it is undone.
    pub(super) fn handle_unsent(&mut self, to: Node, header: &Header, out: &mut Out<P>) {
        for (key, _) in distinct(&header.handles) {
            if key.owner != self.me {
                continue;
            }
            let Ok(export) = self.exports.find_mut(key.place) else {
                continue;
            };
            let is_taken_back = export.holders.release(to, 1);
            // What a dead node held has been dropped with the rest.
            debug_assert!(is_taken_back || !self.peers.is_open(to));
            self.free_if_unheld(key.place, out);
        }
        let pinned = self.outbound.unpin(to, header.message);
        self.unpin(pinned.unwrap_or_default(), out);
    }

    /// One pin less of each.
    pub(super) fn unpin(&mut self, keys: Vec<Key>, out: &mut Out<P>) {
        for key in keys {
            // A key whose owner has died is not held any more.
            if let Some(held) = self.held.get_mut(&key) {
                held.pins -= 1;
                self.release_if_idle(key, out);
            }
        }
    }
}
