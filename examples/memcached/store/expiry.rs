//! When items end: by their own time, or by `flush_all`.

use std::sync::atomic::{AtomicU64, Ordering};

/// The time, as the store is told it: it has no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// Whole seconds since `started`, from [`Now::SECONDS_FIRST`].
    pub(crate) seconds: u32,
    /// In seconds since 1970: [`Now::SECONDS_FIRST`] seconds before the server started.
    pub(crate) started: i64,
}

impl Now {
    /// As memcached counts, so that no time is 0, which stands for never, nor 1, which is before
    /// all. `uptime` is `seconds` less 60.
    pub(crate) const SECONDS_FIRST: u32 = 62;

    /// When an item ends whose command says `expires`: seconds from now, or since 1970 if more
    /// than 30 days; negative is at once.
    pub(crate) fn deadline(self, expires: i64) -> Deadline {
        Deadline(match expires {
            0 => NEVER,
            // The sum wraps at the end of 136 years.
            1..=RELATIVE_SECONDS_MAX => self.seconds.wrapping_add(expires as u32),
            _ if expires <= self.started => BEFORE_ALL,
            _ => (expires - self.started) as u32,
        })
    }
}

/// The second in which an item ends, or that it never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deadline(u32);

impl Deadline {
    pub(crate) const NEVER: Self = Self(NEVER);

    pub(crate) fn is_never(self) -> bool {
        self.0 == NEVER
    }

    pub(crate) fn has_come(self, now: Now) -> bool {
        !self.is_never() && self.0 <= now.seconds
    }

    /// Whether both come, and this one first.
    pub(crate) fn is_before(self, other: Self) -> bool {
        !self.is_never() && self.0 < other.0
    }

    /// What is left. A deadline that was just put into the past wraps, and so it is answered.
    pub(crate) fn seconds_left(self, now: Now) -> u32 {
        self.0.wrapping_sub(now.seconds)
    }
}

/// What one `flush_all` does. It is made once, and told to every shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flush {
    live_after: u32,
    cas_from: Option<u64>,
}

impl Flush {
    /// Of what was stored before, at once, or so many seconds from now (since 1970 if more than 30
    /// days). Takes a cas id, unless it is later.
    pub(crate) fn new(delay: i64, now: Now, cas_ids: &AtomicU64) -> Self {
        let from = if delay > 0 {
            now.deadline(delay).0
        } else {
            now.seconds
        };
        let live_after = from.wrapping_sub(1);
        // Relaxed: see `Cas::take`.
        let cas_from = (live_after <= now.seconds)
            .then(|| cas_ids.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
        Self {
            live_after,
            cas_from,
        }
    }
}

/// What the `flush_all`s so far have ended.
///
/// The last one alone says when, as memcached has it: one that lies ahead takes back an earlier
/// one, as far as its items were not met in the meantime.
#[derive(Debug, Default)]
pub(crate) struct Flushed {
    /// Of items that were stored or last used in a second up to this; 0 if there was no flush.
    live_after: u32,
    /// And of those with a smaller cas id, which tells apart what was stored in the second of the
    /// flush, before and after it.
    cas_from: u64,
}

impl Flushed {
    pub(crate) fn note(&mut self, flush: Flush) {
        self.live_after = flush.live_after;
        if let Some(cas) = flush.cas_from {
            self.cas_from = cas;
        }
    }

    pub(crate) fn covers(&self, used: u32, cas: u64, now: Now) -> bool {
        self.live_after != 0
            && self.live_after <= now.seconds
            && (used <= self.live_after || cas < self.cas_from)
    }
}

const NEVER: u32 = 0;
const BEFORE_ALL: u32 = 1;
const RELATIVE_SECONDS_MAX: i64 = 60 * 60 * 24 * 30;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now {
        seconds: 100,
        started: 1_600_000_000,
    };

    #[test]
    fn deadlines_relative_absolute_and_past() {
        assert!(NOW.deadline(0).is_never());
        assert_eq!(NOW.deadline(1).0, 101);
        assert_eq!(NOW.deadline(2_592_000).0, 2_592_100);
        assert_eq!(
            NOW.deadline(2_592_001),
            NOW.deadline(-1),
            "1970 is long ago"
        );
        assert_eq!(NOW.deadline(1_600_000_500).0, 500);
        assert_eq!(NOW.deadline(1_600_000_000).0, 1);
        assert!(NOW.deadline(-1).has_come(NOW));
        assert!(!NOW.deadline(1).has_come(NOW));
    }

    #[test]
    fn flush_at_once_ends_by_cas_id_what_was_stored_in_the_same_second() {
        let (cas_ids, mut flushed) = (AtomicU64::new(7), Flushed::default());
        assert!(!flushed.covers(100, 7, NOW));
        flushed.note(Flush::new(0, NOW, &cas_ids));
        assert_eq!(cas_ids.into_inner(), 8);
        assert!(flushed.covers(100, 7, NOW));
        assert!(!flushed.covers(100, 9, NOW));
        assert!(flushed.covers(99, 9, NOW), "a second earlier");
    }

    #[test]
    fn flush_ahead_takes_no_cas_id_and_takes_back_an_earlier_one() {
        let (cas_ids, mut flushed) = (AtomicU64::new(7), Flushed::default());
        flushed.note(Flush::new(0, NOW, &cas_ids));
        flushed.note(Flush::new(10, NOW, &cas_ids));
        assert_eq!(cas_ids.into_inner(), 8);
        assert!(!flushed.covers(99, 1, NOW));
        let later = Now {
            seconds: 109,
            ..NOW
        };
        assert!(flushed.covers(109, 20, later));
        assert!(!flushed.covers(
            110,
            20,
            Now {
                seconds: 110,
                ..NOW
            }
        ));
    }

    #[test]
    fn flush_in_a_second_ends_what_is_stored_in_this_one() {
        let (cas_ids, mut flushed) = (AtomicU64::new(7), Flushed::default());
        flushed.note(Flush::new(1, NOW, &cas_ids));
        assert_eq!(cas_ids.into_inner(), 8);
        assert!(flushed.covers(100, 9, NOW));
    }

    #[test]
    fn flush_in_the_past_by_the_clock_is_none() {
        let (cas_ids, mut flushed) = (AtomicU64::new(7), Flushed::default());
        flushed.note(Flush::new(1_500_000_000, NOW, &cas_ids));
        assert!(!flushed.covers(90, 1, NOW));
    }
}
