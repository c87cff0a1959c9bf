//! The report: rows with their medians and ranges, and the ratios that count.

use serde::Serialize;
use serde_json::json;

use super::Options;
use super::bench::{Bench, Effort};
use super::meter::range;

#[derive(Serialize)]
struct Row<'a> {
    name: String,
    /// Operations a second, by round.
    rates: Vec<f64>,
    #[serde(skip)]
    measure: Box<dyn Fn(u64) -> f64 + 'a>,
}

pub(crate) struct Report<'a> {
    title: &'static str,
    options: Options,
    rows: Vec<Row<'a>>,
}

/// What is said of a row, in which other row it is measured.
pub(crate) type Ratio = (&'static str, &'static str, &'static str);

impl<'a> Report<'a> {
    pub(crate) fn new(title: &'static str, options: &Options) -> Self {
        Self {
            title,
            options: options.clone(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, unless other rows or tables only are asked for; `measure` runs for so many milliseconds and
    /// returns operations a second.
    pub(crate) fn row(&mut self, name: &str, measure: impl Fn(u64) -> f64 + 'a) {
        if self.options.wants(name) || self.options.wants(self.title) {
            self.rows.push(Row {
                name: name.to_owned(),
                rates: Vec::new(),
                measure: Box::new(measure),
            });
        }
    }

    /// Measures all rows, prints them and keeps them.
    pub(crate) fn run(mut self, ratios: &[Ratio], bench: &mut Bench, effort: Effort) {
        if self.rows.is_empty() {
            return;
        }
        println!("## {}\n", self.title);
        self.measure(effort);
        self.print(ratios, effort);
        bench.keep(
            json!({ "title": self.title, "effort": effort, "rows": self.rows }),
            [],
        );
    }

    /// Measures all rows, round after round, after one that does not count.
    fn measure(&mut self, Effort { rounds, millis }: Effort) {
        for row in &self.rows {
            (row.measure)(millis / 4);
        }
        for _ in 0..rounds {
            for row in &mut self.rows {
                row.rates.push((row.measure)(millis));
            }
        }
    }

    /// Prints the rows, and what they are compared by.
    fn print(&self, ratios: &[Ratio], Effort { rounds, millis }: Effort) {
        println!("median of {rounds} runs of {millis} ms (lowest .. highest)\n");
        self.rows.iter().for_each(Row::print);
        println!();
        for (name, of, to) in ratios {
            if let (Some(of), Some(to)) = (self.find(of), self.find(to)) {
                let ratios = of.rates.iter().zip(&to.rates).map(|(of, to)| of / to);
                if let Some([low, median, high]) = range(ratios) {
                    println!("{name:<62} {median:>7.2}   ({low:.2} .. {high:.2})");
                }
            }
        }
        println!();
    }

    fn find(&self, name: &str) -> Option<&Row<'a>> {
        self.rows.iter().find(|row| row.name == name)
    }
}

impl Row<'_> {
    fn print(&self) {
        let name = &self.name;
        if let Some([low, median, high]) = range(self.rates.iter().copied()) {
            let (unit, scale) = if median < 1e6 {
                ("k/s", 1e3)
            } else {
                ("M/s", 1e6)
            };
            println!(
                "{name:<50} {:>8.2} {unit} {:>9.1} ns   ({:.2} .. {:.2} {unit})",
                median / scale,
                1e9 / median,
                low / scale,
                high / scale
            );
        }
    }
}
