//! What a node says of the process and the host that it is.

use std::fs;
use std::io;
use std::net::SocketAddr;

use super::choice::FabricChoice;
use super::error::JoinError;
use super::handshake::Nonce;
use super::membership::{HostId, Member};
use crate::rack::rdma;

/// This process, as a node that listens at `address`.
pub(super) fn this_process(
    node: u32,
    workers: u32,
    address: SocketAddr,
    fabric: FabricChoice,
) -> Result<Member, JoinError> {
    Ok(Member {
        node,
        incarnation: random_number()?,
        host: host_id().map_err(JoinError::system(
            "the identity of this host cannot be read",
        ))?,
        address,
        workers,
        pid: std::process::id(),
        uid: rustix::process::getuid().as_raw(),
        has_rdma: rdma::is_usable(fabric, address.ip()),
    })
}

/// Of the kernel that runs, and the namespaces in which a process finds another's memory.
fn host_id() -> io::Result<HostId> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&fs::read(BOOT_ID)?);
    for namespace in NAMESPACES {
        let name = fs::read_link(namespace)?;
        hasher.update(name.as_os_str().as_encoded_bytes());
    }
    let hash = hasher.finalize();
    let bytes = hash.as_bytes().first_chunk();
    Ok(HostId(*bytes.expect("a hash is longer")))
}

pub(crate) fn nonce() -> Result<Nonce, JoinError> {
    let mut nonce = Nonce::default();
    fill(&mut nonce)?;
    Ok(nonce)
}

pub(super) fn random_number() -> Result<u64, JoinError> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn fill(bytes: &mut [u8]) -> Result<(), JoinError> {
    let filled = getrandom::fill(bytes).map_err(io::Error::from);
    filled.map_err(JoinError::system("the system gives no random numbers"))
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Processes in different ones may not reach each other's sockets, ids or memory.
const NAMESPACES: [&str; 4] = [
    "/proc/self/ns/net",
    "/proc/self/ns/pid",
    "/proc/self/ns/ipc",
    "/proc/self/ns/user",
];
