//! What can go wrong with RDMA, by cause.

use std::ffi::c_int;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use rustix::process::{Resource, getrlimit};

use crate::rack::error::WireError;
use crate::rack::rdma::completion::{Operation, Status};

/// Why RDMA cannot be used, or has ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RdmaError {
    /// There is no library of verbs, or the system knows none: load `ib_uverbs`, install
    /// `libibverbs1`, or use another fabric.
    #[error("this host offers no RDMA")]
    Unsupported {
        /// What the library says, or what is there instead of it.
        source: io::Error,
    },
    /// There is no device.
    #[error("there is no RDMA device")]
    NoDevice,
    /// There is no device of the name that was asked for.
    #[error("there is no RDMA device {name}")]
    NoSuchDevice {
        /// The name.
        name: String,
    },
    /// The device has no such port, or the port is not up.
    #[error("port {port} of RDMA device {device} is {state}")]
    PortDown {
        /// The device.
        device: String,
        /// The port.
        port: u8,
        /// How it is.
        state: &'static str,
    },
    /// No port has an address for RoCE v2 that is the one of the node: name a device and an index
    /// of its table, or another address.
    #[error("no RDMA port has {address} as its address for RoCE v2")]
    NoAddress {
        /// The address of the node.
        address: IpAddr,
    },
    /// The table of the port has nothing under the index that was asked for.
    #[error("RDMA device {device} has no GID {index}")]
    NoSuchGid {
        /// The device.
        device: String,
        /// The index.
        index: u32,
    },
    /// The memory cannot be registered, as too much of it would be locked: raise `ulimit -l`.
    #[error(
        "{needed} bytes of memory are to be locked for RDMA, and the limit of this process is \
         {limit} bytes (ulimit -l)"
    )]
    Memlock {
        /// How many bytes are needed.
        needed: u64,
        /// How many this process may lock.
        limit: u64,
    },
    /// A call has failed.
    #[error("{call} failed")]
    System {
        /// Which one.
        call: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A request has failed, and the connection with it.
    #[error("{operation} ended with {status}")]
    Failed {
        /// What was asked for.
        operation: Operation,
        /// How it ended.
        status: Status,
    },
    /// More has completed than there is room for: the peer does not keep to the protocol.
    #[error("a completion queue ran over")]
    Overrun,
    /// The device was taken away.
    #[error("the RDMA device is gone")]
    DeviceGone,
    /// The peer says of its queue pair what cannot be.
    #[error("the peer's description of its queue pair cannot be")]
    Card,
    /// The peer wrote what cannot be.
    #[error("the peer wrote what cannot be")]
    Wire(#[from] WireError),
}

impl RdmaError {
    /// What it means when so many bytes were to be registered.
    pub(super) fn of_memory(self, needed: u64) -> Self {
        let Self::System { call, source } = self else {
            return self;
        };
        let limit = getrlimit(Resource::Memlock).current;
        match (source.kind(), limit) {
            (io::ErrorKind::OutOfMemory, Some(limit)) if limit < needed => {
                Self::Memlock { needed, limit }
            }
            _ => Self::System { call, source },
        }
    }
}

/// What a call has made, or why it has not.
pub(super) fn made<T>(call: &'static str, pointer: *mut T) -> Result<NonNull<T>, RdmaError> {
    let source = io::Error::last_os_error();
    NonNull::new(pointer).ok_or(RdmaError::System { call, source })
}

/// Has reading from a descriptor return at once.
pub(super) fn unblock(descriptor: &impl AsFd) -> Result<(), RdmaError> {
    rustix::io::ioctl_fionbio(descriptor, true).map_err(|source| RdmaError::System {
        call: "ioctl",
        source: source.into(),
    })
}

/// Whether a call that returns the number of an error has done what it should.
pub(super) fn ok(call: &'static str, done: c_int) -> Result<(), RdmaError> {
    match done {
        0 => Ok(()),
        // Some return it, and some set it.
        -1 => Err(RdmaError::System {
            call,
            source: io::Error::last_os_error(),
        }),
        number => Err(RdmaError::System {
            call,
            source: io::Error::from_raw_os_error(number.abs()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_memory_may_be_locked() {
        let error = || RdmaError::System {
            call: "ibv_reg_mr",
            source: io::Error::from(rustix::io::Errno::NOMEM),
        };
        let limit = getrlimit(Resource::Memlock).current;
        let text = error().of_memory(u64::MAX).to_string();
        match limit {
            Some(limit) => assert!(text.contains(&limit.to_string()), "{text}"),
            None => assert_eq!(text, "ibv_reg_mr failed"),
        }
        assert_eq!(error().of_memory(1).to_string(), "ibv_reg_mr failed");
    }
}
