//! A recorder: how long requests took.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Times of up to a minute, to three digits. A few hundred KiB, of which little is touched: one a
/// thread.
pub(crate) struct Recorder(Histogram<u64>);

impl Recorder {
    pub(crate) fn new() -> Self {
        let nanos = Duration::from_secs(60).as_nanos() as u64;
        let histogram = Histogram::new_with_max(nanos, 3);
        Self(histogram.expect("three digits of a minute can be kept"))
    }

    pub(crate) fn record(&mut self, time: Duration) {
        self.0.saturating_record(time.as_nanos() as u64);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// As `QUANTILES` says.
    pub(crate) fn quantiles(&self) -> Vec<f64> {
        let micros = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        let median = micros(0.5);
        vec![
            median,
            micros(0.99),
            micros(0.999),
            self.0.max() as f64 / 1e3,
            micros(0.999) / median,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::Recorder;
    use std::time::Duration;

    #[test]
    fn quantiles_of_a_thousand_times() {
        let mut recorder = Recorder::new();
        (1..=1000).for_each(|micros| recorder.record(Duration::from_micros(micros)));
        let quantiles = recorder.quantiles();
        let expected = [500.0, 990.0, 999.0, 1000.0, 2.0];
        for (quantile, expected) in quantiles.iter().zip(expected) {
            assert!((quantile / expected - 1.0).abs() < 2e-3, "{quantiles:?}");
        }
    }
}
