//! RDMA as a fabric of the rack: which nodes use it, the connections, and how workers sleep.
//!
//! A node that may use RDMA says so when it joins; so each two nodes know, without asking, whether
//! they both do. A worker then opens a connection as for any fabric, by which both ends say what
//! they have made for each other ([`Card`]). What it writes from then on goes by RDMA; the
//! connection stays, and its end is the death of whoever has written.
//!
//! Who is written to has an *inlet* for each such connection, polled once a turn by the worker that
//! attends it. Before that worker sleeps, its inlets are armed and looked at once more, so that what
//! comes makes a descriptor readable; so are the channels by which it writes, for what fails.

mod connection;
mod inlets;

use std::net::IpAddr;

use gossamer_transport::rack::rdma::{Adapter, GEOMETRY, Memory, Settings};
use gossamer_transport::rack::{Layout, Port};

pub(crate) use inlets::{Inlets, Outlet};

use crate::rack::join::{FabricChoice, Membership};
use crate::rack::memory::FabricError;
use crate::rack::peer::ports_workers;
use crate::rack::side::RackSide;
use crate::stderr::say;
use crate::worker::Worker;

/// The memory of this node that others write by RDMA.
#[derive(Debug)]
pub(crate) struct Registered {
    /// By node: what RDMA has to do with it.
    peers: Box<[Option<RdmaPeer>]>,
}

/// What RDMA has to do with one node.
#[derive(Clone, Debug)]
pub(crate) struct RdmaPeer {
    memory: Memory,
    /// Which writer its first worker is here, and ours there.
    first_writer: u16,
    our_first_writer: u16,
    theirs: Layout,
    /// Which mirror of the memory is that of our first worker.
    first_mirror: usize,
}

/// Whether this node, of this address, may use RDMA.
pub(crate) fn is_usable(choice: FabricChoice, address: IpAddr) -> bool {
    match choice {
        FabricChoice::Auto | FabricChoice::Rdma => open(address).is_ok(),
        FabricChoice::Shm | FabricChoice::Tcp => false,
    }
}

fn open(address: IpAddr) -> Result<Adapter, FabricError> {
    let settings = Settings::from_env().map_err(unusable)?;
    Adapter::open(&settings, address).map_err(unusable)
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> FabricError {
    let source = Box::new(error);
    FabricError::Rdma { source }
}

/// Whether two nodes reach each other by RDMA.
fn is_between(membership: &Membership, choice: FabricChoice, one: u32, other: u32) -> bool {
    let has = |node: u32| membership.members[node as usize].has_rdma;
    let both = one != other && has(one) && has(other);
    match choice {
        FabricChoice::Auto => both && !membership.can_share_memory(one, other),
        FabricChoice::Rdma => both,
        FabricChoice::Shm | FabricChoice::Tcp => false,
    }
}

impl Registered {
    /// The memory of node `me`, if it reaches any by RDMA.
    pub(crate) fn of(
        me: u32,
        membership: &Membership,
        choice: FabricChoice,
    ) -> Result<Option<Self>, FabricError> {
        let members = &membership.members;
        let address = members[me as usize].address.ip();
        let uses = |owner, node| is_between(membership, choice, owner, node);
        if choice == FabricChoice::Rdma
            && let Some(without) = members.iter().find(|member| !member.has_rdma)
        {
            let node = without.node as usize;
            open(address)?; // which says why, if it is this one
            return Err(FabricError::NoRdma { node });
        }
        if choice == FabricChoice::Auto {
            tell_of_fallback(me, membership);
        }
        if !members.iter().any(|member| uses(me, member.node)) {
            return Ok(None);
        }
        let adapter = open(address)?;
        // By owner, which of its writers is the first of a node.
        let first_writer = |owner: u32, node: u32| -> Result<u16, FabricError> {
            let before = members[..node as usize].iter();
            let before = before.filter(|member| uses(owner, member.node));
            let writers: u32 = before.map(|member| member.workers).sum();
            u16::try_from(writers).map_err(|_| FabricError::TooManyWorkers)
        };
        let layout = |owner: u32| -> Result<Layout, FabricError> {
            let writers = members.iter().filter(|member| uses(owner, member.node));
            let writers: u32 = writers.map(|member| member.workers).sum();
            Ok(Layout {
                writers: u16::try_from(writers).map_err(|_| FabricError::TooManyWorkers)?,
                workers: ports_workers(members[owner as usize].workers),
                geometry: GEOMETRY,
            })
        };
        let local_workers = members[me as usize].workers as usize;
        let others = members.iter().filter(|member| uses(me, member.node));
        let mirrors = others
            .flat_map(|member| std::iter::repeat_n(ports_workers(member.workers), local_workers));
        let memory = Memory::register(&adapter, layout(me)?, mirrors).map_err(unusable)?;
        let mut first_mirror = 0;
        let peers = members.iter().map(|member| {
            let node = member.node;
            if !uses(me, node) {
                return Ok(None);
            }
            first_mirror += local_workers;
            Ok(Some(RdmaPeer {
                memory: memory.clone(),
                first_writer: first_writer(me, node)?,
                our_first_writer: first_writer(node, me)?,
                theirs: layout(node)?,
                first_mirror: first_mirror - local_workers,
            }))
        });
        let peers = peers.collect::<Result<_, _>>()?;
        Ok(Some(Self { peers }))
    }

    /// What it has to do with a node, if that is reached by it.
    pub(crate) fn with(&self, node: u32) -> Option<RdmaPeer> {
        self.peers[node as usize].clone()
    }
}

/// Says once why a node of another host is reached by TCP.
fn tell_of_fallback(me: u32, membership: &Membership) {
    let members = &membership.members;
    let mut far = members
        .iter()
        .filter(|member| !membership.can_share_memory(me, member.node));
    let ours = &members[me as usize];
    if far.clone().next().is_some() && !ours.has_rdma {
        let error = open(ours.address.ip()).err();
        let reason = error.map_or_else(String::new, |error| with_causes(&error));
        say(format_args!(
            "gossamer: node {me} reaches other hosts by TCP: {reason}"
        ));
    } else if let Some(without) = far.find(|member| !member.has_rdma) {
        let node = without.node;
        say(format_args!(
            "gossamer: node {node} has no RDMA device, and is reached by TCP"
        ));
    }
}

impl RdmaPeer {
    /// What its worker `writer` writes for our worker `local`.
    pub(crate) fn port(&self, writer: u32, local: u16) -> Port {
        let writer = self.first_writer + writer as u16;
        self.memory.ports().port(writer, local)
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Gives `f` this thread's side of the rack.
fn with_side<R>(f: impl FnOnce(&Worker, &RackSide) -> R) -> Option<R> {
    Worker::with(|worker| {
        let worker = worker?;
        Some(f(worker, worker.rack()?))
    })
}
