//! The shared memory of a node: what other processes of its host and user write for it.
//!
//! A node makes one piece of memory, for all others together, and says to each that connects under
//! which number it has it open; that one opens it by way of `/proc`. Who writes where follows from
//! the table of members, which is the same everywhere: the workers of all nodes are counted on.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use gossamer_transport::rack::{AttachError, Layout, Ports, shm};

use crate::rack::join::{FabricChoice, Member, Membership};
use crate::rack::peer::{Shm, ports_workers};

/// The memory of this node.
#[derive(Debug)]
pub(crate) struct Memory {
    ports: Ports,
    descriptor: OwnedFd,
}

/// Why the other nodes cannot be reached as was asked for.
///
/// ```
/// use gossamer::rack::FabricError;
///
/// let error = FabricError::OtherHost { node: 3 };
/// assert!(error.to_string().contains("GOSSAMER_FABRIC"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FabricError {
    /// Shared memory was asked for, but not all nodes are processes of one host and one user; ask
    /// for another fabric.
    #[error(
        "node {node} shares no memory with this one: it is on another host, or of another user; \
         set GOSSAMER_FABRIC to auto or tcp"
    )]
    OtherHost {
        /// The node.
        node: usize,
    },
    /// The rack has more workers than shared memory, or RDMA, has room for; use `tcp`.
    #[error("the rack has more than 65535 workers, which is too many for any fabric but tcp")]
    TooManyWorkers,
    /// RDMA was asked for, and a node has no device that it can use; `gossamer fabric` on its host
    /// says why. Ask for another fabric, or set `GOSSAMER_RDMA_DEVICE` there.
    #[error("node {node} has no RDMA device that it can use; set GOSSAMER_FABRIC to auto or tcp")]
    NoRdma {
        /// The node.
        node: usize,
    },
    /// RDMA was asked for, and cannot be used by this node; the source says what to do.
    #[error("this node cannot use RDMA")]
    Rdma {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The memory could not be made; raise the limits of the process, or use `tcp`.
    #[error("the shared memory of this node could not be made")]
    Memory {
        /// What the system says.
        source: io::Error,
    },
}

impl Memory {
    /// The memory of node `me`, if it shares any.
    pub(crate) fn of(
        me: u32,
        membership: &Membership,
        choice: FabricChoice,
    ) -> Result<Option<Self>, FabricError> {
        if matches!(choice, FabricChoice::Tcp | FabricChoice::Rdma) {
            return Ok(None);
        }
        let is_other = |member: &&Member| !membership.can_share_memory(me, member.node);
        if choice == FabricChoice::Shm
            && let Some(other) = membership.members.iter().find(is_other)
        {
            let node = other.node as usize;
            return Err(FabricError::OtherHost { node });
        }
        let others = membership.members.iter().filter(|member| member.node != me);
        if others.clone().all(|member| is_other(&member)) {
            return Ok(None);
        }
        if workers_before(membership, membership.members.len() as u32) > u32::from(u16::MAX) {
            return match choice {
                FabricChoice::Shm => Err(FabricError::TooManyWorkers),
                _ => Ok(None),
            };
        }
        let made = Ports::shared(layout(membership, me));
        let (ports, descriptor) = made.map_err(|source| FabricError::Memory { source })?;
        Ok(Some(Self { ports, descriptor }))
    }

    /// Under which number this process has it open.
    pub(crate) fn number(&self) -> u32 {
        self.descriptor.as_raw_fd() as u32
    }

    /// Where a worker says that it sleeps; worker 0 says it for control as well.
    pub(crate) fn parking(&self, worker: u32) -> Vec<shm::Parking> {
        let control = self.ports.layout().workers - 1;
        let own = std::iter::once(worker as u16).chain((worker == 0).then_some(control));
        own.map(|worker| shm::Parking::new(&self.ports, worker))
            .collect()
    }

    /// What it has to do with `other`, if they share memory.
    pub(crate) fn with(&self, me: u32, membership: &Membership, other: &Member) -> Option<Shm> {
        if !membership.can_share_memory(me, other.node) {
            return None;
        }
        Some(Shm {
            ours: self.ports.clone(),
            first_writer: first_writer(membership, other.node),
            pid: other.pid,
            theirs: layout(membership, other.node),
            our_first_writer: first_writer(membership, me),
        })
    }
}

impl Shm {
    /// The channel of our worker `worker`, into the memory that the other has open under `number`.
    pub(crate) fn channel(&self, worker: u32, number: u32) -> Result<shm::Channel, AttachError> {
        let memory = File::options()
            .read(true)
            .write(true)
            .open(format!("/proc/{}/fd/{number}", self.pid))?;
        let theirs = Ports::attach(memory, self.theirs)?;
        let writer = self.our_first_writer + worker as u16;
        Ok(shm::Channel::new(&theirs, writer))
    }
}

/// How the memory of a node is laid out: any worker of the rack may write it.
fn layout(membership: &Membership, node: u32) -> Layout {
    let workers = membership.members[node as usize].workers;
    Layout {
        writers: first_writer(membership, membership.members.len() as u32),
        workers: ports_workers(workers),
        geometry: shm::GEOMETRY,
    }
}

/// Which writer the first worker of a node is: the workers of all nodes are counted on.
fn first_writer(membership: &Membership, node: u32) -> u16 {
    u16::try_from(workers_before(membership, node)).expect("checked before memory is made")
}

fn workers_before(membership: &Membership, node: u32) -> u32 {
    let before = &membership.members[..node as usize];
    before.iter().map(|member| member.workers).sum()
}
