//! What is said on a proven connection: requests and their answers, and what follows on some.
//!
//! A connection carries one request after another, until one turns it into something else: the
//! life of a program, the life of a node, a stream of what nodes say.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::frame::MESSAGE_BYTES_MAX;
use crate::daemon::refusal::Refusal;
use crate::options::{Fabric, OnNodeLoss};
use crate::output::Stream;
use crate::policy::End;

/// The hash of an executable.
pub(crate) type Hash = [u8; 32];

/// What whoever dials asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Of a daemon, which says who it is.
    Status(Card),
    /// All hosts, as this one knows them.
    Hosts,
    /// The programs that this host controls.
    Programs,
    /// Whether an executable is there.
    Has(Hash),
    /// To be answered by `Done`, followed by the executable, and answered again.
    Store {
        hash: Hash,
        bytes: u64,
    },
    /// Starts a program: answered by `Placed`; then [`ToProgram`] and [`FromProgram`].
    Run(Program),
    /// Starts a node: answered by `Ready`; then [`ToNode`] and [`FromNode`].
    Node(Box<NodePlan>),
    /// Becomes the stream of what a node reads and says, or all nodes of a program do.
    Attach {
        program: String,
        node: Option<u32>,
    },
    /// A signal for all nodes of a program; without one it is ended.
    Kill {
        program: String,
        signal: Option<i32>,
    },
    /// What the nodes have said: [`Chunk`]s until an empty one of the last stream.
    Logs {
        program: String,
        node: Option<u32>,
        follow: bool,
    },
    Stats {
        program: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Status(Box<Status>),
    Hosts(Vec<HostState>),
    Programs(Vec<ProgramState>),
    Has(bool),
    Done,
    Placed { program: String, nodes: Vec<Placed> },
    Ready { rendezvous: Option<SocketAddr> },
    Stats(Vec<NodeStats>),
    Refused(Refusal),
}

/// Who a daemon is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Of this process alone.
    pub(crate) incarnation: u64,
}

/// What a daemon says of itself and whom it knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) card: Card,
    pub(crate) facts: Facts,
    pub(crate) known: Vec<Card>,
}

/// What a machine has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) cores: u32,
    pub(crate) memory_bytes: u64,
    pub(crate) memory_free_bytes: u64,
    /// Over the last minute.
    pub(crate) load: f64,
    pub(crate) fabrics: Vec<String>,
    pub(crate) architecture: String,
    /// How many nodes of programs run on it.
    pub(crate) nodes: u32,
    /// How many connections it has refused since it started.
    pub(crate) refused: u64,
    pub(crate) cache_bytes: u64,
}

/// A host as another knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostState {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// What it has; or why it cannot be reached.
    pub(crate) state: Result<Facts, String>,
}

/// A program that is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Program {
    pub(crate) executable: Hash,
    pub(crate) arguments: Vec<Bytes>,
    pub(crate) folder: Bytes,
    pub(crate) environment: Vec<(String, Bytes)>,
    /// On which hosts; on all, if empty.
    pub(crate) hosts: Vec<String>,
    /// As many as there are cores, if not said.
    pub(crate) threads: Option<u32>,
    pub(crate) fabric: Fabric,
    pub(crate) on_node_loss: OnNodeLoss,
    /// How long its nodes have to end when another has ended.
    pub(crate) grace_millis: u64,
    /// It ends with the connection that has asked for it.
    pub(crate) is_attached: bool,
}

/// Where a node of a program is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placed {
    pub(crate) node: u32,
    pub(crate) host: String,
    pub(crate) address: SocketAddr,
    pub(crate) workers: u32,
}

/// A node that is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodePlan {
    pub(crate) program: String,
    pub(crate) key: [u8; 32],
    pub(crate) node: u32,
    /// All of the program's.
    pub(crate) nodes: Vec<Placed>,
    pub(crate) executable: Hash,
    pub(crate) arguments: Vec<Bytes>,
    pub(crate) folder: Bytes,
    pub(crate) environment: Vec<(String, Bytes)>,
    pub(crate) fabric: Fabric,
    pub(crate) on_node_loss: OnNodeLoss,
    /// For how long nothing may be heard of the controller.
    pub(crate) silence_millis: u64,
}

/// What a launcher says of its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ToProgram {
    Ping,
    /// It is attached, or does not want to be.
    Go,
    Signal(i32),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FromProgram {
    Pong,
    Started,
    /// What the user should know.
    Note(String),
    Ended {
        status: u8,
    },
    Refused(Refusal),
}

/// What a controller says of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ToNode {
    Ping,
    /// Node 0 listens there.
    Start {
        rendezvous: SocketAddr,
    },
    Signal(i32),
    Stats,
    /// Nothing is wanted of it any more: what is left is ended.
    Finish,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum FromNode {
    Pong,
    Started {
        process: u32,
    },
    Ended(End),
    Stats(NodeStats),
    /// What its library has noticed: another node is lost.
    Lost {
        node: u32,
        cause: String,
    },
    Refused(Refusal),
    /// All is ended that was left.
    Finished,
}

/// A program as its controller knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgramState {
    pub(crate) id: String,
    pub(crate) command: String,
    pub(crate) nodes: Vec<Placed>,
    pub(crate) age_seconds: u64,
    /// It has ended, with this status.
    pub(crate) status: Option<u8>,
    /// Why it has ended.
    pub(crate) note: Option<String>,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NodeStats {
    pub(crate) node: u32,
    pub(crate) host: String,
    pub(crate) process: u32,
    pub(crate) resident_bytes: u64,
    pub(crate) processor_seconds: f64,
    /// Figures by name, for each worker; none if the program does not tell.
    pub(crate) workers: Vec<BTreeMap<String, f64>>,
}

/// Bytes of a stream of a node; its end, if there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chunk {
    pub(crate) node: u32,
    pub(crate) stream: Stream,
    pub(crate) bytes: Bytes,
}

/// Bytes that are encoded as a whole.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

/// What came is no message of this protocol.
#[derive(Debug, thiserror::Error)]
#[error("it says what is no message")]
pub(crate) struct MessageError(#[source] bincode::error::DecodeError);

pub(crate) fn encode(message: &impl Serialize) -> Vec<u8> {
    let encoded = bincode::serde::encode_to_vec(message, CONFIGURATION);
    encoded.expect("a message has an encoding and is bounded")
}

pub(crate) fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, MessageError> {
    match bincode::serde::decode_from_slice(bytes, CONFIGURATION) {
        Ok((message, read)) if read == bytes.len() => Ok(message),
        Ok(_) => Err(MessageError(bincode::error::DecodeError::Other(
            "it does not end",
        ))),
        Err(error) => Err(MessageError(error)),
    }
}

const CONFIGURATION: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<MESSAGE_BYTES_MAX>,
> = bincode::config::standard().with_limit::<MESSAGE_BYTES_MAX>();

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_message() {
        let request = Request::Store {
            hash: [7; 32],
            bytes: 1 << 40,
        };
        let encoded = encode(&request);
        assert_eq!(decode::<Request>(&encoded).expect("a request"), request);
        for length in 0..encoded.len() {
            assert!(decode::<Request>(&encoded[..length]).is_err());
        }
        assert!(decode::<Request>(&[&encoded[..], &[0]].concat()).is_err());
        assert!(decode::<Request>(&[0xff; 40]).is_err());
        // A length beyond all bounds costs nothing.
        let long = [&[6_u8][..], &[0xfd], &u64::MAX.to_le_bytes()].concat();
        assert!(decode::<Request>(&long).is_err());
    }
}
