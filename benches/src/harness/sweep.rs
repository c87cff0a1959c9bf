//! A sweep: the same thing measured at several points, by several contenders.

use serde_json::json;

use super::bench::{Bench, Effort};
use super::chart::{Line, Panel, Shape};
use super::meter::{Sample, median, range};

/// What a contender is, which says how it is drawn and what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Lock,
    Messages,
    /// What shares nothing, or does what only some operations can.
    Limit,
}

/// One of the figures that a run gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// With its unit.
    pub(crate) name: &'static str,
    pub(crate) is_drawn: bool,
    /// Whether less is better.
    pub(crate) is_cost: bool,
    /// Whether the highest of the rounds counts, and not the median.
    pub(crate) is_extreme: bool,
}

/// What [`Sample`]s give.
pub(crate) const THROUGHPUT: [Metric; 3] = [
    Metric {
        name: "million operations a second",
        is_drawn: true,
        is_cost: false,
        is_extreme: false,
    },
    Metric {
        name: "processor time, ns an operation",
        is_drawn: false,
        is_cost: true,
        is_extreme: false,
    },
    Metric {
        name: "fairness between threads (Jain)",
        is_drawn: false,
        is_cost: false,
        is_extreme: false,
    },
];

/// One contender at every point.
pub(crate) struct Series<'a> {
    name: String,
    kind: Kind,
    /// Measures at a point for so many milliseconds; `None` if it could not.
    measure: Box<dyn Fn(usize, u64) -> Option<Vec<f64>> + 'a>,
    /// By point, by round, by metric.
    runs: Vec<Vec<Vec<f64>>>,
}

pub(crate) struct Sweep<'a> {
    title: String,
    x: &'static str,
    points: Vec<String>,
    metrics: &'static [Metric],
    shape: Shape,
    series: Vec<Series<'a>>,
    /// Why others win where they do.
    why_we_lose: Option<&'static str>,
}

impl<'a> Sweep<'a> {
    /// A sweep over points of an axis.
    pub(crate) fn new(
        title: &str,
        x: &'static str,
        points: impl IntoIterator<Item = impl ToString>,
        metrics: &'static [Metric],
    ) -> Self {
        Self {
            title: title.to_owned(),
            x,
            points: points.into_iter().map(|point| point.to_string()).collect(),
            metrics,
            shape: Shape::Lines,
            series: Vec::new(),
            why_we_lose: None,
        }
    }

    /// Points that have no order: drawn as bars.
    pub(crate) fn with_bars(mut self) -> Self {
        self.shape = Shape::Bars;
        self
    }

    /// The sentence that is printed with the points where delegation is not the best.
    pub(crate) fn we_lose_because(mut self, why: &'static str) -> Self {
        self.why_we_lose = Some(why);
        self
    }

    /// Adds a contender.
    pub(crate) fn add(
        &mut self,
        kind: Kind,
        name: &str,
        measure: impl Fn(usize, u64) -> Option<Vec<f64>> + 'a,
    ) {
        self.series.push(Series {
            name: name.to_owned(),
            kind,
            measure: Box::new(measure),
            runs: vec![Vec::new(); self.points.len()],
        });
    }

    /// Adds a contender that gives a [`Sample`].
    pub(crate) fn add_samples(
        &mut self,
        kind: Kind,
        name: &str,
        measure: impl Fn(usize, u64) -> Option<Sample> + 'a,
    ) {
        self.add(kind, name, move |point, millis| {
            let sample = measure(point, millis)?;
            Some(vec![sample.rate / 1e6, sample.cpu_ns, sample.fairness])
        });
    }

    /// Measures what is asked for of it, prints it and keeps it.
    pub(crate) fn run(mut self, bench: &mut Bench, effort: Effort) {
        if !bench.options.wants(&self.title) {
            self.series
                .retain(|series| bench.options.wants(&series.name));
        }
        if self.series.is_empty() {
            return;
        }
        println!("## {}\n", self.title);
        self.measure(effort);
        println!("median of {} runs, half the range\n", effort.rounds);
        for metric in 0..self.metrics.len() {
            self.print(metric);
        }
        self.print_ratios();
        self.print_where_we_lose();
        bench.keep(self.to_json(effort), self.panels());
    }

    /// Round after round, after one that does not count.
    fn measure(&mut self, Effort { rounds, millis }: Effort) {
        let nothing = || vec![f64::NAN; self.metrics.len()];
        for round in 0..=rounds {
            let millis = if round == 0 { millis / 4 } else { millis };
            for point in 0..self.points.len() {
                for series in &mut self.series {
                    let values = (series.measure)(point, millis.max(1));
                    if round > 0 {
                        series.runs[point].push(values.unwrap_or_else(nothing));
                    }
                }
            }
        }
    }

