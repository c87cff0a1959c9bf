//! [`Idle`]: what an executor does when it finds nothing to do.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// What an executor does when it finds nothing to do.
///
/// ```
/// use gossamer_executor::Idle;
///
/// assert_eq!("park".parse(), Ok(Idle::Park));
/// assert_eq!(Idle::default().to_string(), "adaptive");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Idle {
    /// Look again for ever: lowest latency, a whole core. Only with more executors than cores it
    /// lets other threads run now and then.
    Spin,
    /// Look again for a short time ([`Config::spin`](crate::Config::spin)), let other threads run
    /// once, then sleep until woken. With more executors than cores it looks only as long as an
    /// answer takes that is on its way, and lets nobody run but by sleeping: with 8 on 2 cores that
    /// is 0.7 of the throughput of 2, and 0.54 without those looks.
    #[default]
    Adaptive,
    /// Sleep at once.
    Park,
}

/// A text names no [`Idle`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown way to idle {0:?}: use spin, adaptive or park")]
pub struct ParseIdleError(String);

impl FromStr for Idle {
    type Err = ParseIdleError;

    fn from_str(text: &str) -> Result<Self, ParseIdleError> {
        match text {
            "spin" => Ok(Self::Spin),
            "adaptive" => Ok(Self::Adaptive),
            "park" => Ok(Self::Park),
            _ => Err(ParseIdleError(text.to_owned())),
        }
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Spin => "spin",
            Self::Adaptive => "adaptive",
            Self::Park => "park",
        })
    }
}

/// Counts the turns in vain and says what to do after each.
#[derive(Debug)]
pub(crate) struct Idler {
    idle: Idle,
    spin: Duration,
    in_vain: u32,
    /// So many turns in vain after the first come without further thought.
    at_once: u32,
    is_crowded: bool,
    has_yielded: bool,
    spinning_since: Option<Instant>,
}

/// What to do after a turn in vain.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look again at once.
    Again,
    /// Look again after a hint to the core.
    Hint,
    /// Look at the timers, then again.
    Look,
    /// Look at the timers, and let another thread have the core.
    Yield,
    /// Sleep.
    Park,
}

impl Idler {
    pub(crate) fn new(idle: Idle, spin: Duration) -> Self {
        Self {
            idle,
            spin,
            in_vain: 0,
            at_once: if idle == Idle::Park { 0 } else { TURNS_AT_ONCE },
            is_crowded: false,
            has_yielded: false,
            spinning_since: None,
        }
    }

    /// A turn was not in vain.
    #[inline(always)]
    pub(crate) fn progressed(&mut self) {
        self.in_vain = 0;
    }

    /// A turn was in vain. `now` and `is_oversubscribed` are called seldom.
    #[inline(always)]
    pub(crate) fn in_vain(
        &mut self,
        is_oversubscribed: impl FnOnce() -> bool,
        now: impl FnOnce() -> Instant,
    ) -> Step {
        let turn = self.in_vain;
        self.in_vain = turn.wrapping_add(1);
        // Without a hint, which costs as much as several turns.
        if turn.wrapping_sub(1) < self.at_once {
            return Step::Again;
        }
        self.in_vain_slowly(turn, is_oversubscribed, now)
    }

    #[cold]
    fn in_vain_slowly(
        &mut self,
        turn: u32,
        is_oversubscribed: impl FnOnce() -> bool,
        now: impl FnOnce() -> Instant,
    ) -> Step {
        match self.idle {
            Idle::Park => Step::Park,
            Idle::Adaptive if turn == 0 => {
                self.spinning_since = None;
                self.has_yielded = false;
                self.is_crowded = is_oversubscribed();
                self.at_once = if self.is_crowded {
                    TURNS_AT_ONCE_CROWDED
                } else {
                    TURNS_AT_ONCE
                };
                Step::Again
            }
            Idle::Adaptive if self.is_crowded => Step::Park,
            _ if turn < TURNS_PER_LOOK - 1 => Step::Again,
            _ if !turn.wrapping_add(1).is_multiple_of(TURNS_PER_LOOK) => Step::Hint,
            Idle::Spin if is_oversubscribed() => Step::Yield,
            Idle::Spin => Step::Look,
            Idle::Adaptive => {
                let now = now();
                let since = *self.spinning_since.get_or_insert(now);
                let spun = now.saturating_duration_since(since);
                if spun < self.spin {
                    Step::Look
                } else if !std::mem::replace(&mut self.has_yielded, true) {
                    Step::Yield
                } else {
                    Step::Park
                }
            }
        }
    }
}

