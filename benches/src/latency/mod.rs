//! Question: how long does one request take, from asking to answer, and how long at the worst?
//!
//! *Closed loop*: tasks on the first core ask for something of the second, each again when it has
//! its answer. *Open loop*: requests fall due at random times, at a rate that does not care
//! whether the ones before have been answered; what counts is the time since one was due, so
//! that a stall is seen by all that had to wait for it.

mod actor;
mod arrivals;
mod delegated;
pub(crate) mod recorder;
mod schedule;
mod threads;

use gossamer::Idle;

use crate::harness::Options;
use crate::harness::bench::{Bench, Effort};
use crate::harness::machine::Machine;
use crate::harness::sweep::{Kind, Metric, Sweep};

/// Measures, prints, and writes the files that are asked for.
pub fn run(options: &Options) {
    let mut bench = Bench::start("latency", "fetch-and-add on one object", options);
    let machine = bench.machine.clone();
    let effort = Effort {
        rounds: 5,
        millis: if options.quick { 40 } else { 400 },
    };
    closed_loop(&machine).run(&mut bench, effort);
    open_loop(&machine).run(&mut bench, effort);
}

fn closed_loop(machine: &Machine) -> Sweep<'_> {
    const TASKS: [usize; 2] = [1, 64];
    let mut sweep = Sweep::new(
        "closed loop: how long a request takes",
        "tasks",
        TASKS,
        &QUANTILES,
    )
    .we_lose_because(NEAR);
    sweep.add(Kind::Ours, "apply", |point, millis| {
        Some(delegated::closed(machine, Idle::Spin, TASKS[point], millis))
    });
    sweep.add(Kind::Ours, "apply, workers park", |point, millis| {
        Some(delegated::closed(machine, Idle::Park, TASKS[point], millis))
    });
    sweep.add(Kind::Lock, "std Mutex, two threads", |point, millis| {
        (point == 0).then(|| threads::closed(machine, millis))
    });
    sweep.add(
        Kind::Messages,
        "tokio Mutex, two threads",
        |point, millis| Some(threads::tokio_closed(machine, TASKS[point], millis)),
    );
    sweep.add(Kind::Messages, "tokio actor", |point, millis| {
        Some(actor::closed(machine, TASKS[point], millis))
    });
    sweep
}

fn open_loop(machine: &Machine) -> Sweep<'_> {
    const RATES: [f64; 7] = [1e4, 1e5, 3e5, 1e6, 3e6, 1e7, 2e7];
    let points = ["10 k", "100 k", "300 k", "1 M", "3 M", "10 M", "20 M"];
    let mut sweep = Sweep::new(
        "open loop: how long from when it was due",
        "requests offered a second",
        points,
        &QUANTILES,
    )
    .we_lose_because(NEAR);
    sweep.add(Kind::Ours, "apply_then", |point, millis| {
        delegated::open(machine, Idle::Spin, RATES[point], millis)
    });
    sweep.add(Kind::Ours, "apply_then, trustee parks", |point, millis| {
        delegated::open(machine, Idle::Park, RATES[point], millis)
    });
    sweep.add(Kind::Lock, "std Mutex, two threads", |point, millis| {
        threads::open(machine, RATES[point], millis)
    });
    sweep.add(Kind::Messages, "tokio actor", |point, millis| {
        actor::open(machine, RATES[point], millis)
    });
    sweep
}

const NEAR: &str = "a lock that is free is taken where its thread runs, and two threads of short \
    sections seldom meet; a request goes to another core and back.";

const QUANTILES: [Metric; 5] = [
    Metric {
        name: "median, µs",
        is_drawn: true,
        is_cost: true,
        is_extreme: false,
    },
    Metric {
        name: "99 % within, µs",
        is_drawn: false,
        is_cost: true,
        is_extreme: false,
    },
    Metric {
        name: "99.9 % within, µs",
        is_drawn: true,
        is_cost: true,
        is_extreme: false,
    },
    Metric {
        name: "longest of all, µs",
        is_drawn: false,
        is_cost: true,
        is_extreme: true,
    },
    Metric {
        name: "99.9 % within, in medians",
        is_drawn: false,
        is_cost: true,
        is_extreme: false,
    },
];
