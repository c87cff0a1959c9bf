//! What a node is started with.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::Daemon;
use super::link::Link;
use crate::control::message::{Bytes, NodePlan};
use crate::node;

/// The command that becomes a node of a program.
///
/// Its environment is the daemon's, then what the user has set, then what makes it a node.
pub(crate) fn command(
    daemon: &Daemon,
    plan: &NodePlan,
    executable: &Path,
    rendezvous: SocketAddr,
    link: &Arc<Link>,
) -> io::Result<Command> {
    let arguments: Vec<_> = plan.arguments.iter().map(os_string).collect();
    let mut command = node::command(&arguments, executable, daemon.guard());
    for (name, _) in std::env::vars_os() {
        if name.as_bytes().starts_with(b"GOSSAMER_") {
            command.env_remove(name);
        }
    }
    command.envs(
        plan.environment
            .iter()
            .map(|(name, value)| (name, os_string(value))),
    );
    let own = &plan.nodes[plan.node as usize];
    let hosts: Vec<_> = plan
        .nodes
        .iter()
        .map(|placed| format!("{}={}", placed.host, placed.address.ip()))
        .collect();
    let key = blake3::Hash::from(plan.key);
    let marks = daemon.marks();
    command
        .envs(marks.iter().filter_map(|mark| mark.split_once('=')))
        .env("GOSSAMER_PROGRAM", &plan.program)
        .env("GOSSAMER_HOSTS", hosts.join(","))
        .env("GOSSAMER_LINK", daemon.links.expect(link)?)
        .env("GOSSAMER_NODE", plan.node.to_string())
        .env("GOSSAMER_NODES", plan.nodes.len().to_string())
        .env("GOSSAMER_RENDEZVOUS", rendezvous.to_string())
        .env("GOSSAMER_RENDEZVOUS_RESERVED", "true")
        .env("GOSSAMER_KEY", key.to_hex().as_str())
        .env("GOSSAMER_WORKERS", own.workers.to_string())
        .env("GOSSAMER_FABRIC", plan.fabric.word())
        .env("GOSSAMER_ON_NODE_LOSS", plan.on_node_loss.word())
        .env_remove("GOSSAMER_BIND");
    // What a launcher on this host would have, if there is such a folder here.
    let folder = os_string(&plan.folder);
    if Path::new(&folder).is_dir() {
        command.current_dir(folder);
    }
    let input = match plan.node {
        0 => Stdio::piped(),
        _ => Stdio::null(),
    };
    command
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

fn os_string(bytes: &Bytes) -> OsString {
    OsString::from_vec(bytes.0.clone())
}
