//! Why a process could not join its rack.

use std::io;
use std::net::SocketAddr;

use super::bytes::MessageError;
use super::card::BuildHash;
use super::failure::StartFailure;
use super::identity::IdentityError;

/// Why [`Identity::join`](super::Identity::join) did not lead to a rack.
///
/// The process is to end with the text of it, and a status that is not 0: the other nodes, as far
/// as they had come, do the same.
///
/// ```no_run
/// use gossamer::rack::join::Identity;
///
/// fn main() -> std::process::ExitCode {
///     let joined = Identity::from_env().map_err(Into::into).and_then(|me| me.join(1));
///     match joined {
///         Ok(joined) => println!("node {} is in", joined.node()),
///         Err(error) => {
///             eprintln!("error: {error}");
///             return std::process::ExitCode::FAILURE;
///         }
///     }
///     std::process::ExitCode::SUCCESS
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The environment does not say which node this is.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Node 0 says that there will be no rack, and why.
    #[error("the rack does not start: {0}")]
    Start(#[from] StartFailure),
    /// A host name cannot be looked up; see `GOSSAMER_RENDEZVOUS`.
    #[error("GOSSAMER_RENDEZVOUS={rendezvous}: the host cannot be looked up: {source}")]
    Lookup {
        /// The rendezvous.
        rendezvous: String,
        /// What the system says.
        source: io::Error,
    },
    /// The address on which to listen is taken; end what listens there, or choose another port.
    #[error(
        "{variable}={address}: something listens there already: end it, or choose another port"
    )]
    InUse {
        /// The variable that names it.
        variable: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// It cannot be listened on the address, which may be that of another host.
    #[error(
        "{variable}={address}: it cannot be listened on: {source}; {}",
        advice(variable)
    )]
    Listen {
        /// The variable that names it.
        variable: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Nobody accepts connections at the rendezvous; start node 0, or correct the address.
    #[error(
        "GOSSAMER_RENDEZVOUS={rendezvous}: node 0 could not be reached within {seconds} s: \
         {source}; start it there, or correct the address"
    )]
    Unreachable {
        /// The rendezvous.
        rendezvous: String,
        /// For how long it was tried.
        seconds: f32,
        /// How the last try failed.
        source: io::Error,
    },
    /// What listens at the rendezvous does not know the key of this run.
    #[error(
        "GOSSAMER_RENDEZVOUS={rendezvous}: what listens there did not prove that it knows the \
         key of this run: set GOSSAMER_KEY to the same on all nodes, or correct the address"
    )]
    Key {
        /// The rendezvous.
        rendezvous: String,
    },
    /// Node 0 speaks another version of the protocol; start the same build everywhere.
    #[error(
        "this node speaks version {ours} of the protocol and node 0 version {theirs}: start the \
         same build of the program on all nodes"
    )]
    Protocol {
        /// The version of this node.
        ours: u32,
        /// That of node 0.
        theirs: u32,
    },
    /// Node 0 is another executable; start the same build everywhere.
    #[error(
        "this node is build {ours} of the program and node 0 is build {theirs}: start the same \
         build on all nodes"
    )]
    Build {
        /// The hash of this executable.
        ours: BuildHash,
        /// That of node 0's.
        theirs: BuildHash,
    },
    /// Node 0 ended before the rack was complete; look at what it says.
    #[error("node 0 ended before the rack was complete: see what it says")]
    Lost {
        /// How that was noticed.
        source: io::Error,
    },
    /// Node 0 said nothing for longer than it may take; look at what it does.
    #[error("node 0 was reached, and did not say within {seconds} s whether the rack is complete")]
    Silent {
        /// For how long it was waited.
        seconds: f32,
    },
    /// Node 0 knows the key and sent something that cannot be read.
    #[error("what node 0 sent cannot be read: {0}")]
    Message(#[from] MessageError),
    /// What node 0 sent was damaged on the way.
    #[error("what node 0 sent was damaged on the way")]
    Damaged,
    /// The system refused something that is needed for a join.
    #[error("{doing}: {source}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl JoinError {
    pub(super) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }

    /// Of a listener that could not be made.
    pub(super) fn listen(variable: &'static str, address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { variable, address },
            _ => Self::Listen {
                variable,
                address,
                source,
            },
        }
    }
}

fn advice(variable: &str) -> &'static str {
    match variable {
        super::identity::BIND => "choose an address of this host",
        _ => {
            "node 0 must be started on the host of that address, or GOSSAMER_BIND say on which of \
             its addresses it listens"
        }
    }
}
