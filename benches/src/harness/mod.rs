//! What the benchmarks share: their options, the machine, runs in rounds, tables and figures.

pub(crate) mod bench;
pub(crate) mod chart;
pub(crate) mod machine;
pub(crate) mod meter;
pub(crate) mod picks;
pub(crate) mod report;
pub(crate) mod section;
pub(crate) mod sweep;

use std::path::PathBuf;

use clap::Parser;

/// What a benchmark can be told.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// Fewer and shorter runs.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Also write every run here, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Also draw the figures here, as SVG.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Only the rows and the tables whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// What `cargo bench` passes.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Whether something of this name is asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only))
    }
}

/// What the run of all benchmarks can be told.
#[derive(Debug, Parser)]
pub struct AllOptions {
    /// Fewer and shorter runs.
    #[arg(long)]
    quick: bool,
    /// Where the figures go: a JSON and an SVG file for each benchmark.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// What `cargo bench` passes.
    #[arg(long, hide = true)]
    bench: bool,
}

impl AllOptions {
    /// The options of the benchmark `name`.
    pub fn of(&self, name: &str) -> Options {
        let file = |extension| Some(self.out.join(format!("{name}.{extension}")));
        Options {
            quick: self.quick,
            json: file("json"),
            svg: file("svg"),
            only: None,
            bench: false,
        }
    }
}
