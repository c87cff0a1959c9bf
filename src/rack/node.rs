//! A node: what all workers of a runtime know of the rack that it is part of.

use std::sync::Arc;

use crate::rack::barrier::Arrivals;
use crate::rack::peers::Peers;
use crate::rack::remote::Home;

/// This node, and those beside it.
#[derive(Debug)]
pub(crate) struct Node {
    id: u32,
    members: Box<[Member]>,
    arrivals: Arc<Arrivals>,
    peers: Option<Box<Peers>>,
}

/// A node of the rack, as all know it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// How many workers it has.
    pub(crate) workers: u32,
    /// How many of them, from the last, only serve.
    pub(crate) dedicated: u32,
}

impl Node {
    /// The only node of a rack of one.
    pub(crate) fn alone(workers: usize, dedicated: usize) -> Self {
        let member = Member {
            workers: workers as u32,
            dedicated: dedicated as u32,
        };
        Self::new(0, vec![member], None)
    }

    pub(crate) fn new(id: u32, members: Vec<Member>, peers: Option<Box<Peers>>) -> Self {
        let arrivals = Arc::new(Arrivals::new(members.len()));
        Self {
            id,
            members: members.into(),
            arrivals,
            peers,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(crate) fn arrivals(&self) -> &Arc<Arrivals> {
        &self.arrivals
    }

    /// The trustees of the rack that properties are meant for, node by node.
    pub(crate) fn trustees(&self) -> impl Iterator<Item = Home> {
        self.members.iter().zip(0..).flat_map(|(member, node)| {
            let first = match member.dedicated {
                0 => 0,
                dedicated => member.workers - dedicated,
            };
            (first..member.workers).map(move |worker| Home { node, worker })
        })
    }

    /// The workers of the rack that run tasks, node by node.
    pub(crate) fn task_workers(&self) -> impl Iterator<Item = Home> {
        self.members.iter().zip(0..).flat_map(|(member, node)| {
            (0..member.workers - member.dedicated).map(move |worker| Home { node, worker })
        })
    }

    /// The nodes beside it; `None` if it is alone.
    pub(crate) fn peers(&self) -> Option<&Peers> {
        self.peers.as_deref()
    }
}
