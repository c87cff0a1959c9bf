//! A rack of processes of this program, as `gossamer run` would start them: what its nodes are
//! told, and what node 0 does.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use gossamer::rack::Identity;
use gossamer::{Builder, Idle};
use rustix::net::sockopt::set_socket_reuseport;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::beside::{self, Beside};
use super::load::{self, Load};
use super::process::{Part, Process, say};
use super::start;
use crate::harness::machine::Machine;

/// What moves requests between the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fabric {
    Shm,
    Tcp,
    #[cfg(feature = "rdma")]
    Rdma,
}

impl Fabric {
    pub(super) const ALL: [Self; 2] = [Self::Shm, Self::Tcp];
}

impl fmt::Display for Fabric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shm => "shm",
            Self::Tcp => "tcp",
            #[cfg(feature = "rdma")]
            Self::Rdma => "rdma",
        })
    }
}

/// The processes and workers of a rack, and how those wait.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    nodes: usize,
    fabric: Fabric,
    settings: Settings,
}

/// Of each node.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    workers: usize,
    /// Of the workers of the whole rack, in turn; none: wherever they come to run.
    cores: Vec<usize>,
    /// Whether a worker with nothing to do goes on looking.
    spins: bool,
}

impl Shape {
    /// One process with a worker on each of two cores.
    pub(super) fn in_process(machine: &Machine) -> Self {
        Self::in_process_of(machine, 2)
    }

    /// One process with so many workers, on a core each as far as there are enough.
    pub(super) fn in_process_of(machine: &Machine, workers: usize) -> Self {
        Self {
            nodes: 1,
            fabric: Fabric::Shm,
            settings: Settings {
                workers,
                cores: (0..workers).map(|worker| machine.core(worker)).collect(),
                spins: workers <= machine.cores.len(),
            },
        }
    }

    /// Processes with one worker each, on a core each as far as there are enough; if there are,
    /// they spin.
    pub(super) fn of_processes(machine: &Machine, nodes: usize, fabric: Fabric) -> Self {
        Self {
            nodes,
            fabric,
            settings: Settings {
                workers: 1,
                cores: (0..nodes).map(|node| machine.core(node)).collect(),
                spins: nodes <= machine.cores.len(),
            },
        }
    }

    /// Processes with so many workers each, wherever they come to run.
    pub(super) fn anywhere(nodes: usize, workers: usize, fabric: Fabric) -> Self {
        Self {
            nodes,
            fabric,
            settings: Settings {
                workers,
                cores: Vec::new(),
                spins: false,
            },
        }
    }

    /// The same with workers that do not spin.
    pub(super) fn parking(mut self) -> Self {
        self.settings.spins = false;
        self
    }

    /// Has node 0 do something, and returns what it says.
    ///
    /// # Panics
    /// If a node does not end well: a result was wrong, for one.
    pub(super) fn run<T: DeserializeOwned>(&self, job: &Job) -> T {
        let mut nodes = self.start(job);
        let said = nodes[0].hear();
        nodes.into_iter().for_each(Process::finish);
        said
    }

    /// Starts the nodes, the first of which does something; they have met when it returns.
    pub(super) fn start(&self, job: &Job) -> Vec<Process> {
        let (reserved, rendezvous) = reserve().expect("there is a port");
        let start = |node: usize| {
            let plan = Plan {
                node,
                settings: self.settings.clone(),
                job: job.clone(),
            };
            let mut variables = vec![("GOSSAMER_NODES", self.nodes.to_string())];
            if self.nodes > 1 {
                variables.extend([
                    ("GOSSAMER_NODE", node.to_string()),
                    ("GOSSAMER_RENDEZVOUS", rendezvous.to_string()),
                    ("GOSSAMER_RENDEZVOUS_RESERVED", "true".to_owned()),
                    ("GOSSAMER_KEY", "c0de".repeat(16)),
                    ("GOSSAMER_FABRIC", self.fabric.to_string()),
                ]);
                #[cfg(feature = "rdma")]
                variables
                    .extend(super::rdma::device().map(|device| ("GOSSAMER_RDMA_DEVICE", device)));
            }
            Process::start(&Part::Node(plan), &variables)
        };
        let mut nodes: Vec<_> = (0..self.nodes).map(start).collect();
        for node in &mut nodes {
            let () = node.hear(); // it is there, so that the port is taken
        }
        drop(reserved);
        nodes
    }
}

/// What a node is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    node: usize,
    settings: Settings,
    job: Job,
}

/// What node 0 does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Job {
    Load(Load),
    Beside(Beside),
    /// See [`start`].
    Meet,
}

impl Plan {
    /// Is a node until the end.
    pub(super) fn play(&self) {
        let Settings {
            workers,
            cores,
            spins,
        } = &self.settings;
        let identity = Identity::from_env().expect("the environment is set");
        let mut builder = Builder::new()
            .workers(*workers)
            .idle(if *spins { Idle::Spin } else { Idle::Adaptive })
            .silence_max(SILENCE_MAX)
            .rack(identity);
        if !cores.is_empty() {
            let first = self.node * workers;
            builder = builder.pin_to(cores[first..first + workers].iter().copied());
        }
        let runtime = builder.build().expect("all come");
        say(&());
        if self.node > 0 {
            assert_eq!(runtime.serve(), 0, "the rack ends well");
            return;
        }
        match self.job {
            Job::Load(load) => say(&runtime.block_on(load::run(load))),
            Job::Beside(beside) => say(&runtime.block_on_with(move || beside::ask(beside))),
            Job::Meet => runtime.block_on(start::meet()),
        }
    }
}

/// A port of the system's choice, which stays bound and is shared with node 0.
fn reserve() -> rustix::io::Result<(OwnedFd, SocketAddr)> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    set_socket_reuseport(&socket, true)?;
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = getsockname(&socket)?;
    Ok((socket, address.try_into()?))
}

/// Longer than a node here has to wait for its turn.
const SILENCE_MAX: Duration = Duration::from_secs(600);
