//! All benchmarks one after another, in one program that can be copied to another machine.
//!
//! `cargo bench --bench all --no-run` says where it is.

use clap::Parser;
use gossamer_benches::{AllOptions, delegate, executor, kv, kv_inproc, latency, net, rack};

fn main() {
    rack::play_part();
    let options = AllOptions::parse();
    delegate::run(&options.of("delegate"));
    latency::run(&options.of("latency"));
    executor::run(&options.of("executor"));
    kv_inproc::run(&options.of("kv_inproc"));
    net::run(&options.of("net"));
    rack::run(&options.of("rack"));
    kv::run(&options.of("kv"));
}
