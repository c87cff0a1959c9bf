//! See `gossamer_benches::delegate`.

use clap::Parser;
use gossamer_benches::{Options, delegate};

fn main() {
    delegate::run(&Options::parse());
}
