//! See `gossamer_benches::rack::rdma`.

use clap::Parser;
use gossamer_benches::{Options, rack};

fn main() {
    rack::play_part();
    rack::rdma::run(&Options::parse());
}
