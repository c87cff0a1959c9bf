//! See `gossamer_benches::executor`.

use clap::Parser;
use gossamer_benches::{Options, executor};

fn main() {
    executor::run(&Options::parse());
}
