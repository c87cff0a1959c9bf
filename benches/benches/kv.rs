//! See `gossamer_benches::kv`.

use clap::Parser;
use gossamer_benches::{Options, kv};

fn main() {
    kv::run(&Options::parse());
}
