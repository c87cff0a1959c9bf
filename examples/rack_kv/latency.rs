//! How long operations took: counts by size, to one part in 32.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Counts of durations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Latency {
    counts: Vec<u64>,
}

impl Latency {
    pub(crate) fn record(&mut self, took: Duration) {
        let at = bucket(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// So much of all took no longer.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let rank = (self.count() as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                return Duration::from_nanos(value(at));
            }
        }
        Duration::ZERO
    }
}

/// Small numbers have a bucket each, larger ones one for each 32nd of their power of two.
fn bucket(nanos: u64) -> usize {
    if nanos < PARTS {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - PARTS.ilog2();
    (u64::from(shift) * PARTS + (nanos >> shift)) as usize
}

/// The least number of a bucket.
fn value(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * PARTS {
        return bucket;
    }
    let shift = bucket / PARTS - 1;
    (bucket - shift * PARTS) << shift
}

const PARTS: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_it_says() {
        for nanos in (0..40).flat_map(|power| [1_u64 << power, (1 << power) + 1, (1 << power) * 3])
        {
            let least = value(bucket(nanos));
            assert!(
                least <= nanos && nanos - least <= nanos / PARTS,
                "{nanos} in {least}"
            );
        }
    }

    #[test]
    fn quantiles_of_a_hundred() {
        let mut latency = Latency::default();
        (1..=100).for_each(|micros| latency.record(Duration::from_micros(micros)));
        let half = latency.quantile(0.5).as_micros();
        assert!((48..=50).contains(&half), "{half}");
        assert!(latency.quantile(1.0) > Duration::from_micros(96));
    }
}
