//! See `gossamer_benches::rack`.

use clap::Parser;
use gossamer_benches::{Options, rack};

fn main() {
    rack::play_part();
    rack::run(&Options::parse());
}
