//! The arguments.

use std::path::PathBuf;

use clap::Parser;

/// Counts words over a map that is sharded across all workers.
///
/// The number of workers is that of the cores, or GOSSAMER_WORKERS.
#[derive(Debug, Parser)]
#[command(name = "word_count")]
pub(crate) struct Args {
    /// Files and folders; without any, the text files under the current folder.
    pub(crate) paths: Vec<PathBuf>,

    /// How many of the most frequent words are printed.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,

    /// Count by one thread, by a sharded Mutex and by DashMap, too.
    #[arg(long)]
    pub(crate) compare: bool,
}
