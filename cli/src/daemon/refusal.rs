//! Why a daemon does not do what it is asked for; it travels.

use serde::{Deserialize, Serialize};

/// What is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Refusal {
    #[error("there is no program `{id}` on host {host}: `gossamer ps` lists those that run")]
    NoProgram { id: String, host: String },
    #[error("program {id} has no node {node}: it has {nodes}, from 0")]
    NoNode { id: String, node: u32, nodes: u32 },
    #[error("program {id} has ended: `gossamer logs {id}` shows what it has said")]
    HasEnded { id: String },
    #[error("there is no host `{name}` in this rack: `gossamer nodes` lists them")]
    NoHost { name: String },
    #[error(
        "host {name} cannot be reached: {cause}; start its daemon, or leave it out with --hosts"
    )]
    HostDown { name: String, cause: String },
    #[error(
        "{threads} threads are more than the {cores} cores of {hosts}: ask for at most {cores}, or \
         for more hosts"
    )]
    NotEnoughCores {
        threads: u32,
        cores: u32,
        hosts: String,
    },
    #[error(
        "host {host} does not have the executable any more: its cache is too small for what runs"
    )]
    NoExecutable { host: String },
    #[error("host {host} cannot keep the executable in `{path}`: {cause}; make room there")]
    Cache {
        host: String,
        path: String,
        cause: String,
    },
    #[error("host {host} got another executable than was sent: send it again")]
    OtherExecutable { host: String },
    #[error(
        "the executable has {bytes} bytes and the cache of host {host} holds {bytes_max}: start its \
         daemon with a larger --cache-bytes"
    )]
    TooLarge {
        host: String,
        bytes: u64,
        bytes_max: u64,
    },
    #[error(
        "node {node} cannot be started on host {host}: {cause}; look at what limits its daemon \
         (`ulimit -a`), or leave it out with --hosts"
    )]
    NotStarted {
        node: u32,
        host: String,
        cause: String,
    },
    #[error("host {host} has as many programs as it takes, {programs_max}: end some")]
    TooMany { host: String, programs_max: u32 },
    #[error(
        "the name {name} is taken by the daemon at {address}: give this one another with --name"
    )]
    NameTaken { name: String, address: String },
    #[error("program {id} was not started, as its launcher was not ready in time: run it again")]
    NotReady { id: String },
    #[error("signal {signal} is none that can be sent")]
    NoSignal { signal: i32 },
    #[error("host {host} was asked for what does not fit there: use one version of gossamer")]
    Unexpected { host: String },
}

impl Refusal {
    /// The exit status of a command that it ends.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::NoProgram { .. } | Self::NoNode { .. } | Self::NoHost { .. } => STATUS_UNKNOWN,
            Self::HostDown { .. } => STATUS_UNREACHABLE,
            Self::NotEnoughCores { .. } | Self::NoSignal { .. } => 2,
            _ => STATUS_REFUSED,
        }
    }
}

/// There is no such program, node or host.
const STATUS_UNKNOWN: u8 = 3;

/// A daemon cannot be reached.
pub(crate) const STATUS_UNREACHABLE: u8 = 4;

/// As commands have it that start others.
pub(crate) const STATUS_REFUSED: u8 = 125;
