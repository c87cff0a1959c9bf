//! Requests of eight bytes between two cores: of one process and of two, with the limits of both,
//! and what else could be asked over TCP.

use super::bare_loop::{self, MANY, ONE};
use super::load::{How, Load, Outcome, Sides};
use super::node::{Fabric, Job, Shape};
use super::raw_tcp::{self, Wait};
use super::rivals::{self, Library};
use crate::delegate::ping_pong;
use crate::harness::bench::{Bench, Effort};
use crate::harness::machine::Machine;
use crate::harness::report::{Ratio, Report};

/// Measures it by both fabrics.
pub(super) fn run(bench: &mut Bench) {
    let machine = bench.machine.clone();
    shm(bench, &machine);
    tcp(bench, &machine);
}

fn shm(bench: &mut Bench, machine: &Machine) {
    let one_process = Shape::in_process(machine);
    let two = Shape::of_processes(machine, 2, Fabric::Shm);
    let mut report = Report::new(SHM, &bench.options);
    report.row("cache-line ping-pong", |millis| {
        ping_pong::run(machine, millis)
    });
    report.row("bare loop, one at a time", |millis| {
        bare_loop::run(machine, ONE, millis)
    });
    report.row("bare loop, both sides", |millis| {
        bare_loop::run(machine, MANY, millis)
    });
    for (name, how, sides, depth) in LOADS {
        for (place, shape) in [("in process", &one_process), ("shm", &two)] {
            let name = format!("{place}, {name}");
            report.row(&name, move |millis| rate(shape, how, sides, depth, millis));
        }
    }
    let effort = effort(bench);
    report.run(&SHM_RATIOS, bench, effort);
}

fn tcp(bench: &mut Bench, machine: &Machine) {
    let two = &Shape::of_processes(machine, 2, Fabric::Tcp);
    let mut report = Report::new(TCP, &bench.options);
    for (name, wait) in [("blocking", Wait::Blocking), ("spinning", Wait::Spinning)] {
        let name = format!("raw ping-pong, {name}");
        report.row(&name, move |millis| {
            raw_tcp::ping_pong(machine, wait, 1, millis)
        });
    }
    report.row("raw ping-pong of 64 requests, spinning", |millis| {
        64.0 * raw_tcp::ping_pong(machine, Wait::Spinning, 64, millis)
    });
    for (name, how, sides, depth) in LOADS.into_iter().chain([MANY_TASKS]) {
        let name = format!("tcp, {name}");
        report.row(&name, move |millis| rate(two, how, sides, depth, millis));
    }
    for (library, name) in Library::ALL {
        for tasks in [1, 64, 256, 1024] {
            let name = format!("{name}, {tasks} tasks");
            report.row(&name, move |millis| {
                rivals::run(machine, library, tasks, millis)
            });
        }
    }
    let effort = effort(bench);
    report.run(&TCP_RATIOS, bench, effort);
}

/// Requests a second.
fn rate(shape: &Shape, how: How, sides: Sides, depth: usize, millis: u64) -> f64 {
    let load = Load {
        how,
        sides,
        depth,
        bytes: 8,
        millis,
    };
    shape.run::<Outcome>(&Job::Load(load)).rate
}

fn effort(bench: &Bench) -> Effort {
    if bench.options.quick {
        Effort {
            rounds: 3,
            millis: 60,
        }
    } else {
        Effort {
            rounds: 11,
            millis: 200,
        }
    }
}

const LOADS: [(&str, How, Sides, usize); 6] = [
    ("1 task", How::Apply, Sides::One, 1),
    ("64 tasks, one side", How::Apply, Sides::One, 64),
    ("256 tasks, one side", How::Apply, Sides::One, 256),
    ("64 tasks, both sides", How::Apply, Sides::All, 64),
    ("256 tasks, both sides", How::Apply, Sides::All, 256),
    (
        "apply_then, 256 under way, both sides",
        How::ApplyThen,
        Sides::All,
        256,
    ),
];

/// By TCP alone.
const MANY_TASKS: (&str, How, Sides, usize) =
    ("1024 tasks, one side", How::Apply, Sides::One, 1024);

