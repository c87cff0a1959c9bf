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
mod locks;
mod machine;
mod report;

use std::path::PathBuf;

use clap::Parser;

use crate::gossamer_side::Sides;
use crate::machine::Machine;
use crate::report::{Kind, Report};

/// Measures delegated fetch-and-adds beside limits and rivals.
#[derive(Parser)]
struct Options {
    /// Fewer and shorter runs.
    #[arg(long)]
    quick: bool,
    /// Also write the figures here, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only the rows whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// What `cargo bench` passes.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Tasks a worker that have a request under way.
const DEPTHS: [usize; 3] = [1, 64, 256];

fn main() {
    let options = Options::parse();
    let machine = Machine::detect();
    println!("{machine}");
    let (rounds, millis) = if options.quick { (5, 60) } else { (15, 150) };
    let mut report = Report::new(machine.clone(), rounds, millis, options.only);
    limits_and_delegation(&mut report, &machine);
    rivals(&mut report, &machine);
    report.measure();
    report.print();
    if let Some(path) = &options.json
        && let Err(error) = report.write_json(path)
    {
        eprintln!("error: {}: {error}", path.display());
        std::process::exit(1);
    }
}

/// What is compared stands side by side.
fn limits_and_delegation<'a>(report: &mut Report<'a>, machine: &'a Machine) {
    report.row("cache-line ping-pong", Kind::RoundTrip, |millis| {
        machine::ping_pong(machine, millis)
    });
    for depth in DEPTHS {
        let name = format!("apply, one side, {depth} tasks");
        report.row(&name, Kind::Rate, move |millis| {
            gossamer_side::apply(machine, depth, Sides::One, millis)
        });
    }
    for depth in &DEPTHS[1..] {
        let name = format!("apply, both sides, {depth} tasks");
        report.row(&name, Kind::Rate, |millis| {
            gossamer_side::apply(machine, *depth, Sides::Both, millis)
        });
    }
    report.row("bare slot loop, both sides", Kind::Rate, |millis| {
        bare_loop::run(machine, millis)
    });
    for depth in &DEPTHS[1..] {
        let name = format!("apply_then, both sides, {depth} under way");
        report.row(&name, Kind::Rate, |millis| {
            gossamer_side::apply_then(machine, *depth, millis)
        });
    }
}

fn rivals<'a>(report: &mut Report<'a>, machine: &'a Machine) {
    report.row(
        "std Mutex, both threads, one object",
        Kind::Rate,
        |millis| locks::std_contended(machine, millis),
    );
    for depth in &DEPTHS[1..] {
        let name = format!("tokio Mutex, one object, {depth} tasks a thread");
        report.row(&name, Kind::Rate, |millis| {
            locks::tokio_contended(machine, *depth, millis)
        });
    }
    for depth in DEPTHS {
        let name = format!("tokio actor (mpsc+oneshot), {depth} tasks");
        report.row(&name, Kind::Rate, move |millis| {
            actor::run(machine, depth, millis)
        });
    }
    report.row("apply, local", Kind::Rate, |millis| {
        gossamer_side::local(machine, millis)
    });
    report.row("std Mutex, uncontended", Kind::Rate, locks::std_uncontended);
}
