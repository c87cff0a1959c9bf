//! What workers do over RDMA, as the metrics tell.

use std::time::{Duration, Instant};

use gossamer::RdmaMetrics;
use gossamer::rack::{self, Trust};
use gossamer_transport::rack::rdma::SIGNAL_EVERY;

use super::nodes::{Nodes, on};

/// One for each worker and remote node, at either end: the number grows with the nodes and not with
/// the pairs of workers.
#[test]
fn queue_pairs_are_workers_times_remote_nodes() {
    const NODES: usize = 3;
    const WORKERS: usize = 2; // of which each node has so many
    let nodes = Nodes::start(NODES);
    nodes.block_on(async {
        let mut counters = Vec::new();
        for trustee in rack::trustees() {
            counters.push(rack::entrust_on(trustee, |_: ()| 0_u64, ()).await);
        }
        let call_all = async |counters: Vec<Trust<u64>>| {
            for counter in counters {
                counter.apply(|n| *n += 1).await;
            }
        };
        let tasks = (0..rack::workers()).map(|at| rack::spawn_on(at, call_all, counters.clone()));
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("no panic");
        }
    });
    let remote = NODES as u64 - 1;
    for node in 0..NODES {
        // They may yet have to look.
        let workers = settled(&nodes, node, |workers| {
            workers.iter().all(|worker| worker.writes > 0)
        });
        assert_eq!(workers.len(), WORKERS);
        for worker in &workers {
            assert_eq!(worker.queue_pairs, remote, "{workers:?}");
        }
        let attended: u64 = workers
            .iter()
            .map(|worker| worker.queue_pairs_attended)
            .sum();
        assert_eq!(attended, WORKERS as u64 * remote, "{workers:?}");
    }
}

/// As many completions as WRITEs divided by the number after which one is signalled, and those that
/// a sleep or a full queue asks for.
#[test]
fn completions_are_counted_by_cause() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let counter = rack::entrust_on(on(1), |_: ()| 0_u64, ()).await;
        for _ in 0..CALLS {
            counter.apply(|n| *n += 1).await;
        }
    });
    for node in 0..2 {
        // Each call was awaited before the next, and so was a WRITE, and its answer.
        let all = settled(&nodes, node, |workers| {
            workers.iter().map(|worker| worker.writes).sum::<u64>() >= CALLS
        });
        for worker in &all {
            let every = worker.writes / u64::from(SIGNAL_EVERY);
            assert_eq!(worker.signals_every, every, "{worker:?}");
        }
    }
}

/// What the workers of a node tell when they know of all this, and all that was signalled is done.
fn settled(
    nodes: &Nodes,
    node: usize,
    is_known: impl Fn(&[RdmaMetrics]) -> bool,
) -> Vec<RdmaMetrics> {
    let asked = |rdma: &RdmaMetrics| rdma.signals_every + rdma.signals_full + rdma.signals_idle;
    let began = Instant::now();
    loop {
        let workers = nodes.run_on(node, async {
            // They look when they have nothing to do.
            gossamer::time::sleep(LOOK_PAUSE).await;
            gossamer::metrics()
        });
        let workers: Vec<_> = workers.into_iter().map(|worker| worker.rdma).collect();
        let is_done = |rdma: &RdmaMetrics| rdma.completions == asked(rdma);
        if is_known(&workers) && workers.iter().all(is_done) {
            return workers;
        }
        assert!(began.elapsed() < PATIENCE, "{workers:?}");
    }
}

const CALLS: u64 = 2 * SIGNAL_EVERY as u64;
/// For longer than this nothing here takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_PAUSE: Duration = Duration::from_millis(10);
