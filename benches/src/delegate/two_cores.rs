//! One object and two cores: the cost of a request, next to its limits and its rivals.

use super::gossamer_side::{self, Sides};
use super::ratios::RATIOS;
use super::{actors, bare_loop, locks, ping_pong};
use crate::harness::bench::{Bench, Effort};
use crate::harness::machine::Machine;
use crate::harness::report::Report;

/// Tasks a worker that have a request under way.
const DEPTHS: [usize; 3] = [1, 64, 256];

/// Measures it all.
pub(crate) fn run(bench: &mut Bench) {
    let machine = bench.machine.clone();
    let mut report = Report::new(TITLE, &bench.options);
    limits_and_delegation(&mut report, &machine);
    rivals(&mut report, &machine);
    let (rounds, millis) = if bench.options.quick {
        (5, 60)
    } else {
        (15, 150)
    };
    report.run(&RATIOS, bench, Effort { rounds, millis });
}

/// What is compared stands side by side.
fn limits_and_delegation<'a>(report: &mut Report<'a>, machine: &'a Machine) {
    report.row("cache-line ping-pong", |millis| {
        ping_pong::run(machine, millis)
    });
    for depth in DEPTHS {
        let name = format!("apply, one side, {depth} tasks");
        report.row(&name, move |millis| {
            gossamer_side::apply(machine, depth, Sides::One, millis)
        });
    }
    for depth in &DEPTHS[1..] {
        let name = format!("apply, both sides, {depth} tasks");
        report.row(&name, |millis| {
            gossamer_side::apply(machine, *depth, Sides::Both, millis)
        });
    }
    report.row("bare slot loop, both sides", |millis| {
        bare_loop::run(machine, millis)
    });
    for depth in &DEPTHS[1..] {
        let name = format!("apply_then, both sides, {depth} under way");
        report.row(&name, |millis| {
            gossamer_side::apply_then(machine, *depth, millis)
        });
    }
}

fn rivals<'a>(report: &mut Report<'a>, machine: &'a Machine) {
    report.row("std Mutex, both threads, one object", |millis| {
        locks::std_contended(machine, millis)
    });
    for depth in &DEPTHS[1..] {
        let name = format!("tokio Mutex, one object, {depth} tasks a thread");
        report.row(&name, |millis| {
            locks::tokio_contended(machine, *depth, millis)
        });
    }
    for depth in DEPTHS {
        let name = format!("tokio actor (mpsc+oneshot), {depth} tasks");
        report.row(&name, move |millis| {
            actors::tokio_pair(machine, depth, millis)
        });
    }
    for depth in &DEPTHS[1..] {
        let name = format!("async-channel actor, {depth} tasks");
        report.row(&name, |millis| {
            actors::async_channel_pair(machine, *depth, millis)
        });
        let name = format!("kameo actor, {depth} tasks");
        report.row(&name, |millis| actors::kameo_pair(machine, *depth, millis));
    }
    report.row("apply, local", |millis| {
        gossamer_side::local(machine, millis)
    });
    report.row("std Mutex, uncontended", locks::std_uncontended);
}

const TITLE: &str = "one object, two cores, idle strategy spin, 8 bytes";
