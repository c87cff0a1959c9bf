//! The report: medians with their ranges, the ratios that count, JSON.

use std::path::Path;

use serde::Serialize;

use super::Options;
use super::machine::Machine;

#[derive(Serialize)]
struct Row<'a> {
    name: String,
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

/// What is said of a row, in which other row it is measured.
pub(crate) type Ratio = (&'static str, &'static str, &'static str);

impl<'a> Report<'a> {
    pub(crate) fn new(machine: Machine, options: &Options) -> Self {
        let (rounds, run_millis) = if options.quick { (5, 60) } else { (15, 150) };
        Self {
            machine,
            rounds,
            run_millis,
            rows: Vec::new(),
            only: options.only.clone(),
        }
    }

    /// Adds a row, unless others only are asked for; `measure` runs for so many milliseconds and
    /// returns operations a second.
    pub(crate) fn row(&mut self, name: &str, measure: impl Fn(u64) -> f64 + 'a) {
        if self.only.as_ref().is_none_or(|only| name.contains(only)) {
            self.rows.push(Row {
                name: name.to_owned(),
                rates: Vec::new(),
                measure: Box::new(measure),
            });
        }
    }

    /// Measures all rows, prints them, and writes them where the options say.
    pub(crate) fn run(mut self, ratios: &[Ratio], options: &Options) {
        self.measure();
        self.print(ratios);
        if let Some(path) = &options.json
            && let Err(error) = self.write_json(path)
        {
            eprintln!("error: {}: {error}", path.display());
            std::process::exit(1);
        }
    }

    /// Measures all rows, round after round, after one that does not count.
    fn measure(&mut self) {
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
    fn print(&self, ratios: &[Ratio]) {
        let (rounds, millis) = (self.rounds, self.run_millis);
        println!("median of {rounds} runs of {millis} ms (lowest .. highest)\n");
        self.rows.iter().for_each(Row::print);
        println!();
        for (name, of, to) in ratios {
            if let (Some(of), Some(to)) = (self.find(of), self.find(to)) {
                let ratios = of.rates.iter().zip(&to.rates).map(|(of, to)| of / to);
                let [low, median, high] = range(ratios.collect());
                println!("{name:<62} {median:>7.2}   ({low:.2} .. {high:.2})");
            }
        }
    }

    fn write_json(&self, path: &Path) -> std::io::Result<()> {
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
        println!(
            "{name:<46} {:>8.2} M/s {:>9.1} ns   ({:.2} .. {:.2} M/s)",
            median / 1e6,
            1e9 / median,
            low / 1e6,
            high / 1e6
        );
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
