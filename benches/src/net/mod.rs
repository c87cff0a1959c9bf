//! Question: what does a message over a socket cost, next to other runtimes?
//!
//! Clients and servers are tasks of one process and talk over loopback: 64 bytes there, 64 bytes
//! back, then the next. Nothing is pinned, as not all contenders can be.

mod echo;

use self::echo::Echo;
use crate::harness::Options;
use crate::harness::bench::{Bench, Effort};
use crate::harness::sweep::{Kind, Metric, Sweep};

/// Measures, prints, and writes the files that are asked for.
pub fn run(options: &Options) {
    let mut bench = Bench::start(
        "net",
        "64 bytes there and back over loopback; here nothing is pinned",
        options,
    );
    let cores = bench.machine.cores.len();
    let (rounds, millis) = if options.quick { (5, 100) } else { (9, 300) };
    let loads = [(1, 1), (1, 50), (cores, 100), (cores, 1_000)];
    let points = loads.map(|(threads, connections)| format!("{threads}, {connections}"));
    let mut sweep = Sweep::new("echo", "threads, connections", points, &METRICS).with_bars();
    let contenders = [
        (Kind::Ours, "gossamer", Echo::Gossamer),
        (Kind::Messages, "tokio", Echo::Tokio),
        (Kind::Lock, "smol", Echo::Smol),
    ];
    for (kind, name, echo) in contenders {
        sweep.add(kind, name, move |point, millis| {
            let (threads, connections) = loads[point];
            let sample = echo.run(threads, connections, millis)?;
            Some(vec![sample.rate / 1e3, sample.cpu_ns / 1e3])
        });
    }
    sweep.run(&mut bench, Effort { rounds, millis });
}

const METRICS: [Metric; 2] = [
    Metric {
        name: "thousand messages a second",
        is_drawn: true,
        is_cost: false,
        is_extreme: false,
    },
    Metric {
        name: "processor time a message, µs",
        is_drawn: true,
        is_cost: true,
        is_extreme: false,
    },
];
