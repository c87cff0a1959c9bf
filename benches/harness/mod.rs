//! What the benchmarks share: their options, the machine, and a report in rounds.

pub(crate) mod machine;
pub(crate) mod report;

use std::path::PathBuf;

use clap::Parser;

/// What every benchmark can be told.
#[derive(Parser)]
pub(crate) struct Options {
    /// Fewer and shorter runs.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Also write the figures here, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Only the rows whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// What `cargo bench` passes.
    #[arg(long, hide = true)]
    bench: bool,
}
