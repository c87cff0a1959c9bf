//! Question: what does a delegated operation cost over RDMA, next to plain verbs of the same device?
//!
//! Both nodes are processes of one host, which is what there is; the device is the one that
//! `GOSSAMER_RDMA_DEVICE` names, or the first. Soft-RoCE will do, as ratios are what counts.

mod bare_loop;
mod limits;
mod ring;
mod talk;
mod verbs;

use gossamer_transport::rack::rdma::survey;

pub(in crate::rack) use self::limits::Side;
use self::limits::{Slots, Stream, ping_pong, slots, stream};
use super::load::{How, Load, Outcome, Sides};
use super::node::{Fabric, Job, Shape};
use crate::harness::Options;
use crate::harness::bench::{Bench, Effort};
use crate::harness::report::{Ratio, Report};

/// Measures, prints, and writes the files that are asked for.
///
/// The program that calls this calls [`play_part`](super::play_part) first, as it is started again
/// for each process.
pub fn run(options: &Options) {
    let Some(device) = device() else {
        return eprintln!("rdma: this host has no RDMA device; `.ci/vm/run` starts one that has");
    };
    let mut bench = Bench::start("rdma", &format!("device {device}"), options);
    round_trips(&mut bench, &device);
    rates(&mut bench, &device);
    settings(&mut bench, &device);
}

/// The one that is asked for, or the first.
pub(super) fn device() -> Option<String> {
    let first = || Some(survey().ok()?.into_iter().next()?.name);
    std::env::var("GOSSAMER_RDMA_DEVICE").ok().or_else(first)
}

/// Requests that are awaited one by one, and as many bytes there and back by plain verbs.
fn round_trips(bench: &mut Bench, device: &str) {
    let machine = &bench.machine.clone();
    let two = &Shape::of_processes(machine, 2, Fabric::Rdma);
    // What is ours of it: here the bytes take next to no time.
    let shm = &Shape::of_processes(machine, 2, Fabric::Shm);
    let mut report = Report::new(ROUND_TRIPS, &bench.options);
    for bytes in [64, 256, 1024] {
        report.row(&format!("verbs, ping-pong of {bytes}"), move |millis| {
            ping_pong(machine, device, [bytes; 2], millis)
        });
    }
    for bytes in [256, 1024] {
        let name = format!("verbs, {bytes} there and {RESULT_BYTES} back");
        report.row(&name, move |millis| {
            ping_pong(machine, device, [bytes, RESULT_BYTES], millis)
        });
    }
    for (payload, of) in [(8, 64), (208, 256), (936, 1024)] {
        let name = format!("rdma, 1 task, slots of about {of}");
        report.row(&name, move |millis| {
            rate(two, How::Apply, 1, payload, millis)
        });
    }
    report.row("shm, 1 task", move |millis| {
        rate(shm, How::Apply, 1, 8, millis)
    });
    let effort = effort(bench);
    report.run(&RATIOS_OF_ROUND_TRIPS, bench, effort);
}

/// How much is asked for by many tasks, and what plain verbs move.
fn rates(bench: &mut Bench, device: &str) {
    let machine = &bench.machine.clone();
    let two = &Shape::of_processes(machine, 2, Fabric::Rdma);
    let mut report = Report::new(RATES, &bench.options);
    for bytes in [64, 256, 1024] {
        report.row(&format!("verbs, messages of {bytes}"), move |millis| {
            stream(machine, device, Stream::of(bytes), millis)
        });
    }
    let full = Slots {
        asked: 8 * (2 * REQUESTS + OTHER_WORDS),
        answered: 8 * (2 * REQUESTS + 1),
        under_way: SLOTS,
        requests: REQUESTS,
    };
    report.row("verbs, bare loop of requests", move |millis| {
        slots(machine, device, full, millis) * REQUESTS as f64
    });
    let plain = Slots {
        requests: 0,
        ..full
    };
    report.row("verbs, plain slots", move |millis| {
        slots(machine, device, plain, millis) * REQUESTS as f64
    });
    for tasks in [64, 256, 1024] {
        report.row(&format!("rdma, {tasks} tasks"), move |millis| {
            rate(two, How::Apply, tasks, 8, millis)
        });
    }
    report.row("rdma, apply_then, 1024 under way", move |millis| {
        rate(two, How::ApplyThen, 1024, 8, millis)
    });
    for (payload, of) in [(208, 256), (936, 1024)] {
        let name = format!("rdma, 64 tasks, payload of {payload}, for slots of {of}");
        report.row(&name, move |millis| {
            rate(two, How::Apply, 64, payload, millis)
        });
    }
    let effort = effort(bench);
    report.run(&RATIOS_OF_RATES, bench, effort);
}

