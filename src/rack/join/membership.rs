//! Who is in the rack: the table that every node has once all have joined.

use std::net::SocketAddr;

use super::bytes::{MessageError, Reader, Writer};
use super::identity::NODES_MAX;

/// The nodes of a rack, in order; the same on each of them.
///
/// ```
/// use gossamer::rack::join::{Identity, Membership};
///
/// let joined = Identity::from_env()?.join(2)?;
/// let membership: &Membership = joined.membership();
/// assert_eq!(membership.members().len(), 1);
/// assert_eq!(membership.members()[0].workers(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// A number of this run alone, which is no secret.
    pub(crate) run: u64,
    pub(crate) members: Vec<Member>,
}

/// A node of a rack.
///
/// See the example of [`Membership`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub(crate) node: u32,
    /// Of this process alone: what an earlier or wrongly started one says cannot pass for it.
    pub(crate) incarnation: u64,
    pub(crate) host: HostId,
    /// Where it accepts channels.
    pub(crate) address: SocketAddr,
    pub(crate) workers: u32,
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    /// It has an RDMA device, and may use it.
    pub(crate) has_rdma: bool,
}

/// What processes have in common that can share memory: the kernel that runs, and their
/// namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HostId(pub(crate) [u8; 16]);

impl Membership {
    /// The nodes, in order.
    ///
    /// See the example of the [type](Self).
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    pub(crate) fn find(&self, node: u32) -> Option<&Member> {
        self.members.get(node as usize)
    }

    /// Both are processes of one user on one host.
    pub(crate) fn can_share_memory(&self, one: u32, other: u32) -> bool {
        match (self.find(one), self.find(other)) {
            (Some(one), Some(other)) => one.host == other.host && one.uid == other.uid,
            _ => false,
        }
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        to.u64(self.run).u32(self.members.len() as u32);
        for member in &self.members {
            member.write(to);
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, MessageError> {
        let run = from.u64()?;
        let nodes = from.within("nodes", 1, NODES_MAX)?;
        let members = (0..nodes).map(|node| {
            let member = Member::read(from)?;
            match member.node == node {
                true => Ok(member),
                false => Err(MessageError::Value {
                    what: "node",
                    value: member.node.into(),
                }),
            }
        });
        let members = members.collect::<Result<_, _>>()?;
        Ok(Self { run, members })
    }
}

impl Member {
    /// Its number, from 0.
    ///
    /// See the example of [`Membership`].
    pub fn node(&self) -> usize {
        self.node as usize
    }

    /// How many workers it has.
    ///
    /// See the example of [`Membership`].
    pub fn workers(&self) -> usize {
        self.workers as usize
    }

    /// Where it accepts connections of other nodes; of a rack of one, port 0 of the loopback.
    ///
    /// See the example of [`Membership`].
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of its process, on its host.
    ///
    /// See the example of [`Membership`].
    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        to.u32(self.node)
            .u64(self.incarnation)
            .bytes(&self.host.0)
            .address(self.address)
            .u32(self.workers)
            .u32(self.pid)
            .u32(self.uid)
            .u8(self.has_rdma.into());
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            node: from.within("node", 0, NODES_MAX - 1)?,
            incarnation: from.u64()?,
            host: HostId(from.array()?),
            address: from.address()?,
            workers: from.within("workers", 1, WORKERS_MAX)?,
            pid: from.u32()?,
            uid: from.u32()?,
            has_rdma: from.code("rdma", |code| [false, true].get(usize::from(code)).copied())?,
        })
    }
}

/// The most workers of a node, as of any runtime.
pub(crate) const WORKERS_MAX: u32 = 1024;

/// What a member takes in a message, at most.
const MEMBER_BYTES: usize = 4 + 8 + 16 + (1 + 16 + 2) + 4 + 4 + 4 + 1;

const _: () = assert!(
    16 + MEMBER_BYTES * NODES_MAX as usize <= super::sealed::FRAME_BYTES_MAX as usize,
    "the table of the largest rack fits into a frame"
);
