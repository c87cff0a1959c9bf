//! Question: what does a delegated operation cost between processes of one host, next to the same
//! within a process and to what the machine can do?
//!
//! Every node is a process that this program starts, as `gossamer run` does, wherever the system
//! then puts its code. The rack is asked to be as near to a process as its fabric can be; tables
//! say what was asked for beside what was measured.

mod bare_loop;
mod beside;
mod bytes;
mod load;
mod node;
mod process;
mod raw_tcp;
#[cfg(feature = "rdma")]
pub mod rdma;
mod rivals;
mod shared_words;
mod sizes;
mod small;
mod start;
mod streams;
mod tally;

pub use self::process::play_part;

use crate::harness::Options;
use crate::harness::bench::Bench;

/// Measures, prints, and writes the files that are asked for.
///
/// The program that calls this calls [`play_part`] first, as it is started again for each process.
pub fn run(options: &Options) {
    let mut bench = Bench::start("rack", "processes of one host", options);
    small::run(&mut bench);
    sizes::run(&mut bench);
    streams::run(&mut bench);
    beside::run(&mut bench);
    start::run(&mut bench);
}