    fn print(&self, metric: usize) {
        self.print_head(self.metrics[metric].name);
        for series in &self.series {
            print!("  {:<38}", series.name);
            for point in 0..self.points.len() {
                match series.range(point, metric) {
                    None => print!("{:>14}", "-"),
                    Some([low, median, high]) => {
                        let spread = ((high - low) / 2.0 / median * 100.0).min(999.0);
                        let Metric { is_extreme, .. } = self.metrics[metric];
                        let value = figure(if is_extreme { high } else { median });
                        print!("{value:>8} ±{spread:>3.0}%");
                    }
                }
            }
            println!();
        }
        println!();
    }

    fn print_head(&self, name: &str) {
        print!("{name:<40}");
        for point in &self.points {
            print!("{point:>13} ");
        }
        println!();
    }

    /// How many times as good the first contender is as the others, by the first metric.
    fn print_ratios(&self) {
        let (Some(first), true) = (self.series.first(), self.series.len() > 1) else {
            return;
        };
        self.print_head(&format!("{} is so many times as good as", first.name));
        for other in &self.series[1..] {
            print!("  {:<38}", other.name);
            for point in 0..self.points.len() {
                let ratio = self.ratio(first, other, point);
                if ratio.is_nan() {
                    print!("{:>13} ", "-");
                } else {
                    print!("{ratio:>13.2} ");
                }
            }
            println!();
        }
        println!();
    }

    /// The median of the ratios within the rounds.
    fn ratio(&self, of: &Series<'_>, to: &Series<'_>, point: usize) -> f64 {
        let (of, to) = (&of.runs[point], &to.runs[point]);
        let (better, worse) = if self.metrics[0].is_cost {
            (to, of)
        } else {
            (of, to)
        };
        median(
            better
                .iter()
                .zip(worse)
                .map(|(better, worse)| better[0] / worse[0]),
        )
    }

    fn print_where_we_lose(&self) {
        let Some(why) = self.why_we_lose else {
            return;
        };
        let mut lost = Vec::new();
        for (point, name) in self.points.iter().enumerate() {
            let ours = self.best(point, |kind| kind == Kind::Ours);
            let theirs = self.best(point, |kind| matches!(kind, Kind::Lock | Kind::Messages));
            if let (Some((ours, _)), Some((theirs, who))) = (ours, theirs)
                && theirs > ours
            {
                lost.push(format!("{name} ({who}, {:.1} times)", theirs / ours));
            }
        }
        if !lost.is_empty() {
            println!("Locks or messages win at {}: {why}\n", lost.join(", "));
        }
    }

    /// How good the best contender of some kinds is, and its name.
    fn best(&self, point: usize, is_meant: impl Fn(Kind) -> bool) -> Option<(f64, &str)> {
        let goodness = |series: &Series<'_>| {
            let value = series.median(point, 0);
            if self.metrics[0].is_cost {
                1.0 / value
            } else {
                value
            }
        };
        self.series
            .iter()
            .filter(|series| is_meant(series.kind))
            .map(|series| (goodness(series), series.name.as_str()))
            .filter(|(value, _)| !value.is_nan())
            .max_by(|one, other| one.0.total_cmp(&other.0))
    }

    fn to_json(&self, effort: Effort) -> serde_json::Value {
        let series: Vec<_> = self
            .series
            .iter()
            .map(|series| json!({ "name": series.name, "runs": series.runs }))
            .collect();
        let metrics: Vec<_> = self.metrics.iter().map(|metric| metric.name).collect();
        json!({
            "title": self.title,
            "effort": effort,
            "axis": self.x,
            "points": self.points,
            "metrics": metrics,
            "series": series,
        })
    }

    fn panels(&self) -> impl Iterator<Item = Panel> {
        let drawn = (0..self.metrics.len()).filter(|&metric| self.metrics[metric].is_drawn);
        drawn.map(|metric| Panel {
            title: self.title.clone(),
            x: self.x,
            y: self.metrics[metric].name,
            points: self.points.clone(),
            shape: self.shape,
            lines: self
                .series
                .iter()
                .map(|series| Line {
                    name: series.name.clone(),
                    kind: series.kind,
                    values: (0..self.points.len())
                        .map(|point| series.median(point, metric))
                        .collect(),
                })
                .collect(),
        })
    }
}

impl Series<'_> {
    /// The lowest, the median and the highest; `None` if it mostly could not.
    fn range(&self, point: usize, metric: usize) -> Option<[f64; 3]> {
        let values: Vec<_> = self.runs[point].iter().map(|run| run[metric]).collect();
        let failed = values.iter().filter(|value| value.is_nan()).count();
        range(values.iter().copied()).filter(|_| 2 * failed < values.len())
    }

    /// Not a number if it mostly could not.
    fn median(&self, point: usize, metric: usize) -> f64 {
        self.range(point, metric)
            .map_or(f64::NAN, |[_, median, _]| median)
    }
}

/// Three digits that count.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 0.1 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn figures_keep_three_digits() {
        assert_eq!(
            [1234.5, 12.34, 1.234, 0.01234].map(figure),
            ["1234", "12.3", "1.23", "0.0123"].map(String::from) // half to even
        );
    }
}
