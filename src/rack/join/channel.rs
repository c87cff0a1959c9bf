//! Further connections between nodes: each is the channel by which one worker writes to one node.
//!
//! Both sides are machines without I/O: they take what has come and say what is to be sent, until
//! the channel is open. What the writer sends from then on is for the channel's reader alone.

use std::sync::Arc;
use std::time::Instant;

use super::bytes::MessageError;
use super::card::Card;
use super::encounter::{Encounter, EncounterError};
use super::handshake::Nonce;
use super::key::RunKey;
use super::membership::Membership;
use super::message::{ChannelRefusal, ChannelRequest, Message, Party};

/// What a node needs to open channels to others, and to let theirs in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Door(Arc<Inside>);

struct Inside {
    key: RunKey,
    card: Card,
    me: Party,
    /// Each node's process, and how many workers it has.
    nodes: Vec<(Party, u32)>,
}

/// The side that writes the channel.
pub(crate) struct Opening {
    encounter: Encounter,
    deadline: Instant,
}

/// The side that reads it.
pub(crate) struct Admission {
    encounter: Encounter,
    inside: Arc<Inside>,
    deadline: Instant,
}

/// Which channel a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    /// The node that writes it.
    pub(crate) from: Party,
    /// The worker of that node.
    pub(crate) worker: u32,
}

/// Why a channel does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("the connection: {0}")]
    Encounter(#[from] EncounterError),
    #[error("the channel was refused: {0}")]
    Refused(#[from] ChannelRefusal),
    #[error("the channel: {0}")]
    Message(#[from] MessageError),
    #[error("the channel did not open in time")]
    TooSlow,
}

impl Door {
    pub(crate) fn new(key: RunKey, card: Card, me: u32, membership: &Membership) -> Self {
        let nodes = membership.members.iter().map(|member| {
            let party = Party {
                node: member.node,
                incarnation: member.incarnation,
            };
            (party, member.workers)
        });
        let nodes: Vec<_> = nodes.collect();
        let (me, _) = nodes[me as usize];
        Self(Arc::new(Inside {
            key,
            card,
            me,
            nodes,
        }))
    }

    /// Opens the channel of a worker of this node to another node, by a connection to that node's
    /// address. The nonce must be random.
    pub(crate) fn open(&self, worker: u32, to: u32, nonce: &Nonce, deadline: Instant) -> Opening {
        let inside = &*self.0;
        let (to, _) = inside.nodes[to as usize];
        let request = ChannelRequest {
            from: inside.me,
            worker,
            to,
        };
        let mut encounter = Encounter::connect(&inside.key, inside.card, nonce, deadline);
        encounter.send(&Message::Channel(request).to_bytes());
        Opening {
            encounter,
            deadline,
        }
    }

    /// Lets in what has connected to this node's listener. The nonce must be random.
    pub(crate) fn admit(&self, nonce: &Nonce, deadline: Instant) -> Admission {
        Admission {
            encounter: Encounter::accept(&self.0.key, self.0.card, nonce, deadline),
            inside: self.0.clone(),
            deadline,
        }
    }
}

impl Opening {
    /// Takes what has come; `Ok(true)`: the channel is open, and what is written from now on, once
    /// the output is sent, is its first.
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8]) -> Result<bool, ChannelError> {
        self.encounter.handle_bytes(bytes)?;
        let Some(frame) = self.encounter.poll_frame()? else {
            return Ok(false);
        };
        match Message::from_bytes(&frame)? {
            Message::Accepted => Ok(true),
            Message::Refused(refusal) => Err(refusal.into()),
            other => Err(other.unexpected().into()),
        }
    }

    /// See [`Encounter::output`].
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        self.encounter.output()
    }

    /// Ends it if it takes too long. To be asked until the channel is open.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), ChannelError> {
        in_time(now, self.deadline)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Instant {
        self.deadline
    }
}

impl Admission {
    /// Takes what has come. Once it returns a channel or an error, the output is to be sent and
    /// this is done: the channel is open, or the connection is to be closed.
    ///
    /// `is_alive` says of a process in the rack whether it still counts.
    pub(crate) fn handle_bytes(
        &mut self,
        bytes: &[u8],
        is_alive: impl Fn(Party) -> bool,
    ) -> Result<Option<Channel>, ChannelError> {
        self.encounter.handle_bytes(bytes)?;
        let Some(frame) = self.encounter.poll_frame()? else {
            return Ok(None);
        };
        let request = match Message::from_bytes(&frame)? {
            Message::Channel(request) => request,
            other => return Err(other.unexpected().into()),
        };
        // The writer has nothing to write before it has the answer.
        let judged = match self.encounter.rest() {
            0 => self.inside.judge(&request, is_alive),
            more => return Err(MessageError::TooLong(more).into()),
        };
        let answer = match judged {
            Ok(_) => Message::Accepted,
            Err(refusal) => Message::Refused(refusal),
        };
        self.encounter.send(&answer.to_bytes());
        Ok(Some(judged?))
    }

    /// See [`Encounter::output`].
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        self.encounter.output()
    }

    /// Ends it if it takes too long. To be asked until the channel is open.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), ChannelError> {
        in_time(now, self.deadline)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Instant {
        self.deadline
    }
}

fn in_time(now: Instant, deadline: Instant) -> Result<(), ChannelError> {
    match now < deadline {
        true => Ok(()),
        false => Err(ChannelError::TooSlow),
    }
}

impl Inside {
    fn judge(
        &self,
        request: &ChannelRequest,
        is_alive: impl Fn(Party) -> bool,
    ) -> Result<Channel, ChannelRefusal> {
        if request.to != self.me {
            return Err(ChannelRefusal::NotForUs);
        }
        let known = self.nodes.get(request.from.node as usize);
        let is_known = known.is_some_and(|(party, workers)| {
            *party == request.from && request.worker < *workers && *party != self.me
        });
        match is_known {
            false => Err(ChannelRefusal::Unknown),
            true if !is_alive(request.from) => Err(ChannelRefusal::Dead),
            true => Ok(Channel {
                from: request.from,
                worker: request.worker,
            }),
        }
    }
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