/// Waits until what was looked at is known, before the next look.
///
/// Else the core looks ahead, for several turns in vain at once; when the other core then takes the
/// line to write it, all of them are undone: a tenth of a round trip.
#[inline(always)]
pub(crate) fn await_looks() {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: SSE2 is part of x86-64, and the instruction only waits.
        unsafe { std::arch::x86_64::_mm_lfence() };
    }
}

/// So many turns in vain go between two looks at the time.
const TURNS_PER_LOOK: u32 = 64;
/// All before the first look at the time, but for the first turn.
const TURNS_AT_ONCE: u32 = TURNS_PER_LOOK - 2;
/// About 0.5 µs, the time of a few round trips between cores. Measured with 8 on 2: 8 turns give
/// 0.66 of the throughput of 2, 16 give 0.73, 32 give 0.71.
const TURNS_AT_ONCE_CROWDED: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps of `turns` turns in vain that take a microsecond each.
    fn steps(idler: &mut Idler, turns: u32, is_oversubscribed: bool) -> Vec<Step> {
        let start = Instant::now();
        let at = |turn: u32| start + Duration::from_micros(u64::from(turn));
        (0..turns)
            .map(|turn| idler.in_vain(|| is_oversubscribed, || at(turn)))
            .collect()
    }

    #[test]
    fn park_parks_at_once() {
        let mut idler = Idler::new(Idle::Park, Duration::ZERO);
        assert_eq!(steps(&mut idler, 2, false), [Step::Park; 2]);
    }

    #[test]
    fn adaptive_spins_for_a_time_then_yields_then_parks() {
        let mut idler = Idler::new(Idle::Adaptive, Duration::from_micros(100));
        let steps = steps(&mut idler, 256, false);
        assert_eq!(steps[..63], [Step::Again; 63]);
        assert_eq!(steps[63], Step::Look);
        assert_eq!(steps[64..127], [Step::Hint; 63]);
        assert_eq!(steps[127], Step::Look, "64 us after the first look");
        assert_eq!(steps[191], Step::Yield, "128 us after the first look");
        assert_eq!(steps[255], Step::Park);
    }

    #[test]
    fn adaptive_oversubscribed_parks_after_a_few_looks() {
        let mut idler = Idler::new(Idle::Adaptive, Duration::from_secs(1));
        for _ in 0..2 {
            let steps = steps(&mut idler, 18, true);
            assert_eq!(steps[..17], [Step::Again; 17]);
            assert_eq!(steps[17], Step::Park);
            idler.progressed();
        }
        assert_eq!(
            steps(&mut idler, 64, false)[63],
            Step::Look,
            "no more crowded"
        );
    }

    #[test]
    fn spin_never_parks() {
        let mut idler = Idler::new(Idle::Spin, Duration::ZERO);
        assert!(!steps(&mut idler, 10_000, false).contains(&Step::Park));
        let oversubscribed = steps(&mut idler, 640, true);
        assert_eq!(
            oversubscribed
                .iter()
                .filter(|&&step| step == Step::Yield)
                .count(),
            10
        );
    }

    #[test]
    fn count_of_turns_wraps() {
        let mut idler = Idler::new(Idle::Spin, Duration::ZERO);
        idler.in_vain = u32::MAX;
        let _ = steps(&mut idler, 2, false);
    }

    #[test]
    fn names_there_and_back() {
        for idle in [Idle::Spin, Idle::Adaptive, Idle::Park] {
            assert_eq!(idle.to_string().parse(), Ok(idle));
        }
        assert!("sleepy".parse::<Idle>().is_err());
    }
}
