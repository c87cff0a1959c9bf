//! The arguments.

use clap::Parser;

use crate::workload::Workload;

/// A key-value store over a rack, driven by the workloads of YCSB.
#[derive(Debug, Parser)]
#[command(name = "rack_kv")]
pub(crate) struct Args {
    /// One of a, b, c, d, e and f, or all.
    #[arg(long, default_value = "all", value_parser = parse_workload)]
    workload: Choice,

    /// How many records are loaded.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) records: u64,

    /// How many operations a workload has.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) operations: u64,

    /// How many bytes a record has.
    #[arg(long, default_value_t = 100)]
    pub(crate) value_bytes: usize,

    /// How many tasks drive it on each worker.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..).map(usize::from))]
    pub(crate) tasks: usize,

    /// How many shards each trustee has.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..).map(usize::from))]
    pub(crate) shards: usize,
}

#[derive(Clone, Copy, Debug)]
enum Choice {
    One(Workload),
    All,
}

impl Args {
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        match self.workload {
            Choice::One(workload) => vec![workload],
            Choice::All => Workload::ALL.to_vec(),
        }
    }
}

fn parse_workload(text: &str) -> Result<Choice, String> {
    if text == "all" {
        return Ok(Choice::All);
    }
    let named = Workload::ALL
        .into_iter()
        .find(|workload| workload.name() == text);
    named
        .map(Choice::One)
        .ok_or_else(|| "a, b, c, d, e, f or all".into())
}

use clap::builder::TypedValueParser as _;
