//! A meter: how long a run is, and what it has given.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What one run has given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Operations a second.
    pub(crate) rate: f64,
    /// Processor time of the whole process an operation, in nanoseconds.
    pub(crate) cpu_ns: f64,
    /// Jain's index of fairness between the clients: 1 if all have done as much, 1 by their
    /// number if one has done it all.
    pub(crate) fairness: f64,
}

/// Measures a run from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    clock: Clock,
    cpu: Duration,
}

impl Meter {
    /// Starts a run of so many milliseconds.
    pub(crate) fn start(millis: u64) -> Self {
        Self {
            clock: Clock::start(millis),
            cpu: cpu_time(),
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// What the clients have done.
    pub(crate) fn sample(&self, clients: &[Done]) -> Sample {
        let counts: Vec<_> = clients.iter().map(|client| client.count).collect();
        let cpu = clients.iter().map(|client| client.cpu).max();
        let cpu = cpu.unwrap_or_default().saturating_sub(self.cpu);
        Sample {
            rate: clients.iter().map(Done::rate).sum(),
            cpu_ns: cpu.as_secs_f64() / counts.iter().sum::<u64>() as f64 * 1e9,
            fairness: jain(&counts),
        }
    }
}

/// What one client has done by its end, whenever others notice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    count: u64,
    seconds: f64,
    cpu: Duration,
}

impl Done {
    /// Operations a second.
    pub(crate) fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }
}

/// Says when a run is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    length: Duration,
}

impl Clock {
    pub(crate) fn start(millis: u64) -> Self {
        Self {
            start: Instant::now(),
            length: Duration::from_millis(millis),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.start.elapsed() >= self.length
    }

    /// Seconds since the start.
    pub(crate) fn elapsed(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// So much has been done until now.
    pub(crate) fn done(&self, count: u64) -> Done {
        Done {
            count,
            seconds: self.elapsed(),
            cpu: cpu_time(),
        }
    }
}

/// Processor time of the process until now.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("time since the start of the process")
}

fn jain(counts: &[u64]) -> f64 {
    let sum: f64 = counts.iter().map(|&count| count as f64).sum();
    let squares: f64 = counts.iter().map(|&count| (count as f64).powi(2)).sum();
    sum * sum / (counts.len() as f64 * squares)
}

/// The lowest, the median and the highest; none of nothing.
pub(crate) fn range(values: impl IntoIterator<Item = f64>) -> Option<[f64; 3]> {
    let mut values: Vec<_> = values.into_iter().filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (*values.first()?, *values.last()?);
    Some([low, values[values.len() / 2], high])
}

/// The median; not a number of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    range(values).map_or(f64::NAN, |[_, median, _]| median)
}

#[cfg(test)]
mod tests {
    use super::{jain, median, range};

    #[test]
    fn fairness_of_equals_and_of_one_alone() {
        assert_eq!(jain(&[5, 5, 5]), 1.0);
        assert_eq!(jain(&[9, 0, 0]), 1.0 / 3.0);
    }

    #[test]
    fn range_passes_over_what_is_missing() {
        assert_eq!(range([3.0, f64::NAN, 1.0, 2.0]), Some([1.0, 2.0, 3.0]));
        assert!(median([f64::NAN]).is_nan());
    }
}
