//! What the user is told while a pass over the input goes on.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

/// How far one pass has got: a bar on standard error, if that is a terminal.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    problems: Arc<Problems>,
}

/// The files and folders that could not be read.
#[derive(Debug, Default)]
pub(crate) struct Problems(Mutex<BTreeSet<PathBuf>>);

impl Progress {
    /// `name` is the way of counting.
    pub(crate) fn new(name: &'static str, problems: Arc<Problems>) -> Self {
        let bar = if stderr().is_terminal() {
            let template = "{msg} {wide_bar} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}";
            let style = ProgressStyle::with_template(template).expect("the template is valid");
            ProgressBar::new(0).with_style(style).with_message(name)
        } else {
            ProgressBar::hidden()
        };
        Self { bar, problems }
    }

    /// There is so much more to read.
    pub(crate) fn found(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    /// So much more has been read.
    pub(crate) fn read(&self, bytes: usize) {
        self.bar.inc(bytes as u64);
    }

    /// How much has been read so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bar.position()
    }

    /// Names what could not be read, once for all passes.
    pub(crate) fn problem(&self, path: &Path, error: &dyn Display) {
        if self.problems.insert(path) {
            self.bar
                .suspend(|| eprintln!("word_count: {}: {error}", path.display()));
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Problems {
    pub(crate) fn is_empty(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    fn insert(&self, path: &Path) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_owned())
    }
}
