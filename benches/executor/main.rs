//! Question: what do the parts of a task's life cost, next to other executors of one thread?
//!
//! `cargo bench --bench executor -- [--quick] [--json FILE]`
//!
//! Every executor runs the same bodies (`bodies.rs`), pinned on the first core that the process
//! may use; remote wakes go to and fro between the first two. Gossamer's idle strategy is its
//! default, `adaptive`; for remote wakes also `park`, as the rivals sleep at once.

mod batons;
mod bodies;
mod executors;
#[path = "../harness/mod.rs"]
mod harness;

use clap::Parser;
use gossamer_executor::Idle;

use crate::executors::{AsyncExecutor, Gossamer, OneThread, Tokio};
use crate::harness::Options;
use crate::harness::machine::Machine;
use crate::harness::report::{Ratio, Report};

fn main() {
    let options = Options::parse();
    let machine = Machine::detect();
    println!("{machine}");
    // The first claim counts the cores, and so is not to come from a thread that is pinned.
    drop(gossamer_executor::Claim::new());
    let mut report = Report::new(machine.clone(), &options);
    rows(&mut report, &machine, "gossamer", Gossamer(Idle::Adaptive));
    rows(&mut report, &machine, "async-executor", AsyncExecutor);
    rows(&mut report, &machine, "tokio", Tokio);
    report.row("remote wake, 1 task: gossamer, park", |millis| {
        bodies::remote_wakes(&machine, Gossamer(Idle::Park), 1, millis)
    });
    report.run(&RATIOS, &options);
}

fn rows<'a, E: OneThread>(report: &mut Report<'a>, machine: &'a Machine, name: &str, executor: E) {
    report.row(&format!("spawn and join: {name}"), move |millis| {
        bodies::spawns(machine, executor, millis)
    });
    report.row(&format!("yield: {name}"), move |millis| {
        bodies::yields(machine, executor, millis)
    });
    report.row(&format!("local wake: {name}"), move |millis| {
        bodies::local_wakes(machine, executor, millis)
    });
    for tasks in [1, 64] {
        let name = format!(
            "remote wake, {tasks} task{}: {name}",
            if tasks == 1 { "" } else { "s" }
        );
        report.row(&name, move |millis| {
            bodies::remote_wakes(machine, executor, tasks, millis)
        });
    }
    report.row(&format!("100,000 timers: {name}"), move |millis| {
        bodies::timers(machine, executor, millis)
    });
}

const RATIOS: [Ratio; 13] = [
    (
        "spawn and join, to async-executor",
        "spawn and join: gossamer",
        "spawn and join: async-executor",
    ),
    (
        "spawn and join, to tokio",
        "spawn and join: gossamer",
        "spawn and join: tokio",
    ),
    (
        "yield, to async-executor",
        "yield: gossamer",
        "yield: async-executor",
    ),
    ("yield, to tokio", "yield: gossamer", "yield: tokio"),
    (
        "local wake, to async-executor",
        "local wake: gossamer",
        "local wake: async-executor",
    ),
    (
        "local wake, to tokio",
        "local wake: gossamer",
        "local wake: tokio",
    ),
    (
        "remote wake, 1 task, to async-executor",
        "remote wake, 1 task: gossamer",
        "remote wake, 1 task: async-executor",
    ),
    (
        "remote wake, 1 task, to tokio",
        "remote wake, 1 task: gossamer",
        "remote wake, 1 task: tokio",
    ),
    (
        "remote wake, 1 task, park, to tokio",
        "remote wake, 1 task: gossamer, park",
        "remote wake, 1 task: tokio",
    ),
    (
        "remote wake, 64 tasks, to async-executor",
        "remote wake, 64 tasks: gossamer",
        "remote wake, 64 tasks: async-executor",
    ),
    (
        "remote wake, 64 tasks, to tokio",
        "remote wake, 64 tasks: gossamer",
        "remote wake, 64 tasks: tokio",
    ),
    (
        "100,000 timers, to async-io",
        "100,000 timers: gossamer",
        "100,000 timers: async-executor",
    ),
    (
        "100,000 timers, to tokio",
        "100,000 timers: gossamer",
        "100,000 timers: tokio",
    ),
];
