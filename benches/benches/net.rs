//! See `gossamer_benches::net`.

use clap::Parser;
use gossamer_benches::{Options, net};

fn main() {
    net::run(&Options::parse());
}
