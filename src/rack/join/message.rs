//! What nodes say to each other, once they know each other.

use super::bytes::{MessageError, Reader, Writer};
use super::choice::{FabricChoice, OnNodeLoss};
use super::failure::StartFailure;
use super::identity::NODES_MAX;
use super::liveness::Cause;
use super::membership::{Member, Membership, WORKERS_MAX};

/// A message between nodes that know each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// A node asks node 0 to be in the rack.
    Join(JoinRequest),
    /// Node 0 says that all are there.
    Complete(Membership),
    /// Node 0 says that there will be no rack.
    Failed(StartFailure),
    /// A worker opens the channel by which it writes to a node.
    Channel(ChannelRequest),
    /// The node will read it.
    Accepted,
    /// It will not.
    Refused(ChannelRefusal),
    /// Between node 0 and each other node, while the rack runs.
    Control(Control),
}

/// What a node says of itself when it comes to the rendezvous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinRequest {
    pub(crate) nodes: u32,
    pub(crate) fabric: FabricChoice,
    pub(crate) on_node_loss: OnNodeLoss,
    pub(crate) member: Member,
}

/// Which channel a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelRequest {
    pub(crate) from: Party,
    /// The worker that writes it.
    pub(crate) worker: u32,
    pub(crate) to: Party,
}

/// A node, and which process that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    pub(crate) node: u32,
    pub(crate) incarnation: u64,
}

/// Why a node does not read a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChannelRefusal {
    #[error("it is for another node or another process")]
    NotForUs,
    #[error("it comes from a process or a worker that is not in the rack")]
    Unknown,
    #[error("it comes from a node that was declared dead")]
    Dead,
}

/// What keeps the rack together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// The sender lives.
    Heartbeat,
    /// Node 0 says that a node is dead: nobody listens to it any more.
    Dead { party: Party, cause: Cause },
    /// A node has lost its connection with another; node 0 decides.
    Suspect { party: Party, cause: Cause },
    /// The rack ends, and with this status.
    End { status: i32 },
    /// The sender has ended what it had to do, and goes.
    Leave,
}

impl Message {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        match self {
            Self::Join(request) => {
                to.u8(JOIN).u32(request.nodes);
                to.u8(request.fabric.code()).u8(request.on_node_loss.code());
                request.member.write(&mut to);
            }
            Self::Complete(membership) => membership.write(to.u8(COMPLETE)),
            Self::Failed(failure) => failure.write(to.u8(FAILED)),
            Self::Channel(request) => {
                request.from.write(to.u8(CHANNEL));
                request.to.write(to.u32(request.worker));
            }
            Self::Accepted => {
                to.u8(ACCEPTED);
            }
            Self::Refused(refusal) => {
                to.u8(REFUSED).u8(*refusal as u8);
            }
            Self::Control(control) => control.write(&mut to),
        }
        to.finish()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut from = Reader::new(bytes);
        let message = match from.u8()? {
            JOIN => Self::Join(JoinRequest {
                nodes: from.within("nodes", 1, NODES_MAX)?,
                fabric: from.code("fabric", FabricChoice::from_code)?,
                on_node_loss: from.code("node loss", OnNodeLoss::from_code)?,
                member: Member::read(&mut from)?,
            }),
            COMPLETE => Self::Complete(Membership::read(&mut from)?),
            FAILED => Self::Failed(StartFailure::read(&mut from)?),
            CHANNEL => Self::Channel(ChannelRequest {
                from: Party::read(&mut from)?,
                worker: from.within("worker", 0, WORKERS_MAX - 1)?,
                to: Party::read(&mut from)?,
            }),
            ACCEPTED => Self::Accepted,
            REFUSED => Self::Refused(from.code("refusal", ChannelRefusal::from_code)?),
            kind => Self::Control(Control::read(kind, &mut from)?),
        };
        from.finish()?;
        Ok(message)
    }

    /// What stands for its kind in an error.
    pub(crate) fn unexpected(&self) -> MessageError {
        let kind = self.to_bytes()[0];
        MessageError::Kind(kind)
    }
}

impl Party {
    fn write(self, to: &mut Writer) {
        to.u32(self.node).u64(self.incarnation);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            node: from.within("node", 0, NODES_MAX - 1)?,
            incarnation: from.u64()?,
        })
    }
}

impl ChannelRefusal {
    fn from_code(code: u8) -> Option<Self> {
        [Self::NotForUs, Self::Unknown, Self::Dead]
            .get(usize::from(code))
            .copied()
    }
}

impl Control {
    fn write(self, to: &mut Writer) {
        match self {
            Self::Heartbeat => {
                to.u8(HEARTBEAT);
            }
            Self::Dead { party, cause } => {
                party.write(to.u8(DEAD));
                to.u8(cause as u8);
            }
            Self::Suspect { party, cause } => {
                party.write(to.u8(SUSPECT));
                to.u8(cause as u8);
            }
            Self::End { status } => {
                to.u8(END).u32(status as u32);
            }
            Self::Leave => {
                to.u8(LEAVE);
            }
        }
    }

    fn read(kind: u8, from: &mut Reader<'_>) -> Result<Self, MessageError> {
        Ok(match kind {
            HEARTBEAT => Self::Heartbeat,
            DEAD => Self::Dead {
                party: Party::read(from)?,
                cause: from.code("cause", Cause::from_code)?,
            },
            SUSPECT => Self::Suspect {
                party: Party::read(from)?,
                cause: from.code("cause", Cause::from_code)?,
            },
            END => Self::End {
                status: from.u32()? as i32,
            },
            LEAVE => Self::Leave,
            kind => return Err(MessageError::Kind(kind)),
        })
    }
}

const JOIN: u8 = 1;
const COMPLETE: u8 = 2;
const FAILED: u8 = 3;
const CHANNEL: u8 = 16;
const ACCEPTED: u8 = 17;
const REFUSED: u8 = 18;
const HEARTBEAT: u8 = 32;
const DEAD: u8 = 33;
const SUSPECT: u8 = 34;
const END: u8 = 35;
const LEAVE: u8 = 36;

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
