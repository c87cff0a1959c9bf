//! Question: what do the parts of a task's life cost, next to other executors of one thread?
//!
//! Every executor runs the same bodies (`bodies.rs`), pinned on the first core that the process
//! may use; remote wakes go to and fro between the first two. Gossamer's idle strategy is its
//! default, `adaptive`; for remote wakes also `park`, as the rivals sleep at once.

mod batons;
mod bodies;
mod executors;

use gossamer_executor::Idle;

use self::executors::{AsyncExecutor, Gossamer, OneThread, Tokio};
use crate::harness::Options;
use crate::harness::bench::{Bench, Effort};
use crate::harness::machine::Machine;
use crate::harness::sweep::{Kind, Metric, Sweep};

/// Measures, prints, and writes the files that are asked for.
pub fn run(options: &Options) {
    let mut bench = Bench::start("executor", "64 tasks unless said otherwise", options);
    let machine = bench.machine.clone();
    let (rounds, millis) = if options.quick { (5, 30) } else { (15, 100) };
    let mut sweep = Sweep::new("parts of a task's life", "", PARTS, &METRICS).with_bars();
    add(
        &mut sweep,
        &machine,
        Kind::Ours,
        "gossamer",
        Gossamer(Idle::Adaptive),
    );
    sweep.add(Kind::Ours, "gossamer, park", |part, millis| {
        // What does not sleep is as above.
        (REMOTE_WAKE..=REMOTE_WAKES)
            .contains(&part)
            .then(|| run_part(part, &machine, Gossamer(Idle::Park), millis))
    });
    add(
        &mut sweep,
        &machine,
        Kind::Lock,
        "async-executor",
        AsyncExecutor,
    );
    add(&mut sweep, &machine, Kind::Messages, "tokio", Tokio);
    sweep.run(&mut bench, Effort { rounds, millis });
}

fn add<'a, E: OneThread>(
    sweep: &mut Sweep<'a>,
    machine: &'a Machine,
    kind: Kind,
    name: &str,
    executor: E,
) {
    sweep.add(kind, name, move |part, millis| {
        Some(run_part(part, machine, executor, millis))
    });
}

fn run_part<E: OneThread>(part: usize, machine: &Machine, executor: E, millis: u64) -> Vec<f64> {
    let rate = match part {
        0 => bodies::spawns(machine, executor, millis),
        1 => bodies::yields(machine, executor, millis),
        2 => bodies::local_wakes(machine, executor, millis),
        REMOTE_WAKE => bodies::remote_wakes(machine, executor, 1, millis),
        REMOTE_WAKES => bodies::remote_wakes(machine, executor, 64, millis),
        _ => bodies::timers(machine, executor, millis),
    };
    vec![rate / 1e6]
}

const PARTS: [&str; 6] = [
    "spawn, join",
    "yield",
    "local wake",
    "remote, 1",
    "remote, 64",
    "100k timers",
];

const REMOTE_WAKE: usize = 3;
const REMOTE_WAKES: usize = 4;

const METRICS: [Metric; 1] = [Metric {
    name: "million operations a second",
    is_drawn: true,
    is_cost: false,
    is_extreme: false,
}];
