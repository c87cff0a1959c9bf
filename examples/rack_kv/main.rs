//! A key-value store that is sharded over all workers of a rack, driven by the workloads of YCSB.
//!
//! ```text
//! gossamer run -n 3 -- cargo run --release --example rack_kv -- --workload all
//! cargo run --release --example rack_kv          # a rack of one
//! ```
//!
//! Every trustee of the rack owns shards ([`store`]). Tasks on every worker of the rack draw
//! operations from a workload ([`workload`], [`zipf`]) and await each ([`drive`]): a closure that
//! captures nothing, with its arguments beside it. They count what was acknowledged; at the end
//! node 0 asks the shards what they have, and compares ([`verify`]): no acknowledged write may be
//! lost. The exit status says whether that is so.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use gossamer::rack;

use args::Args;
use drive::{Job, Tally};
use store::Shards;
use workload::Workload;

mod args;
mod drive;
mod latency;
mod progress;
mod report;
mod store;
mod verify;
mod workload;
mod zipf;

#[gossamer::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let shards = Shards::spread(args.shards).await;
    println!(
        "{} nodes, {} workers, {} shards, {} records of {} bytes",
        rack::nodes(),
        rack::workers(),
        shards.len(),
        args.records,
        args.value_bytes,
    );
    let mut acknowledged = Tally::default();
    let load = phase(&args, &shards, None, 0).await;
    report::print("load", &load.0, load.1);
    acknowledged.merge(load.0);
    for (number, workload) in (0..).zip(args.workloads()) {
        // Each inserts keys of its own: no more than it has operations, the same for each driver
        // and so rounded up.
        let keys_max = args.operations + drivers(&args) as u64;
        let first_insert = args.records + number * keys_max;
        let (tally, took) = phase(&args, &shards, Some(workload), first_insert).await;
        report::print(workload.name(), &tally, took);
        acknowledged.merge(tally);
    }
    let verdict = verify::compare(&shards, &acknowledged).await;
    println!("{verdict}");
    match verdict.is_good() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Loads the records, or runs a workload; returns what the tasks have counted, and the time.
async fn phase(
    args: &Args,
    shards: &Shards,
    workload: Option<Workload>,
    first_insert: u64,
) -> (Tally, Duration) {
    let (workers, drivers) = (rack::workers(), drivers(args));
    let all = match workload {
        None => args.records,
        Some(_) => args.operations,
    };
    let progress = progress::Progress::start(workload.map_or("load", Workload::name), all);
    let began = Instant::now();
    let tasks: Vec<_> = (0..drivers)
        .map(|driver| {
            let job = Job {
                shards: shards.clone(),
                workload,
                records: args.records,
                value_bytes: args.value_bytes,
                driver: driver as u64,
                drivers: drivers as u64,
                operations: all,
                first_insert,
                done: progress.counter(),
            };
            rack::spawn_on(driver % workers, drive::drive, job)
        })
        .collect();
    let mut tally = Tally::default();
    for task in tasks {
        match task.await {
            Ok(of_task) => tally.merge(of_task),
            // What it had been told of is not known any more, and cannot be missed.
            Err(error) => {
                tally.lost_tasks += u64::from(error.has_run() != Some(false));
                eprintln!("rack_kv: a task was lost: {error}");
            }
        }
    }
    let took = began.elapsed();
    progress.finish().await;
    (tally, took)
}

/// How many tasks drive the store.
fn drivers(args: &Args) -> usize {
    rack::workers() * args.tasks
}
