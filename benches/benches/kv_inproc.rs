//! See `gossamer_benches::kv_inproc`.

use clap::Parser;
use gossamer_benches::{Options, kv_inproc};

fn main() {
    kv_inproc::run(&Options::parse());
}
