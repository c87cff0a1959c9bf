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
    /// Look again for ever: lowest latency, a whole core. Only with more executors than cores, and
    /// while descriptors become ready, it lets other threads run now and then.
    Spin,
    /// Look again for a short time ([`Config::spin`](crate::Config::spin)), let other threads run
    /// once, then sleep until woken. With more executors than cores, and while descriptors become
    /// ready, it lets other threads run every few microseconds, some times, before it sleeps: what
    /// it waits for may need the core.
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
    spinning_since: Option<Instant>,
    /// So many turns in vain go between two yields, or two looks at the time.
    patience: u32,
    /// Yields since a turn was not in vain.
    yields: u32,
    /// Times that turns began to be in vain since the last yield: each but the last had its end in
    /// something that was found.
    waits: u32,
    yields_ever: u32,
}

/// Whom the executor shares its core with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// There is a core for each that it waits for.
    Apart,
    /// What it waits for may need the core, and may be other executors.
    Crowd,
    /// What it waits for may need the core, and comes from other processes only.
    Strangers,
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
            spinning_since: None,
            patience: PATIENT,
            yields: 0,
            waits: 0,
            yields_ever: 0,
        }
    }

    /// A turn was not in vain.
    #[inline(always)]
    pub(crate) fn progressed(&mut self) {
        self.in_vain = 0;
    }

    /// A turn was in vain. `now` and `company` are called seldom.
    #[inline(always)]
    pub(crate) fn in_vain(
        &mut self,
        company: impl Fn() -> Company,
        now: impl FnOnce() -> Instant,
    ) -> Step {
        let turn = self.in_vain;
        self.in_vain = turn.wrapping_add(1);
        // The first turns come without a hint, which costs as much as several turns.
        if turn.wrapping_sub(1) < self.patience - 2 && self.idle != Idle::Park {
            return Step::Again;
        }
        self.in_vain_slowly(turn, company, now)
    }

    #[cold]
    fn in_vain_slowly(
        &mut self,
        turn: u32,
        company: impl Fn() -> Company,
        now: impl FnOnce() -> Instant,
    ) -> Step {
        match self.idle {
            Idle::Park => Step::Park,
            Idle::Adaptive if turn == 0 => {
                self.spinning_since = None;
                self.yields = 0;
                self.waits = self.waits.saturating_add(1);
                Step::Again
            }
            _ if turn < self.patience - 1 => Step::Again,
            _ if !turn.wrapping_add(1).is_multiple_of(self.patience) => Step::Hint,
            Idle::Spin if company() != Company::Apart => Step::Yield,
            Idle::Spin => Step::Look,
            Idle::Adaptive => match company() {
                Company::Apart => self.wait_alone(now()),
                Company::Crowd => self.wait_crowded(),
                Company::Strangers => self.wait_for_strangers(),
            },
        }
    }

    /// There is a core for each that it waits for: it spins for its time, yields once, then parks.
    fn wait_alone(&mut self, now: Instant) -> Step {
        self.patience = PATIENT;
        let since = *self.spinning_since.get_or_insert(now);
        if now.saturating_duration_since(since) < self.spin {
            return Step::Look;
        }
        self.yield_or_park(1)
    }

    /// What it waits for wakes it when it comes, at no cost to another executor.
    fn wait_for_strangers(&mut self) -> Step {
        self.patience = IMPATIENT;
        Step::Park
    }

    /// What it waits for may need the core: it yields some times, then parks.
    fn wait_crowded(&mut self) -> Step {
        self.yields_ever = self.yields_ever.wrapping_add(1);
        let pays = self.waits > WAITS_THAT_PAY || self.yields_ever.is_multiple_of(YIELDS_PER_TRIAL);
        self.patience = if pays { PATIENT } else { IMPATIENT };
        self.waits = 0;
        self.yield_or_park(YIELDS_CROWDED)
    }

    fn yield_or_park(&mut self, yields: u32) -> Step {
        if self.yields < yields {
            self.yields += 1;
            Step::Yield
        } else {
            self.patience = PATIENT; // nothing came of letting others run
            Step::Park
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

/// So many turns in vain go between two looks at the time, or two yields while looking pays.
const PATIENT: u32 = 64;
/// And so many between two yields while it does not: each of 8 on 2 cores that ask all others in
/// turn finds all it can do in the first turns that it is let run; looking on, as it does with
/// [`PATIENT`], costs 0.3 of the throughput.
const IMPATIENT: u32 = 2;
/// Looking pays if it has found something more often than this since the last yield: then another
/// executor that answers runs on another core just now.
const WAITS_THAT_PAY: u32 = 8;
/// After so many yields it tries again whether looking pays.
const YIELDS_PER_TRIAL: u32 = 16;
/// Before it sleeps among more executors than cores, each lets other threads run so often. A sleep
/// and a wake cost as much as a hundred requests, and what is waited for comes when others have
/// run: with 8 on 2 cores that each ask their neighbour, 0.3 of the throughput of 2 by sleeping at
/// once, 0.6 by yielding first.
const YIELDS_CROWDED: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps of `turns` turns in vain that take a microsecond each.
    fn steps(idler: &mut Idler, turns: u32, company: Company) -> Vec<Step> {
        let start = Instant::now();
        let at = |turn: u32| start + Duration::from_micros(u64::from(turn));
        (0..turns)
            .map(|turn| idler.in_vain(|| company, || at(turn)))
            .collect()
    }

    #[test]
    fn park_parks_at_once() {
        let mut idler = Idler::new(Idle::Park, Duration::ZERO);
        assert_eq!(steps(&mut idler, 2, Company::Apart), [Step::Park; 2]);
    }

    #[test]
    fn adaptive_spins_for_a_time_then_yields_then_parks() {
        let mut idler = Idler::new(Idle::Adaptive, Duration::from_micros(100));
        let steps = steps(&mut idler, 256, Company::Apart);
        assert_eq!(steps[..63], [Step::Again; 63]);
        assert_eq!(steps[63], Step::Look);
        assert_eq!(steps[64..127], [Step::Hint; 63]);
        assert_eq!(steps[127], Step::Look, "64 us after the first look");
        assert_eq!(steps[191], Step::Yield, "128 us after the first look");
        assert_eq!(steps[255], Step::Park);
    }

    #[test]
    fn adaptive_crowded_yields_some_times_then_parks() {
        let mut idler = Idler::new(Idle::Adaptive, Duration::from_secs(1));
        for _ in 0..2 {
            let steps = steps(&mut idler, 64 + 4 * 2, Company::Crowd);
            let at = |step| steps.iter().filter(|&&other| other == step).count();
            assert_eq!(steps[63], Step::Yield);
            assert_eq!((at(Step::Yield), at(Step::Park)), (4, 1));
            assert_eq!(steps.last(), Some(&Step::Park));
            idler.progressed();
        }
        let steps = steps(&mut idler, 64, Company::Apart);
        assert_eq!(steps[63], Step::Look, "no more crowded");
    }

    #[test]
    fn adaptive_parks_at_once_when_it_waits_for_strangers() {
        let mut idler = Idler::new(Idle::Adaptive, Duration::from_secs(1));
        let first = steps(&mut idler, 64, Company::Strangers);
        assert_eq!(first[..63], [Step::Again; 63], "who knows yet");
        assert_eq!(first[63], Step::Park);
        idler.progressed();
        let next = steps(&mut idler, 2, Company::Strangers);
        assert_eq!(next, [Step::Again, Step::Park]);
        idler.progressed();
        let crowd = steps(&mut idler, 2, Company::Crowd);
        assert_eq!(crowd, [Step::Again, Step::Yield]);
    }

    /// How many turns in vain go before it yields.
    fn patience(idler: &mut Idler) -> usize {
        let mut steps = std::iter::from_fn(|| steps(idler, 1, Company::Crowd).pop());
        let patience = 1 + steps.position(|step| step == Step::Yield).expect("endless");
        idler.progressed();
        patience
    }

    #[test]
    fn adaptive_crowded_looks_on_while_that_pays() {
        let mut idler = Idler::new(Idle::Adaptive, Duration::from_secs(1));
        assert_eq!(patience(&mut idler), 64, "at first");
        assert_eq!(patience(&mut idler), 2, "nothing was found by looking");
        for _ in 0..WAITS_THAT_PAY {
            assert_eq!(steps(&mut idler, 1, Company::Crowd), [Step::Again]);
            idler.progressed();
        }
        assert_eq!(patience(&mut idler), 2);
        assert_eq!(patience(&mut idler), 64, "much was found by looking");
        let trial = (0..YIELDS_PER_TRIAL).position(|_| patience(&mut idler) == 64);
        assert!(trial.is_some(), "tries again now and then");
    }

    #[test]
    fn spin_never_parks() {
        let mut idler = Idler::new(Idle::Spin, Duration::ZERO);
        assert!(!steps(&mut idler, 10_000, Company::Apart).contains(&Step::Park));
        let crowded = steps(&mut idler, 640, Company::Crowd);
        assert_eq!(
            crowded.iter().filter(|&&step| step == Step::Yield).count(),
            10
        );
    }

    #[test]
    fn count_of_turns_wraps() {
        let mut idler = Idler::new(Idle::Spin, Duration::ZERO);
        idler.in_vain = u32::MAX;
        let _ = steps(&mut idler, 2, Company::Apart);
    }

    #[test]
    fn names_there_and_back() {
        for idle in [Idle::Spin, Idle::Adaptive, Idle::Park] {
            assert_eq!(idle.to_string().parse(), Ok(idle));
        }
        assert!("sleepy".parse::<Idle>().is_err());
    }
}
