//! Question: what does a delegated fetch-and-add cost, next to what the machine can do and to
//! what else a program could do?
//!
//! `cargo bench --bench delegate -- [--quick] [--json FILE]`
//!
//! Everything runs pinned on the first two cores that the process may use, with the idle strategy
//! `spin`, on a payload of eight bytes. All rows are measured in turn, round after round, as a
//! machine may change its pace from one second to the next. A figure is the median of the rounds,
//! printed with its range; a ratio is the median of the ratios within each round.

mod actor;
mod bare_loop;
mod gossamer_side;
#[path = "../harness/mod.rs"]
mod harness;
mod locks;
mod ping_pong;
mod ratios;

use clap::Parser;

use crate::gossamer_side::Sides;
use crate::harness::Options;
use crate::harness::machine::Machine;
use crate::harness::report::Report;
use crate::ratios::RATIOS;

/// Tasks a worker that have a request under way.
const DEPTHS: [usize; 3] = [1, 64, 256];

fn main() {
    let options = Options::parse();
    let machine = Machine::detect();
    println!("{machine}; idle: spin; payload: 8 bytes");
    let mut report = Report::new(machine.clone(), &options);
    limits_and_delegation(&mut report, &machine);
    rivals(&mut report, &machine);
    report.run(&RATIOS, &options);
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
        report.row(&name, move |millis| actor::run(machine, depth, millis));
    }
    report.row("apply, local", |millis| {
        gossamer_side::local(machine, millis)
    });
    report.row("std Mutex, uncontended", locks::std_uncontended);
}
