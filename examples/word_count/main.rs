//! Counts words, over a map that is sharded in trusts across all workers.
//!
//! ```text
//! cargo run --release --example word_count -- [PATH]... [--top N] [--compare]
//! gossamer run -n 2 -- target/release/examples/word_count [PATH]...
//! ```
//!
//! A walker finds files and cuts large ones into pieces ([`walk`]). Tasks on every worker take
//! pieces from one queue, read them in bounded chunks off the workers ([`read`]), split them into
//! words ([`words`]) and gather these in one bundle per shard ([`bundle`]). Bundles are delegated to
//! the shards and come back empty ([`delegate`]). A task waits until its chunk is counted before
//! it reads the next, so memory is bounded by the number of tasks and of distinct words, whatever
//! the size of the input.
//!
//! **What a word is.** A maximal run of characters that are alphabetic or numeric by Unicode
//! (`char::is_alphanumeric`), each in lower case (`char::to_lowercase`). A run of more than 1024
//! characters counts as several words, cut after every 1024. Bytes that are not valid UTF-8 stand
//! for U+FFFD as in `String::from_utf8_lossy`, which is in no word.
//!
//! **What is counted.** Every file given, and every file in the folders given, links to files
//! included; links to folders are followed only where they are given. Without a path: the text
//! files under the current folder, without `target`, `.git` and files that look binary. A file or
//! folder that cannot be read is named on standard error, the rest is counted, and the exit status
//! is 1.
//!
//! With `--compare` the same is counted by one thread, by threads that share a sharded `Mutex` and
//! by threads that share a `DashMap`, too; the exit status is 1 if they do not agree.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use gossamer::rack::Identity;
use gossamer::rack::join::IdentityError;
use gossamer::{BuildError, Builder};

use args::Args;
use report::Input;

mod args;
mod bundle;
mod compare;
mod counts;
mod delegate;
mod progress;
mod read;
mod report;
mod walk;
mod words;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("word_count: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all was counted, and all ways of counting agree.
fn run(args: Args) -> Result<bool, Error> {
    let identity = Identity::from_env()?;
    let leads = identity.node() == 0;
    let runtime = Builder::new().rack(identity).build()?;
    if !leads {
        return Ok(runtime.serve() == 0);
    }
    let input = Input::new(args.paths);
    if !args.compare {
        let run = delegate::count(&runtime, input.pass("delegation"), args.top);
        print(&report::found(&run, runtime.workers()))?;
        return Ok(!input.has_problems());
    }
    let runs = compare::runs(&runtime, &input, args.top);
    let delegated = runs.last().expect("delegation is one of them");
    print(&(report::found(delegated, runtime.workers()) + &report::table(&runs)))?;
    let disagreeing = compare::disagreeing(&runs);
    for name in &disagreeing {
        eprintln!(
            "word_count: {name} has counted something else than {}",
            runs[0].name
        );
    }
    Ok(disagreeing.is_empty() && !input.has_problems())
}

fn print(text: &str) -> Result<(), Error> {
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever reads may stop early, as `head` does.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

/// Why nothing can be reported.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Runtime(#[from] BuildError),
    #[error(transparent)]
    Rack(#[from] IdentityError),
    #[error("standard output: {0}")]
    Output(io::Error),
}
