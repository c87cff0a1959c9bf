//! A node that is in its rack.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use super::card::Card;
use super::channel::Door;
use super::choice::FabricChoice;
use super::encounter::Sealed;
use super::enter::enter;
use super::error::JoinError;
use super::host;
use super::identity::{Identity, Meeting};
use super::listen;
use super::membership::Membership;
use super::message::JoinRequest;
use super::rendezvous::Gathering;
use super::roll::Roll;

/// A process that is a node of a complete rack. Its connections end when it is dropped.
///
/// ```
/// let joined = gossamer::rack::join::Identity::from_env()?.join(2)?;
/// assert_eq!((joined.node(), joined.membership().members().len()), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Joined {
    identity: Identity,
    membership: Membership,
    /// Of a rack of more than one.
    connections: Option<Connections>,
}

/// By what a node reaches the others.
pub(crate) struct Connections {
    /// What authenticates channels, of both sides.
    pub(crate) door: Door,
    /// Where channels come in. It does not block.
    pub(crate) listener: TcpListener,
    /// Node 0: one for each other node, in order. The others: one, to node 0.
    pub(crate) controls: Vec<ControlLink>,
}

/// The connection between node 0 and another node, for as long as both live. It does not block.
pub(crate) struct ControlLink {
    /// Who is at the other end.
    pub(crate) node: u32,
    pub(crate) stream: TcpStream,
    pub(crate) sealed: Sealed,
}

impl Identity {
    /// Meets the other nodes, and returns when all are there, in good time or with an error.
    ///
    /// `workers` is how many workers this node has, which the others learn. It blocks the thread:
    /// until all have come, there is nothing that could be done meanwhile.
    ///
    /// See the example of [`Joined`].
    ///
    /// # Errors
    /// [`JoinError`] says what is wrong, on this side and, as far as there is an other side, there.
    ///
    /// # Panics
    /// If `workers` is not from 1 to 1024.
    pub fn join(&self, workers: usize) -> Result<Joined, JoinError> {
        let allowed = 1..=super::membership::WORKERS_MAX;
        let workers = u32::try_from(workers).ok().filter(|n| allowed.contains(n));
        let workers = workers.expect("a node has 1 to 1024 workers");
        let (membership, connections) = match &self.meeting {
            None => (self.alone(workers)?, None),
            Some(meeting) => {
                let card = Card::of_this_process()
                    .map_err(JoinError::system("the executable cannot be read"))?;
                let (membership, connections) = match self.node {
                    0 => self.gather(meeting, card, workers)?,
                    _ => self.enter(meeting, card, workers)?,
                };
                (membership, Some(connections))
            }
        };
        Ok(Joined {
            identity: self.clone(),
            membership,
            connections,
        })
    }

    /// Whether it is to be a rack of one, which meets nobody.
    pub(crate) fn is_alone(&self) -> bool {
        self.meeting.is_none()
    }

    fn alone(&self, workers: u32) -> Result<Membership, JoinError> {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(Membership {
            run: host::random_number()?,
            members: vec![host::this_process(0, workers, nowhere, FabricChoice::Tcp)?],
        })
    }

    fn gather(
        &self,
        meeting: &Meeting,
        card: Card,
        workers: u32,
    ) -> Result<(Membership, Connections), JoinError> {
        let listener = listen::at_rendezvous(meeting)?;
        let address = listener
            .local_addr()
            .map_err(JoinError::system("the port that is listened on is unknown"))?;
        let ours = JoinRequest {
            nodes: self.nodes,
            fabric: self.fabric,
            on_node_loss: self.on_node_loss,
            member: host::this_process(0, workers, address, self.fabric)?,
        };
        let roll = Roll::new(ours, host::random_number()?);
        let gathering = Gathering::new(&meeting.key, card, roll);
        let (membership, controls) = gathering.gather(&listener, self.start_limit)?;
        let door = Door::new(meeting.key.clone(), card, 0, &membership);
        let connections = Connections {
            door,
            listener,
            controls,
        };
        Ok((membership, connections))
    }

    fn enter(
        &self,
        meeting: &Meeting,
        card: Card,
        workers: u32,
    ) -> Result<(Membership, Connections), JoinError> {
        let entered = enter(self, meeting, card, workers)?;
        let door = Door::new(meeting.key.clone(), card, self.node, &entered.membership);
        let connections = Connections {
            door,
            listener: entered.listener,
            controls: vec![entered.control],
        };
        Ok((entered.membership, connections))
    }
}

impl Joined {
    /// This node.
    ///
    /// See the example of the [type](Self).
    pub fn node(&self) -> usize {
        self.identity.node()
    }

    /// All nodes.
    ///
    /// See the example of the [type](Self).
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// The settings, the table and the connections, for whoever drives them; none of a rack of one.
    pub(crate) fn into_parts(self) -> (Identity, Membership, Option<Connections>) {
        (self.identity, self.membership, self.connections)
    }
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joined")
            .field("node", &self.node())
            .field("membership", &self.membership)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rack_of_one_has_no_connections() {
        let joined = Identity::read(|_| Err(std::env::VarError::NotPresent))
            .expect("a plain start")
            .join(3)
            .expect("a rack of one");
        assert_eq!(joined.membership().members[0].workers(), 3);
        assert!(joined.into_parts().2.is_none());
    }
}
