//! Who has come to the rendezvous so far, and whether they fit together. Pure.

use std::net::SocketAddr;
use std::time::Duration;

use super::choice::FabricChoice;
use super::failure::StartFailure;
use super::membership::{Member, Membership};
use super::message::JoinRequest;

/// The nodes that have come.
pub(super) struct Roll {
    /// What node 0 would ask of a node 0.
    ours: JoinRequest,
    run: u64,
    members: Vec<Option<Member>>,
}

impl Roll {
    pub(super) fn new(ours: JoinRequest, run: u64) -> Self {
        let mut members = vec![None; ours.nodes as usize];
        members[0] = Some(ours.member.clone());
        Self { ours, run, members }
    }

    /// Takes in a node that has come from `peer`, if it fits to those before.
    pub(super) fn enter(
        &mut self,
        request: JoinRequest,
        peer: SocketAddr,
    ) -> Result<(), StartFailure> {
        let (ours, member) = (&self.ours, request.member);
        let node = member.node;
        if request.nodes != ours.nodes {
            return Err(StartFailure::Nodes {
                node,
                theirs: request.nodes,
                ours: ours.nodes,
            });
        }
        if request.fabric != ours.fabric {
            return Err(StartFailure::Fabric {
                node,
                theirs: request.fabric,
                ours: ours.fabric,
            });
        }
        if request.on_node_loss != ours.on_node_loss {
            return Err(StartFailure::NodeLoss {
                node,
                theirs: request.on_node_loss,
                ours: ours.on_node_loss,
            });
        }
        let Some(place) = self.members.get_mut(node as usize) else {
            // It believes in a node that its own number of nodes does not have.
            return Err(StartFailure::Failed);
        };
        if let Some(first) = place {
            return Err(StartFailure::Twice {
                node,
                first: first.pid,
                second: member.pid,
            });
        }
        let shares = ours.member.host == member.host && ours.member.uid == member.uid;
        if ours.fabric == FabricChoice::Shm && !shares {
            return Err(StartFailure::NotShared { node });
        }
        *place = Some(reachable(member, peer));
        Ok(())
    }

    pub(super) fn is_complete(&self) -> bool {
        self.members.iter().all(Option::is_some)
    }

    /// Why it is not complete, after so long.
    pub(super) fn missing(&self, waited: Duration, strangers: u32) -> StartFailure {
        let nodes = (0..).zip(&self.members);
        let nodes: Vec<u32> = nodes
            .filter_map(|(node, member)| member.is_none().then_some(node))
            .collect();
        StartFailure::Missing {
            joined: self.ours.nodes - nodes.len() as u32,
            nodes,
            seconds: waited.as_secs_f32(),
            strangers,
        }
    }

    /// The table, if it is complete.
    pub(super) fn into_membership(self) -> Option<Membership> {
        let members: Option<Vec<Member>> = self.members.into_iter().collect();
        Some(Membership {
            run: self.run,
            members: members?,
        })
    }
}

/// A node that listens on all its addresses does not know by which the others reach it: by the one
/// it came from.
fn reachable(mut member: Member, peer: SocketAddr) -> Member {
    if member.address.ip().is_unspecified() {
        member.address.set_ip(peer.ip());
    }
    member
}
