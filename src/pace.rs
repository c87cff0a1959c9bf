//! A pace: when a trustee that has nothing else to do looks at a client's slots.
//!
//! A look takes the line that the client is about to write; its store then waits until the line is
//! back. So the trustee leaves it alone after an answer, for as long as the next request has taken
//! to come of late: on an Intel Xeon a round trip of 260 instead of 317 ns. Only while it spins: a
//! turn in which anything was done, or others were let run, is longer than what a look costs.
//!
//! It rests a little too long rather than too short: what comes is then there at the first look.
//! A batch that was lets the rest shrink by a quarter of a turn, one that was not lets it grow by
//! a whole one.

/// When to look for the next batch of one client.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Turns since the last batch.
    turns: u32,
    /// The rest, in quarters of a turn.
    quarters: u32,
}

impl Pace {
    /// Begins a turn; returns whether to look in it. A trustee that does not spin always does.
    #[inline(always)]
    pub(crate) fn looks(&mut self, is_spinning: bool) -> bool {
        let rests = is_spinning && self.turns < self.rest();
        self.turns = self.turns.saturating_add(1);
        !rests
    }

    /// A batch was there in this turn.
    #[inline(always)]
    pub(crate) fn found(&mut self) {
        let before = self.turns - 1;
        self.turns = 0;
        if before <= self.rest() {
            self.quarters = self.quarters.saturating_sub(1);
        } else if before <= REST_MAX {
            self.quarters += QUARTERS;
        }
    }

    fn rest(&self) -> u32 {
        self.quarters / QUARTERS
    }
}

const QUARTERS: u32 = 4;

/// The longest rest, in turns of some 20 ns. What takes longer to come is no answer to an answer.
const REST_MAX: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of a trustee that spins, until it looks at what comes `after` so many.
    fn turns_until_found(pace: &mut Pace, after: u32) -> u32 {
        let found = (0..).find(|&turn| pace.looks(true) && turn >= after);
        pace.found();
        found.expect("endless")
    }

    #[test]
    fn settles_where_the_first_look_finds_it() {
        for after in 0..=REST_MAX {
            let mut pace = Pace::default();
            let turns: Vec<_> = (0..100)
                .map(|_| turns_until_found(&mut pace, after))
                .collect();
            assert!(turns.iter().all(|&turn| turn <= after + 1));
            assert!(pace.rest() + 1 >= after, "{} for {after}", pace.rest());
        }
    }

    #[test]
    fn does_not_rest_without_spinning() {
        let mut pace = Pace::default();
        for _ in 0..100 {
            turns_until_found(&mut pace, 4);
        }
        assert!(!pace.looks(true));
        assert!(pace.looks(false));
    }

    #[test]
    fn rests_a_bounded_time() {
        let mut pace = Pace::default();
        for after in (0..=REST_MAX).cycle().take(1000) {
            turns_until_found(&mut pace, after);
        }
        assert!(pace.rest() > 0);
        assert!(turns_until_found(&mut pace, 0) <= REST_MAX);
    }

    #[test]
    fn what_comes_late_says_nothing() {
        let mut pace = Pace::default();
        for _ in 0..100 {
            turns_until_found(&mut pace, REST_MAX + 1);
        }
        assert_eq!(pace.rest(), 0);
    }

    #[test]
    fn grows_short_again() {
        let mut pace = Pace::default();
        for after in [REST_MAX; 100].into_iter().chain([0; 100]) {
            turns_until_found(&mut pace, after);
        }
        assert_eq!(pace.rest(), 0);
    }
}
