//! What the nodes of a rack are told by their environment.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use socket2::{Domain, Socket, Type};

use crate::options::Run;

/// What all nodes of a run have in common. The rendezvous is kept until it is dropped.
pub(crate) struct Environment {
    common: Vec<(&'static str, String)>,
    _reserved: Socket,
}

impl Environment {
    pub(crate) fn new(run: &Run) -> io::Result<Self> {
        let (reserved, rendezvous) = reserve()?;
        let mut common = vec![
            ("GOSSAMER_NODES", run.nodes.unwrap_or(1).to_string()),
            ("GOSSAMER_RENDEZVOUS", rendezvous.to_string()),
            ("GOSSAMER_RENDEZVOUS_RESERVED", "true".to_owned()),
            ("GOSSAMER_KEY", key()?),
            ("GOSSAMER_FABRIC", run.fabric.word().to_owned()),
            ("GOSSAMER_ON_NODE_LOSS", run.on_node_loss.word().to_owned()),
        ];
        if let Some(workers) = run.workers {
            common.push(("GOSSAMER_WORKERS", workers.to_string()));
        }
        Ok(Self {
            common,
            _reserved: reserved,
        })
    }

    pub(crate) fn apply(&self, node: u32, command: &mut Command) {
        command
            .envs(self.common.iter().map(|(name, value)| (name, value)))
            .env("GOSSAMER_NODE", node.to_string())
            // All are reached over loopback.
            .env_remove("GOSSAMER_BIND");
    }
}

/// A port of the system's choice that nobody else gets: this socket is bound to it and never
/// listens, and node 0, which is told so, shares it.
fn reserve() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let address = socket.local_addr()?.as_socket();
    let address = address.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    Ok((socket, address))
}

/// The key of this run alone.
fn key() -> io::Result<String> {
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key)?;
    Ok(key.iter().map(|byte| format!("{byte:02x}")).collect())
}
