//! Why a rack does not start, as node 0 finds it and tells it to all.

use std::fmt;

use super::bytes::{MessageError, Reader, Writer};
use super::card::BuildHash;
use super::identity::{FABRIC, NODES, NODES_MAX, ON_NODE_LOSS};

/// Why a rack does not start: found by node 0, and the same on each node that had come so far.
///
/// ```
/// use gossamer::rack::join::StartFailure;
///
/// let failure = StartFailure::Missing { nodes: vec![2, 3], joined: 2, seconds: 5.0, strangers: 0 };
/// assert_eq!(
///     failure.to_string(),
///     "2 nodes have joined within 5 s, and nodes 2 and 3 are missing: start them, or raise \
///      GOSSAMER_START_LIMIT"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StartFailure {
    /// Nodes did not join in time; start them, or give them more time.
    #[error(
        "{joined} node{} joined within {seconds} s, and node{} missing: start {}, or raise \
         GOSSAMER_START_LIMIT{}",
        match joined { 1 => " has", _ => "s have" },
        Nodes(nodes),
        match nodes.len() { 1 => "it", _ => "them" },
        Strangers(*strangers)
    )]
    Missing {
        /// Which, in order.
        nodes: Vec<u32>,
        /// How many have joined, node 0 among them.
        joined: u32,
        /// For how long node 0 has waited.
        seconds: f32,
        /// How many connections did not prove that they know the key.
        strangers: u32,
    },
    /// Two processes say that they are the same node; give each its own `GOSSAMER_NODE`.
    #[error(
        "node {node} was started twice, as process {first} and as process {second}: give each \
         its own GOSSAMER_NODE"
    )]
    Twice {
        /// Which node.
        node: u32,
        /// The process that came first.
        first: u32,
        /// The other.
        second: u32,
    },
    /// A node expects another number of nodes than node 0; set `GOSSAMER_NODES` alike.
    #[error(
        "node {node} was started for {theirs} nodes and node 0 for {ours}: set {NODES} to the \
         same number on all nodes"
    )]
    Nodes {
        /// Which node.
        node: u32,
        /// How many it expects.
        theirs: u32,
        /// How many node 0 expects.
        ours: u32,
    },
    /// A node has another fabric than node 0; set `GOSSAMER_FABRIC` alike.
    #[error(
        "node {node} was started with {FABRIC}={theirs} and node 0 with {ours}: set it alike on \
         all nodes"
    )]
    Fabric {
        /// Which node.
        node: u32,
        /// Its setting.
        theirs: super::choice::FabricChoice,
        /// That of node 0.
        ours: super::choice::FabricChoice,
    },
    /// A node does otherwise than node 0 when a node dies; set `GOSSAMER_ON_NODE_LOSS` alike.
    #[error(
        "node {node} was started with {ON_NODE_LOSS}={theirs} and node 0 with {ours}: set it \
         alike on all nodes"
    )]
    NodeLoss {
        /// Which node.
        node: u32,
        /// Its setting.
        theirs: super::choice::OnNodeLoss,
        /// That of node 0.
        ours: super::choice::OnNodeLoss,
    },
    /// Shared memory was asked for, and a node is on another host, or of another user.
    #[error(
        "{FABRIC}=shm, and node {node} cannot share memory with node 0, being on another host, \
         in another container or of another user: use auto or tcp"
    )]
    NotShared {
        /// Which node.
        node: u32,
    },
    /// Another version of the protocol; start the same program everywhere.
    #[error(
        "the node at {peer} speaks version {theirs} of the protocol and node 0 version {ours}: \
         start the same build of the program on all nodes"
    )]
    Protocol {
        /// From where it came.
        peer: std::net::SocketAddr,
        /// Its version.
        theirs: u32,
        /// That of node 0.
        ours: u32,
    },
    /// Another executable; start the same build everywhere.
    #[error(
        "the node at {peer} is build {theirs} of the program and node 0 is build {ours}: start \
         the same build on all nodes"
    )]
    Build {
        /// From where it came.
        peer: std::net::SocketAddr,
        /// The hash of its executable.
        theirs: BuildHash,
        /// That of node 0.
        ours: BuildHash,
    },
    /// A node had joined and left before all were there; look at what it says.
    #[error("node {node} had joined and ended before the rack was complete: see what it says")]
    Left {
        /// Which node.
        node: u32,
    },
    /// Node 0 itself could not go on; look at what it says.
    #[error("node 0 could not go on: see what it says")]
    Failed,
}

