//! Several nodes in one process.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use gossamer::rack::{Identity, NodeLoss, Trustee};
use gossamer::{Builder, Runtime};

use crate::process::Port;

/// The nodes of a rack, of which the test runs on the first.
pub(super) struct Nodes {
    pub(super) runtimes: Vec<Option<Runtime>>,
}

impl Nodes {
    /// So many nodes, of two workers each, that survive each other.
    pub(super) fn start(nodes: usize) -> Self {
        Self::start_with(nodes, |_| {}, |builder| builder.workers(2))
    }

    pub(super) fn start_with(
        nodes: usize,
        told: impl Fn(&NodeLoss) + Send + Sync + 'static,
        set: impl Fn(Builder) -> Builder + Send + Sync,
    ) -> Self {
        let port = Port::reserved();
        let rendezvous = port.address().to_string();
        let told = Arc::new(told);
        let build = |node: usize| {
            let identity = identity(node, nodes, &rendezvous);
            let told = Arc::clone(&told);
            let builder = Builder::new()
                .rack(identity)
                .silence_max(SILENCE_MAX)
                .node_loss_hook(move |loss| told(loss));
            set(builder).build().expect("a node starts")
        };
        let runtimes = std::thread::scope(|scope| {
            let build = &build;
            let starting: Vec<_> = (0..nodes)
                .map(|node| scope.spawn(move || build(node)))
                .collect();
            starting
                .into_iter()
                .map(|node| Some(node.join().expect("no panic")))
                .collect()
        });
        Self { runtimes }
    }

    /// Runs a future on node 0.
    pub(super) fn block_on<Fut: Future<Output: Send> + Send>(&self, future: Fut) -> Fut::Output {
        self.run_on(0, future)
    }

    /// Runs a future on a node.
    pub(super) fn run_on<Fut: Future<Output: Send> + Send>(
        &self,
        node: usize,
        future: Fut,
    ) -> Fut::Output {
        self.runtimes[node]
            .as_ref()
            .expect("it lives")
            .block_on(future)
    }

    /// Ends a node, which the others take for its loss.
    pub(super) fn lose(&mut self, node: usize) {
        drop(self.runtimes[node].take());
    }
}

/// The first trustee of a node.
pub(super) fn on(node: usize) -> Trustee {
    let all = gossamer::rack::trustees();
    let first = all.into_iter().find(|trustee| trustee.node() == node);
    first.expect("there is such a node")
}

impl Drop for Nodes {
    /// Node 0 ends the rack, the others go when they hear of it.
    fn drop(&mut self) {
        let mut runtimes = self.runtimes.drain(..);
        let first = runtimes.next();
        std::thread::scope(|scope| {
            for node in runtimes.flatten() {
                scope.spawn(move || {
                    node.serve();
                    drop(node);
                });
            }
            drop(first);
        });
    }
}

fn identity(node: usize, nodes: usize, rendezvous: &str) -> Identity {
    let key = "5eed".repeat(16);
    let variable = |name: &str| {
        Some(match name {
            "GOSSAMER_NODE" => node.to_string(),
            "GOSSAMER_NODES" => nodes.to_string(),
            "GOSSAMER_RENDEZVOUS" => rendezvous.to_owned(),
            "GOSSAMER_RENDEZVOUS_RESERVED" => "true".to_owned(),
            "GOSSAMER_KEY" => key.clone(),
            "GOSSAMER_FABRIC" => super::FABRIC.to_owned(),
            "GOSSAMER_ON_NODE_LOSS" => "survive".to_owned(),
            _ => return None,
        })
    };
    Identity::from_variables(variable).expect("all is set")
}

/// Longer than any thread here may wait for its turn.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(600);
