//! The start of a rack: how long until its nodes have met, and until every worker has asked every
//! other; and what memory that takes.

use std::fs;
use std::time::Instant;

use gossamer::rack::{self, Trust};

use super::node::{Fabric, Job, Shape};
use super::process::{Process, say, word};
use crate::harness::bench::{Bench, Effort};
use crate::harness::sweep::{Kind, Metric, Sweep};

/// Measures it by both fabrics.
pub(super) fn run(bench: &mut Bench) {
    let nodes: &[usize] = if bench.options.quick {
        &[2, 4]
    } else {
        &[2, 4, 8, 16]
    };
    let mut sweep = Sweep::new(TITLE, "nodes", nodes, &METRICS);
    for fabric in Fabric::ALL {
        sweep.add(Kind::Ours, &fabric.to_string(), move |point, _| {
            Some(measure(&Shape::anywhere(nodes[point], WORKERS, fabric)))
        });
    }
    let rounds = if bench.options.quick { 2 } else { 7 };
    sweep.run(bench, Effort { rounds, millis: 0 });
}

/// As `METRICS` says.
fn measure(shape: &Shape) -> Vec<f64> {
    let start = Instant::now();
    let mut nodes = shape.start(&Job::Meet);
    let met = start.elapsed();
    let memory_met = memory(&nodes);
    let asking = Instant::now();
    nodes[0].go_on();
    let () = nodes[0].hear();
    let asked = asking.elapsed();
    let memory_asked = memory(&nodes);
    let ending = Instant::now();
    nodes.into_iter().for_each(Process::finish);
    vec![
        met.as_secs_f64() * 1e3,
        asked.as_secs_f64() * 1e3,
        memory_met,
        memory_asked,
        ending.elapsed().as_secs_f64() * 1e3,
    ]
}

/// Does it on node 0.
pub(super) async fn meet() {
    word().await;
    let mut counters = Vec::new();
    for trustee in rack::trustees() {
        counters.push(rack::entrust_on(trustee, |()| 0_u64, ()).await);
    }
    let tasks: Vec<_> = (0..rack::workers())
        .map(|worker| rack::spawn_on(worker, ask_all, counters.clone()))
        .collect();
    for task in tasks {
        task.await.expect("a task runs");
    }
    for counter in &counters {
        let asked = counter.apply(|asked| *asked).await;
        assert_eq!(asked, rack::workers() as u64, "all have asked");
    }
    say(&());
    word().await;
}

async fn ask_all(counters: Vec<Trust<u64>>) {
    for counter in &counters {
        counter.apply(|asked| *asked += 1).await;
    }
}

/// Mebibytes a node, what processes share divided among them.
fn memory(nodes: &[Process]) -> f64 {
    let all = nodes.iter().map(|node| {
        let path = format!("/proc/{}/smaps_rollup", node.id());
        let text = fs::read_to_string(path).expect("it runs");
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kibibytes: f64 = number.and_then(|n| n.parse().ok()).expect("a number");
        kibibytes / 1024.0
    });
    all.sum::<f64>() / nodes.len() as f64
}

const WORKERS: usize = 2;

const TITLE: &str = "start of nodes of two workers; nothing is pinned";

const METRICS: [Metric; 5] = [
    metric("ms until all have met"),
    metric("ms until each worker has asked each"),
    metric("MiB a node when all have met"),
    metric("MiB a node when each has asked each"),
    metric("ms until all have ended"),
];

const fn metric(name: &'static str) -> Metric {
    Metric {
        name,
        is_drawn: true,
        is_cost: true,
        is_extreme: false,
    }
}
