//! Question: what does a delegated operation cost, next to what the machine can do and to what
//! else a program could do?
//!
//! First one object and two cores, with the limits of the machine; then more workers than cores, then sweeps over objects,
//! critical sections, payloads, threads and the share of local requests, against atomics, locks,
//! actors and a concurrent map.

mod actors;
mod bare_loop;
mod contenders;
mod crowded;
mod gossamer_side;
mod load;
mod locks;
pub(crate) mod ping_pong;
mod ratios;
mod sweeps;
mod two_cores;

use crate::harness::Options;
use crate::harness::bench::Bench;

/// Measures, prints, and writes the files that are asked for.
pub fn run(options: &Options) {
    let settings = "8 bytes and 64 tasks a thread unless said otherwise";
    let mut bench = Bench::start("delegate", settings, options);
    two_cores::run(&mut bench);
    crowded::run(&mut bench);
    sweeps::run(&mut bench);
}