impl StartFailure {
    pub(crate) fn write(&self, to: &mut Writer) {
        match self {
            Self::Missing {
                nodes,
                joined,
                seconds,
                strangers,
            } => {
                to.u8(0).u32(*joined).u32(seconds.to_bits()).u32(*strangers);
                to.u32(nodes.len() as u32);
                for node in nodes {
                    to.u32(*node);
                }
            }
            Self::Twice {
                node,
                first,
                second,
            } => {
                to.u8(1).u32(*node).u32(*first).u32(*second);
            }
            Self::Nodes { node, theirs, ours } => {
                to.u8(2).u32(*node).u32(*theirs).u32(*ours);
            }
            Self::Fabric { node, theirs, ours } => {
                to.u8(3).u32(*node).u8(theirs.code()).u8(ours.code());
            }
            Self::NodeLoss { node, theirs, ours } => {
                to.u8(4).u32(*node).u8(theirs.code()).u8(ours.code());
            }
            Self::NotShared { node } => {
                to.u8(5).u32(*node);
            }
            Self::Protocol { peer, theirs, ours } => {
                to.u8(6).address(*peer).u32(*theirs).u32(*ours);
            }
            Self::Build { peer, theirs, ours } => {
                to.u8(7).address(*peer).bytes(&theirs.0).bytes(&ours.0);
            }
            Self::Left { node } => {
                to.u8(8).u32(*node);
            }
            Self::Failed => {
                to.u8(9);
            }
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, MessageError> {
        use super::choice::{FabricChoice, OnNodeLoss};
        Ok(match from.u8()? {
            0 => {
                let joined = from.u32()?;
                let seconds = f32::from_bits(from.u32()?);
                let strangers = from.u32()?;
                let count = from.within("missing nodes", 0, NODES_MAX)?;
                let nodes = (0..count).map(|_| from.u32()).collect::<Result<_, _>>()?;
                Self::Missing {
                    nodes,
                    joined,
                    seconds,
                    strangers,
                }
            }
            1 => Self::Twice {
                node: from.u32()?,
                first: from.u32()?,
                second: from.u32()?,
            },
            2 => Self::Nodes {
                node: from.u32()?,
                theirs: from.u32()?,
                ours: from.u32()?,
            },
            3 => Self::Fabric {
                node: from.u32()?,
                theirs: from.code("fabric", FabricChoice::from_code)?,
                ours: from.code("fabric", FabricChoice::from_code)?,
            },
            4 => Self::NodeLoss {
                node: from.u32()?,
                theirs: from.code("node loss", OnNodeLoss::from_code)?,
                ours: from.code("node loss", OnNodeLoss::from_code)?,
            },
            5 => Self::NotShared { node: from.u32()? },
            6 => Self::Protocol {
                peer: from.address()?,
                theirs: from.u32()?,
                ours: from.u32()?,
            },
            7 => Self::Build {
                peer: from.address()?,
                theirs: BuildHash(from.array()?),
                ours: BuildHash(from.array()?),
            },
            8 => Self::Left { node: from.u32()? },
            9 => Self::Failed,
            code => {
                return Err(MessageError::Value {
                    what: "failure",
                    value: code.into(),
                });
            }
        })
    }
}

/// `" 2 is"`, `"s 2 and 3 are"`, `"s 2, 3 and 5 are"`; long lists are cut.
struct Nodes<'a>(&'a [u32]);

impl fmt::Display for Nodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [node] = self.0 {
            return write!(f, " {node} is");
        }
        f.write_str("s ")?;
        let shown = self.0.len().min(SHOWN_MAX);
        let (shown, more) = self.0.split_at(shown);
        for (place, node) in shown.iter().enumerate() {
            let between = match place {
                0 => "",
                _ if more.is_empty() && place + 1 == shown.len() => " and ",
                _ => ", ",
            };
            write!(f, "{between}{node}")?;
        }
        if !more.is_empty() {
            write!(f, " and {} more", more.len())?;
        }
        f.write_str(" are")
    }
}

/// What a number of strangers may mean.
struct Strangers(u32);

impl fmt::Display for Strangers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => write!(f, "; a connection did not prove that it knows GOSSAMER_KEY"),
            n => write!(
                f,
                "; {n} connections did not prove that they know GOSSAMER_KEY"
            ),
        }
    }
}

/// How many missing nodes a message names.
const SHOWN_MAX: usize = 16;
