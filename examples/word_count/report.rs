//! Passes over the input, and what is printed of them.

use std::cmp::Reverse;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Receiver;

use super::counts::Summary;
use super::progress::{Problems, Progress};
use super::read::Reader;
use super::walk::{self, Piece};

/// What is to be counted.
#[derive(Debug)]
pub(crate) struct Input {
    paths: Vec<PathBuf>,
    problems: Arc<Problems>,
}

impl Input {
    pub(crate) fn new(paths: Vec<PathBuf>) -> Self {
        Self {
            paths,
            problems: Arc::default(),
        }
    }

    /// Begins to go through the input; `name` is the way of counting.
    pub(crate) fn pass(&self, name: &'static str) -> Pass {
        let progress = Progress::new(name, Arc::clone(&self.problems));
        let pieces = walk::pieces_of(self.paths.clone(), progress.clone());
        Pass {
            name,
            begin: Instant::now(),
            pieces,
            progress,
        }
    }

    /// Whether a file or folder could not be read in some pass.
    pub(crate) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }
}

/// One way through the input, which any number of readers share.
#[derive(Debug)]
pub(crate) struct Pass {
    name: &'static str,
    begin: Instant,
    pieces: Receiver<Piece>,
    progress: Progress,
}

impl Pass {
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.pieces.clone(), self.progress.clone())
    }

    pub(crate) fn finish(self, summary: Summary) -> Run {
        let time = self.begin.elapsed();
        self.progress.finish();
        Run {
            name: self.name,
            time,
            bytes: self.progress.bytes(),
            summary,
        }
    }
}

/// A pass that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) name: &'static str,
    time: Duration,
    bytes: u64,
    pub(crate) summary: Summary,
}

impl Run {
    fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.seconds()
    }

    fn million_words_per_second(&self) -> f64 {
        self.summary.total as f64 / 1e6 / self.seconds()
    }

    /// Never zero, as it divides.
    fn seconds(&self) -> f64 {
        self.time.as_secs_f64().max(1e-9)
    }
}

/// What a run has found, and how fast.
pub(crate) fn found(run: &Run, workers: usize) -> String {
    let Summary {
        total,
        distinct,
        top,
        ..
    } = &run.summary;
    let mut text = String::new();
    for (Reverse(count), word) in top {
        line(&mut text, format_args!("{count:>12}  {word}"));
    }
    line(&mut text, format_args!("total words: {total}"));
    line(&mut text, format_args!("distinct words: {distinct}"));
    line(
        &mut text,
        format_args!(
            "{:.1} MB in {:.3} s, {:.1} MB/s, {:.2} million words/s, workers: {workers}",
            run.bytes as f64 / 1e6,
            run.seconds(),
            run.megabytes_per_second(),
            run.million_words_per_second(),
        ),
    );
    text
}

/// The runs, side by side.
pub(crate) fn table(runs: &[Run]) -> String {
    let mut text = String::new();
    line(
        &mut text,
        format_args!(
            "\n{:14} {:>9} {:>9} {:>16}",
            "", "seconds", "MB/s", "million words/s"
        ),
    );
    for run in runs {
        line(
            &mut text,
            format_args!(
                "{:14} {:>9.3} {:>9.1} {:>16.2}",
                run.name,
                run.seconds(),
                run.megabytes_per_second(),
                run.million_words_per_second(),
            ),
        );
    }
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes any text");
}
