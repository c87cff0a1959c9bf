//! Sweeps over the payload of a request, and over the number of nodes.

use super::load::{How, Load, Outcome, Sides};
use super::node::{Fabric, Job, Shape};
use crate::harness::bench::{Bench, Effort};
use crate::harness::sweep::{Kind, Metric, Sweep};

/// Measures both.
pub(super) fn run(bench: &mut Bench) {
    payloads(bench, "1 task", How::Apply, 1, 1 << 20);
    payloads(bench, "64 tasks on one side", How::Apply, 64, 1 << 20);
    // Of the largest there is no memory for as many.
    payloads(bench, "256 tasks on one side", How::Apply, 256, 1 << 14);
    let then = "apply_then, 256 under way on one side";
    payloads(bench, then, How::ApplyThen, 256, 1 << 14);
    nodes(bench);
}

fn payloads(bench: &mut Bench, what: &str, how: How, depth: usize, bytes_max: usize) {
    let machine = bench.machine.clone();
    let sizes: &[usize] = if bench.options.quick {
        &[8, 64, 1 << 14, 1 << 20]
    } else {
        &[
            8,
            16,
            32,
            64,
            256,
            1 << 10,
            1 << 12,
            1 << 14,
            1 << 16,
            1 << 18,
            1 << 20,
        ]
    };
    let sizes = sizes.iter().copied().filter(|bytes| *bytes <= bytes_max);
    let sizes: &Vec<_> = &sizes.collect();
    let title = format!("payload of a request, {what}");
    let mut sweep = Sweep::new(&title, "bytes", sizes, &METRICS);
    let two = |fabric| Shape::of_processes(&machine, 2, fabric);
    let shapes = [
        (Kind::Ours, "two processes, shm", two(Fabric::Shm)),
        (Kind::Ours, "two processes, tcp", two(Fabric::Tcp)),
        // There a payload of more than 64 bytes is moved and not copied.
        (Kind::Limit, "one process", Shape::in_process(&machine)),
    ];
    for (kind, name, shape) in shapes {
        sweep.add(kind, name, move |point, millis| {
            let bytes = sizes[point];
            let load = Load {
                how,
                sides: Sides::One,
                depth,
                bytes,
                millis,
            };
            let Outcome { rate, .. } = shape.run(&Job::Load(load));
            Some(vec![rate / 1e3, rate * bytes as f64 / 1e9])
        });
    }
    let effort = effort(bench);
    sweep.run(bench, effort);
}

fn nodes(bench: &mut Bench) {
    let machine = bench.machine.clone();
    const NODES: [usize; 2] = [2, 4];
    let title = "nodes of one worker that ask the next one, 64 tasks each, 8 bytes";
    let mut sweep = Sweep::new(title, "nodes", NODES, &METRICS).with_bars();
    let contenders = [
        (Kind::Ours, "processes, shm", Some(Fabric::Shm)),
        (Kind::Ours, "processes, tcp", Some(Fabric::Tcp)),
        (Kind::Limit, "one process with as many workers", None),
    ];
    for (kind, name, fabric) in contenders {
        let machine = &machine;
        sweep.add(kind, name, move |point, millis| {
            let shape = match fabric {
                Some(fabric) => Shape::of_processes(machine, NODES[point], fabric),
                None => Shape::in_process_of(machine, NODES[point]),
            };
            let load = Load {
                how: How::Apply,
                sides: Sides::All,
                depth: 64,
                bytes: 8,
                millis,
            };
            let Outcome { rate, .. } = shape.run(&Job::Load(load));
            Some(vec![rate / 1e3, rate * 8.0 / 1e9])
        });
    }
    let effort = effort(bench);
    sweep.run(bench, effort);
}

fn effort(bench: &Bench) -> Effort {
    if bench.options.quick {
        Effort {
            rounds: 3,
            millis: 30,
        }
    } else {
        Effort {
            rounds: 7,
            millis: 200,
        }
    }
}

const METRICS: [Metric; 2] = [
    Metric {
        name: "thousand requests a second",
        is_drawn: true,
        is_cost: false,
        is_extreme: false,
    },
    Metric {
        name: "gigabytes of arguments a second",
        is_drawn: true,
        is_cost: false,
        is_extreme: false,
    },
];
