//! A schedule: when requests are due, at random times of a given rate.

use std::time::{Duration, Instant};

/// Hands out the times at which requests are due, until the run is over.
pub(crate) struct Schedule {
    gaps: Box<[Duration]>,
    next_gap: usize,
    next: Instant,
    end: Instant,
}

impl Schedule {
    /// So many requests a second for so long, as a Poisson process from now on.
    pub(crate) fn start(rate: f64, millis: u64, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let gap = |()| Duration::from_secs_f64(-(1.0 - random.f64()).ln() / rate);
        let gaps: Box<[_]> = std::iter::repeat_n((), GAPS).map(gap).collect();
        let start = Instant::now();
        Self {
            next: start + gaps[0],
            next_gap: 1,
            end: start + Duration::from_millis(millis),
            gaps,
        }
    }

    /// When the next request was due, if that is not after `now`.
    #[inline(always)]
    pub(crate) fn due(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next;
        if due > now || due > self.end {
            return None;
        }
        self.next = due + self.gaps[self.next_gap];
        self.next_gap = (self.next_gap + 1) % GAPS;
        Some(due)
    }

    /// Whether all requests of the run were handed out, or the next should have been so long ago
    /// that the rate is not kept.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.next > self.end || now > self.next + GRACE
    }

    /// Whether what ends now has kept up: everything was handed out, and answered soon after.
    pub(crate) fn was_kept(&self) -> bool {
        self.next > self.end && Instant::now() < self.end + GRACE
    }
}

/// Drawn beforehand, as drawing one takes longer than a request.
const GAPS: usize = 1 << 16;
/// What is answered later has not kept up with the rate.
const GRACE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::Schedule;
    use std::time::Duration;

    #[test]
    fn as_many_as_the_rate_says_and_none_before_it_is_due() {
        let mut schedule = Schedule::start(1e6, 100, 1);
        let start = schedule.end - Duration::from_millis(100);
        let mut last = start;
        let mut count = 0;
        while let Some(due) = schedule.due(start + Duration::from_millis(50)) {
            assert!(due >= last && due <= start + Duration::from_millis(50));
            last = due;
            count += 1;
        }
        assert!((49_000..51_000).contains(&count), "{count}");
        assert!(!schedule.is_over(start + Duration::from_millis(50)));
        assert!(
            schedule.is_over(start + Duration::from_secs(9)),
            "it is lost"
        );
        while schedule.due(start + Duration::from_secs(9)).is_some() {}
        assert!(schedule.is_over(start));
    }
}
