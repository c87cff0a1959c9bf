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

#[derive(Serialize)]
struct Row<'a> {
    name: String,
    kind: Kind,
    /// Operations a second, by round.
    rates: Vec<f64>,
    #[serde(skip)]
    measure: Box<dyn Fn(u64) -> f64 + 'a>,
}

#[derive(Serialize)]
pub(crate) struct Report<'a> {
    machine: Machine,
    rounds: usize,
    run_millis: u64,
    rows: Vec<Row<'a>>,
    #[serde(skip)]
    only: Option<String>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        machine: Machine,
        rounds: usize,
        run_millis: u64,
        only: Option<String>,
    ) -> Self {
        Self {
            machine,
            rounds,
            run_millis,
            rows: Vec::new(),
            only,
        }
    }

    /// Adds a row, unless others only are asked for; `measure` runs for so many milliseconds and
    /// returns operations a second.
    pub(crate) fn row(&mut self, name: &str, kind: Kind, measure: impl Fn(u64) -> f64 + 'a) {
        if self.only.as_ref().is_none_or(|only| name.contains(only)) {
            self.rows.push(Row {
                name: name.to_owned(),
                kind,
                rates: Vec::new(),
                measure: Box::new(measure),
            });
        }
    }

    /// Measures all rows, round after round, after one that does not count.
    pub(crate) fn measure(&mut self) {
        for row in &self.rows {
            (row.measure)(self.run_millis / 4);
        }
        for _ in 0..self.rounds {
            for row in &mut self.rows {
                row.rates.push((row.measure)(self.run_millis));
            }
        }
    }

    /// Prints the rows, and what they are compared by.
    pub(crate) fn print(&self) {
        let (rounds, millis) = (self.rounds, self.run_millis);
        println!("median of {rounds} runs of {millis} ms (lowest .. highest)\n");
        self.rows.iter().for_each(Row::print);
        println!();
        for (name, of, to) in RATIOS {
            if let (Some(of), Some(to)) = (self.find(of), self.find(to)) {
                let ratios = of.rates.iter().zip(&to.rates).map(|(of, to)| of / to);
                let [low, median, high] = range(ratios.collect());
                println!("{name:<62} {median:>7.2}   ({low:.2} .. {high:.2})");
            }
        }
    }

    pub(crate) fn write_json(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        std::fs::write(path, text)
    }

    fn find(&self, name: &str) -> Option<&Row<'a>> {
        self.rows.iter().find(|row| row.name == name)
    }
}

impl Row<'_> {
    fn print(&self) {
        let name = &self.name;
        let [low, median, high] = range(self.rates.clone());
        match self.kind {
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
    }
}

/// The lowest, the median and the highest.
fn range(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [
        values[0],
        values[values.len() / 2],
        values[values.len() - 1],
    ]
}

/// What is said, of which row, to which row.
const RATIOS: [(&str, &str, &str); 14] = [
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
        "apply_then, 64 under way, to the bare loop",
        "apply_then, both sides, 64 under way",
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
