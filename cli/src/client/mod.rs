//! The commands that ask a daemon.

mod executable;
pub(crate) mod kill;
pub(crate) mod logs;
pub(crate) mod nodes;
mod printing;
pub(crate) mod ps;
pub(crate) mod run;
pub(crate) mod stats;
mod table;

use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::control::connection::{DialError, ReceiveError, Receiver, Sender, dial};
use crate::control::message::{HostState, Reply, Request};
use crate::daemon::folder;
use crate::daemon::rack_file::resolve;
use crate::daemon::refusal::{Refusal, STATUS_REFUSED, STATUS_UNREACHABLE};
use crate::key::{KeyError, RackKey, default_path};
use crate::launch::LaunchError;
use crate::options::{Keygen, Rack};

/// Why a command has not done what it was to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClientError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(
        "no daemon has run on this host: start one with `gossamer daemon`, or name one with \
             --daemon{instead}"
    )]
    NoDaemon { instead: &'static str },
    #[error("the daemon at {address} does not answer: {source}; start it with `gossamer daemon`")]
    Unreachable {
        address: SocketAddr,
        source: DialError,
    },
    #[error("`{address}` leads nowhere: {source}; write IP, IP:PORT or HOST:PORT")]
    Address { address: String, source: io::Error },
    #[error("the daemon at {address} is lost: {source}; look at what it has said last")]
    Lost {
        address: SocketAddr,
        source: ReceiveError,
    },
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error(
        "`{path}` is for {theirs}, and host {host} is {ours}: build it for that, or leave the host \
         out with --hosts"
    )]
    Architecture {
        path: String,
        theirs: String,
        host: String,
        ours: String,
    },
    #[error("`{path}` cannot be read: {source}; correct its rights")]
    Executable { path: String, source: io::Error },
    #[error(
        "the arguments and variables have {bytes} bytes, of at most {ARGUMENT_BYTES_MAX}: write \
         them into a file that all hosts have"
    )]
    Arguments { bytes: usize },
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// How daemons are reached.
#[derive(Debug)]
pub(crate) struct Contact {
    key: RackKey,
    /// Of the daemon that is asked first.
    address: SocketAddr,
}

/// A connection with a daemon.
pub(crate) struct Connection {
    pub(crate) address: SocketAddr,
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
}

/// Prints a line, if anybody reads it.
fn say(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

pub(crate) fn keygen(keygen: &Keygen) -> Result<u8, ClientError> {
    let path = match &keygen.file {
        Some(path) => path.clone(),
        None => default_path()?,
    };
    RackKey::create(&path)?;
    say(path.display())?;
    Ok(0)
}

impl Contact {
    /// The daemon of this host, unless another is named.
    pub(crate) fn new(rack: &Rack, instead: &'static str) -> Result<Self, ClientError> {
        let address = match &rack.daemon {
            Some(text) => resolve(text).map_err(|source| ClientError::Address {
                address: text.clone(),
                source,
            })?,
            None => folder::address().ok_or(ClientError::NoDaemon { instead })?,
        };
        let path = match &rack.key {
            Some(path) => path.clone(),
            None => default_path()?,
        };
        let key = RackKey::read(&path)?;
        Ok(Self { key, address })
    }

    pub(crate) fn connect(&self) -> Result<Connection, ClientError> {
        self.connect_to(self.address)
    }

    pub(crate) fn connect_to(&self, address: SocketAddr) -> Result<Connection, ClientError> {
        let dialled = dial(address, &self.key, DIAL_TIME);
        let (sender, receiver) =
            dialled.map_err(|source| ClientError::Unreachable { address, source })?;
        // Whatever was asked is answered within this, or the daemon is no good.
        receiver.set_silence_max(Some(ANSWER_TIME))?;
        Ok(Connection {
            address,
            sender,
            receiver,
        })
    }

    pub(crate) fn hosts(&self) -> Result<Vec<HostState>, ClientError> {
        let mut connection = self.connect()?;
        match connection.ask(&Request::Hosts)? {
            Reply::Hosts(hosts) => Ok(hosts),
            _ => Err(connection.unexpected()),
        }
    }

    /// The host that controls a program, which the id names.
    pub(crate) fn connect_to_controller(&self, id: &str) -> Result<Connection, ClientError> {
        let name = id.rsplit_once('-').map_or(id, |(host, _)| host);
        let hosts = self.hosts()?;
        let host = hosts.iter().find(|host| host.name == name);
        let host = host.ok_or_else(|| Refusal::NoProgram {
            id: id.to_owned(),
            host: hosts
                .first()
                .map_or_else(String::new, |host| host.name.clone()),
        })?;
        if let Err(cause) = &host.state {
            let (name, cause) = (name.to_owned(), cause.clone());
            return Err(Refusal::HostDown { name, cause }.into());
        }
        self.connect_to(host.address)
    }
}

impl Connection {
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Reply, ClientError> {
        // If it is not sent, nothing comes either, which says why.
        let _ = self.sender.send(request);
        match self.receiver.receive() {
            Ok(Reply::Refused(refusal)) => Err(refusal.into()),
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.lost(error)),
        }
    }

    pub(crate) fn lost(&self, source: ReceiveError) -> ClientError {
        let address = self.address;
        ClientError::Lost { address, source }
    }

    pub(crate) fn unexpected(&self) -> ClientError {
        let host = self.address.to_string();
        Refusal::Unexpected { host }.into()
    }
}

impl ClientError {
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Key(_) | Self::Address { .. } | Self::Arguments { .. } => 2,
            Self::Launch(error) => error.status(),
            Self::NoDaemon { .. } | Self::Unreachable { .. } | Self::Lost { .. } => {
                STATUS_UNREACHABLE
            }
            Self::Refused(refusal) => refusal.status(),
            Self::Architecture { .. } | Self::Executable { .. } => {
                crate::program::STATUS_NOT_EXECUTABLE
            }
            Self::Output(_) => STATUS_REFUSED,
        }
    }
}

const DIAL_TIME: Duration = Duration::from_secs(5);
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// What a program is started with fits into a message, beside all else.
const ARGUMENT_BYTES_MAX: usize = 2 << 20;