/// What the settings of a queue pair do to a stream of messages by plain verbs.
fn settings(bench: &mut Bench, device: &str) {
    let machine = &bench.machine.clone();
    let mut report = Report::new(SETTINGS, &bench.options);
    let mut row = |name: String, of: Stream| {
        report.row(&name, move |millis| stream(machine, device, of, millis));
    };
    for signal_every in [1, 10, 100, 1000] {
        let of = Stream::of(64);
        row(
            format!("64 bytes, 1 in {signal_every} signalled"),
            Stream { signal_every, ..of },
        );
    }
    for bytes in [64, 256, 512] {
        let of = Stream::of(bytes);
        row(
            format!("{bytes} bytes, not inline"),
            Stream {
                is_inline: false,
                ..of
            },
        );
        row(format!("{bytes} bytes, inline"), of);
    }
    for chain in [1, 4, 32] {
        let of = Stream::of(64);
        row(
            format!("64 bytes, chains of {chain}"),
            Stream { chain, ..of },
        );
    }
    // Of two hosts with so many cores each: one for each worker and node, or for each two workers.
    for workers in [1, 4, 16] {
        for (kind, pairs) in [("linear", workers), ("quadratic", workers * workers)] {
            let of = Stream::of(64);
            row(
                format!("64 bytes, {workers} workers, {kind}: {pairs} queue pairs"),
                Stream { pairs, ..of },
            );
        }
    }
    let effort = effort(bench);
    report.run(&[], bench, effort);
}

/// Requests a second.
fn rate(shape: &Shape, how: How, depth: usize, bytes: usize, millis: u64) -> f64 {
    let load = Load {
        how,
        sides: Sides::One,
        depth,
        bytes,
        millis,
    };
    shape.run::<Outcome>(&Job::Load(load)).rate
}

fn effort(bench: &Bench) -> Effort {
    if bench.options.quick {
        Effort {
            rounds: 3,
            millis: 300,
        }
    } else {
        Effort {
            rounds: 9,
            millis: 500,
        }
    }
}

const ROUND_TRIPS: &str = "rdma round trips: two processes, one worker each, idle strategy spin";
const RATES: &str = "rdma rates: two processes, one worker each, idle strategy spin";
const SETTINGS: &str = "verbs: messages one way, 1 in 1000 signalled, inline, one at a time";
/// As many slots as ours are under way, with as many requests of eight bytes: of two words each, as
/// their results.
const SLOTS: usize = 8;
const REQUESTS: usize = 60;
/// What a slot of requests has beside them: the list of its calls, the property, the seal.
const OTHER_WORDS: usize = 5;
/// What goes back of one request: its header, eight bytes, the seal.
const RESULT_BYTES: usize = 24;

const RATIOS_OF_ROUND_TRIPS: [Ratio; 5] = [
    (
        "round trip, in ping-pongs of 64 (asked: at most 1.35)",
        "verbs, ping-pong of 64",
        "rdma, 1 task, slots of about 64",
    ),
    (
        "round trip, in ping-pongs of 256 (asked: at most 1.35)",
        "verbs, ping-pong of 256",
        "rdma, 1 task, slots of about 256",
    ),
    (
        "round trip, in ping-pongs of 1024 (asked: at most 1.35)",
        "verbs, ping-pong of 1024",
        "rdma, 1 task, slots of about 1024",
    ),
    (
        "round trip, in round trips of 256 there and 24 back",
        "verbs, 256 there and 24 back",
        "rdma, 1 task, slots of about 256",
    ),
    (
        "round trip, in round trips of 1024 there and 24 back",
        "verbs, 1024 there and 24 back",
        "rdma, 1 task, slots of about 1024",
    ),
];

const RATIOS_OF_RATES: [Ratio; 8] = [
    (
        "64 tasks, to messages of 64 one at a time",
        "rdma, 64 tasks",
        "verbs, messages of 64",
    ),
    (
        "256 tasks, to messages of 64 one at a time (asked: at least 10)",
        "rdma, 256 tasks",
        "verbs, messages of 64",
    ),
    (
        "1024 tasks, to messages of 64 one at a time (asked: at least 10)",
        "rdma, 1024 tasks",
        "verbs, messages of 64",
    ),
    (
        "apply_then, to messages of 64 one at a time",
        "rdma, apply_then, 1024 under way",
        "verbs, messages of 64",
    ),
    (
        "1024 tasks, to the bare loop (asked: at least 0.8)",
        "rdma, 1024 tasks",
        "verbs, bare loop of requests",
    ),
    (
        "apply_then, to the bare loop",
        "rdma, apply_then, 1024 under way",
        "verbs, bare loop of requests",
    ),
    (
        "64 tasks, payload of 208, to messages of 256 one at a time",
        "rdma, 64 tasks, payload of 208, for slots of 256",
        "verbs, messages of 256",
    ),
    (
        "64 tasks, payload of 936, to messages of 1024 one at a time",
        "rdma, 64 tasks, payload of 936, for slots of 1024",
        "verbs, messages of 1024",
    ),
];
