//! The report: medians with their ranges, the ratios that count, JSON.

use std::path::Path;

use serde::Serialize;

use crate::machine::Machine;

/// How a rate is best read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Kind {
    /// One at a time: nanoseconds each.
    RoundTrip,
    /// Many at a time: millions a second.
    Rate,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    kind: Kind,
    /// Operations a second, sorted.
    rates: Vec<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    runs: usize,
    run_millis: u64,
    rows: Vec<Row>,
    #[serde(skip)]
    only: Option<String>,
}

impl Report {
    pub(crate) fn new(
        machine: Machine,
        runs: usize,
        run_millis: u64,
        only: Option<String>,
    ) -> Self {
        println!("median of {runs} runs of {run_millis} ms (lowest .. highest)\n");
        Self {
            machine,
            runs,
            run_millis,
            rows: Vec::new(),
            only,
        }
    }

    /// Measures a row, after one run that does not count, and prints it.
    pub(crate) fn row(&mut self, name: &str, kind: Kind, measure: impl Fn(u64) -> f64) {
        if self
            .only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            return;
        }
        measure(self.run_millis / 4);
        let mut rates: Vec<f64> = (0..self.runs).map(|_| measure(self.run_millis)).collect();
        rates.sort_by(f64::total_cmp);
        let row = Row {
            name: name.to_owned(),
            kind,
            rates,
        };
        let [low, median, high] = [row.rates[0], row.median(), row.rates[row.rates.len() - 1]];
        match kind {
            Kind::RoundTrip => println!(
                "{name:<46} {:>8.1} ns      ({:.1} .. {:.1})",
                1e9 / median,
                1e9 / high,
                1e9 / low
            ),
            Kind::Rate => println!(
                "{name:<46} {:>8.2} M/s {:>9.1} ns   ({:.2} .. {:.2} M/s)",
                median / 1e6,
                1e9 / median,
                low / 1e6,
                high / 1e6
            ),
        }
        self.rows.push(row);
    }

    /// Prints what the figures are compared by.
    pub(crate) fn ratios(&self) {
        println!();
        for (name, of, to) in RATIOS {
            let (Some(of), Some(to)) = (self.median(of), self.median(to)) else {
                continue;
            };
            println!("{name:<62} {:>7.2}", of / to);
        }
    }

    pub(crate) fn write_json(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        std::fs::write(path, text)
    }

    fn median(&self, name: &str) -> Option<f64> {
        self.rows
            .iter()
            .find(|row| row.name == name)
            .map(Row::median)
    }
}

impl Row {
    fn median(&self) -> f64 {
        self.rates[self.rates.len() / 2]
    }
}

/// What is said, of which row, to which row.
const RATIOS: [(&str, &str, &str); 13] = [
    (
        "round trip of apply, in ping-pongs",
        "cache-line ping-pong",
        "apply, one side, 1 tasks",
    ),
    (
        "bare loop, requests in the time of a ping-pong",
        "bare slot loop, both sides",
        "cache-line ping-pong",
    ),
    (
        "apply, 64 tasks, to the bare loop",
        "apply, both sides, 64 tasks",
        "bare slot loop, both sides",
    ),
    (
        "apply, 256 tasks, to the bare loop",
        "apply, both sides, 256 tasks",
        "bare slot loop, both sides",
    ),
    (
        "apply_then, 256 under way, to the bare loop",
        "apply_then, both sides, 256 under way",
        "bare slot loop, both sides",
    ),
    (
        "apply, 64 tasks, to the tokio Mutex",
        "apply, both sides, 64 tasks",
        "tokio Mutex, one object, 64 tasks a thread",
    ),
    (
        "apply_then, 256 under way, to the std Mutex",
        "apply_then, both sides, 256 under way",
        "std Mutex, both threads, one object",
    ),
    (
        "apply, one side, 1 task, to the actor",
        "apply, one side, 1 tasks",
        "tokio actor (mpsc+oneshot), 1 tasks",
    ),
    (
        "apply, one side, 64 tasks, to the actor",
        "apply, one side, 64 tasks",
        "tokio actor (mpsc+oneshot), 64 tasks",
    ),
    (
        "apply, one side, 256 tasks, to the actor",
        "apply, one side, 256 tasks",
        "tokio actor (mpsc+oneshot), 256 tasks",
    ),
    (
        "apply, both sides, 64 tasks, to the actor",
        "apply, both sides, 64 tasks",
        "tokio actor (mpsc+oneshot), 64 tasks",
    ),
    (
        "apply, both sides, 256 tasks, to the actor",
        "apply, both sides, 256 tasks",
        "tokio actor (mpsc+oneshot), 256 tasks",
    ),
    (
        "local apply to the uncontended std Mutex",
        "apply, local",
        "std Mutex, uncontended",
    ),
];
