//! See `gossamer_benches::latency`.

use clap::Parser;
use gossamer_benches::{Options, latency};

fn main() {
    latency::run(&Options::parse());
}