const SHM: &str = "shm: two processes, one worker each, idle strategy spin, 8 bytes";
const TCP: &str = "tcp: two processes, one worker each, idle strategy spin, 8 bytes";

const SHM_RATIOS: [Ratio; 10] = [
    (
        "round trip, in those in process (asked: at most 1.5)",
        "in process, 1 task",
        "shm, 1 task",
    ),
    (
        "64 tasks, one side, to in process (asked: at least 0.7)",
        "shm, 64 tasks, one side",
        "in process, 64 tasks, one side",
    ),
    (
        "256 tasks, one side, to in process (asked: at least 0.7)",
        "shm, 256 tasks, one side",
        "in process, 256 tasks, one side",
    ),
    (
        "64 tasks, both sides, to in process (asked: at least 0.7)",
        "shm, 64 tasks, both sides",
        "in process, 64 tasks, both sides",
    ),
    (
        "256 tasks, both sides, to in process (asked: at least 0.7)",
        "shm, 256 tasks, both sides",
        "in process, 256 tasks, both sides",
    ),
    (
        "apply_then, to in process (asked: at least 0.7)",
        "shm, apply_then, 256 under way, both sides",
        "in process, apply_then, 256 under way, both sides",
    ),
    (
        "round trip, in cache-line ping-pongs",
        "cache-line ping-pong",
        "shm, 1 task",
    ),
    (
        "round trip, in those of the bare loop",
        "bare loop, one at a time",
        "shm, 1 task",
    ),
    (
        "256 tasks, both sides, to the bare loop",
        "shm, 256 tasks, both sides",
        "bare loop, both sides",
    ),
    (
        "apply_then, to the bare loop",
        "shm, apply_then, 256 under way, both sides",
        "bare loop, both sides",
    ),
];

const TCP_RATIOS: [Ratio; 16] = [
    (
        "round trip, in raw ping-pongs, spinning (asked: at most 1.4)",
        "raw ping-pong, spinning",
        "tcp, 1 task",
    ),
    (
        "round trip, in raw ping-pongs, blocking",
        "raw ping-pong, blocking",
        "tcp, 1 task",
    ),
    (
        "64 tasks, to raw ping-pongs of 64 requests",
        "tcp, 64 tasks, one side",
        "raw ping-pong of 64 requests, spinning",
    ),
    (
        "raw ping-pongs of 64 requests, to tarpc",
        "raw ping-pong of 64 requests, spinning",
        "tarpc, 64 tasks",
    ),
    ("1 task, to tarpc", "tcp, 1 task", "tarpc, 1 tasks"),
    (
        "64 tasks, to tarpc (asked: at least 20)",
        "tcp, 64 tasks, one side",
        "tarpc, 64 tasks",
    ),
    (
        "256 tasks, to tarpc (asked: at least 20)",
        "tcp, 256 tasks, one side",
        "tarpc, 256 tasks",
    ),
    (
        "1024 tasks, to tarpc",
        "tcp, 1024 tasks, one side",
        "tarpc, 1024 tasks",
    ),
    ("1 task, to tonic", "tcp, 1 task", "tonic, 1 tasks"),
    (
        "64 tasks, to tonic (asked: at least 20)",
        "tcp, 64 tasks, one side",
        "tonic, 64 tasks",
    ),
    (
        "256 tasks, to tonic (asked: at least 20)",
        "tcp, 256 tasks, one side",
        "tonic, 256 tasks",
    ),
    (
        "1024 tasks, to tonic",
        "tcp, 1024 tasks, one side",
        "tonic, 1024 tasks",
    ),
    ("1 task, to ractor", "tcp, 1 task", "ractor, 1 tasks"),
    (
        "64 tasks, to ractor",
        "tcp, 64 tasks, one side",
        "ractor, 64 tasks",
    ),
    (
        "256 tasks, to ractor",
        "tcp, 256 tasks, one side",
        "ractor, 256 tasks",
    ),
    (
        "1024 tasks, to ractor",
        "tcp, 1024 tasks, one side",
        "ractor, 1024 tasks",
    ),
];
