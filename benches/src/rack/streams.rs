//! What the processors take for the bytes of a connection, next to plain sockets that write as
//! much at a time.

use std::cell::Cell;

use super::load::{How, Load, Outcome, Sides};
use super::node::{Fabric, Job, Shape};
use super::raw_tcp;
use crate::harness::bench::{Bench, Effort};
use crate::harness::sweep::{Kind, Metric, Sweep};

/// Measures it.
pub(super) fn run(bench: &mut Bench) {
    let machine = bench.machine.clone();
    let two = Shape::of_processes(&machine, 2, Fabric::Tcp);
    let shapes = [
        ("rack, workers that park", two.clone().parking()),
        ("rack, workers that spin", two),
    ];
    let points = LOADS.map(|(depth, bytes)| match bytes >> 10 {
        0 => format!("{depth} of {bytes}"),
        kibibytes => format!("{depth} of {kibibytes} Ki"),
    });
    // What the rack has written at a time in this round; the raw stream comes after it.
    let written = LOADS.map(|_| Cell::new(0));
    let written = &written;
    let mut sweep = Sweep::new(TITLE, "tasks, bytes", points, &METRICS).with_bars();
    for (index, (name, shape)) in shapes.into_iter().enumerate() {
        sweep.add(Kind::Ours, name, move |point, millis| {
            let (depth, bytes) = LOADS[point];
            let load = Load {
                how: How::Apply,
                sides: Sides::One,
                depth,
                bytes,
                millis,
            };
            let Outcome { count, used, .. } = shape.run(&Job::Load(load));
            let write_bytes = used.bytes as f64 / used.writes as f64;
            if index == 0 {
                written[point].set(write_bytes as usize);
            }
            Some(vec![
                used.bytes as f64 / used.cpu / 1e9,
                (count * bytes as u64) as f64 / used.cpu / 1e9,
                write_bytes,
                used.images as f64 / used.writes as f64,
            ])
        });
    }
    let machine = &machine;
    sweep.add(
        Kind::Limit,
        "raw stream, equal writes",
        move |point, millis| {
            let write_bytes = written[point].get();
            let rate = raw_tcp::bytes_a_cpu_second(machine, write_bytes, millis) / 1e9;
            Some(vec![rate, rate, write_bytes as f64, f64::NAN])
        },
    );
    let (rounds, millis) = if bench.options.quick {
        (3, 50)
    } else {
        (7, 300)
    };
    sweep.run(bench, Effort { rounds, millis });
}

const TITLE: &str =
    "tcp: bytes for processor time (asked: half of the raw stream; two images a write)";

/// Tasks on one side, and the arguments of each request.
const LOADS: [(usize, usize); 6] = [
    (64, 8),
    (256, 8),
    (256, 64),
    (64, 1 << 10),
    (64, 1 << 14),
    (16, 1 << 20),
];

const METRICS: [Metric; 4] = [
    Metric {
        name: "gigabytes written a processor second",
        is_drawn: true,
        is_cost: false,
        is_extreme: false,
    },
    Metric {
        name: "gigabytes of arguments a processor second",
        is_drawn: false,
        is_cost: false,
        is_extreme: false,
    },
    Metric {
        name: "bytes a write",
        is_drawn: false,
        is_cost: false,
        is_extreme: false,
    },
    Metric {
        name: "slot images a write",
        is_drawn: false,
        is_cost: false,
        is_extreme: false,
    },
];
