//! A set of lanes, as bits: which to flush, which to harvest.

use std::cell::Cell;

/// Lanes by worker; a bit each, so that nothing is borrowed while one is visited.
///
/// The first word is kept apart from the rest: most runtimes have no more, and each turn looks.
pub(crate) struct LaneSet {
    first: Cell<u64>,
    rest: Box<[Cell<u64>]>,
}

impl LaneSet {
    /// No lanes, of so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        let words = workers.div_ceil(LANES_PER_WORD);
        Self {
            first: Cell::new(0),
            rest: (1..words).map(|_| Cell::new(0)).collect(),
        }
    }

    #[inline(always)]
    pub(crate) fn insert(&self, lane: u32) {
        let word = self.word(lane);
        word.set(word.get() | bit(lane));
    }

    #[inline(always)]
    pub(crate) fn remove(&self, lane: u32) {
        let word = self.word(lane);
        word.set(word.get() & !bit(lane));
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get() == 0 && self.rest.iter().all(|word| word.get() == 0)
    }

    /// Visits the lanes that are in the set when their word is come to.
    #[inline(always)]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u32)) {
        let mut visit_all = |base: u32, mut left: u64| {
            while left != 0 {
                visit(base + left.trailing_zeros());
                left &= left - 1;
            }
        };
        visit_all(0, self.first.get());
        for (word, base) in self
            .rest
            .iter()
            .zip((1..).map(|n| n * LANES_PER_WORD as u32))
        {
            visit_all(base, word.get());
        }
    }

    #[inline(always)]
    fn word(&self, lane: u32) -> &Cell<u64> {
        match (lane as usize / LANES_PER_WORD).checked_sub(1) {
            None => &self.first,
            Some(index) => &self.rest[index],
        }
    }
}

#[inline(always)]
fn bit(lane: u32) -> u64 {
    1 << (lane as usize % LANES_PER_WORD)
}

const LANES_PER_WORD: usize = u64::BITS as usize;

#[cfg(test)]
mod tests {
    use super::LaneSet;

    #[test]
    fn visits_each_once_while_it_changes() {
        let set = LaneSet::new(130);
        [0, 63, 64, 129]
            .into_iter()
            .for_each(|lane| set.insert(lane));
        let mut seen = Vec::new();
        set.for_each(|lane| {
            seen.push(lane);
            set.remove(lane);
            set.insert(1); // in a word that is being visited: for the next time
        });
        assert_eq!(seen, [0, 63, 64, 129]);
        set.remove(1);
        assert!(set.is_empty());
    }
}
