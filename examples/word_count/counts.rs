//! How often each word was seen.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

/// A map from words to counts: the whole, or one shard.
#[derive(Debug, Default)]
pub(crate) struct Counts(HashMap<Box<str>, u64>);

impl Counts {
    pub(crate) fn add_all<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) {
        for word in words {
            self.add(word);
        }
    }

    pub(crate) fn add(&mut self, word: &str) {
        match self.0.get_mut(word) {
            Some(count) => *count += 1,
            None => _ = self.0.insert(word.into(), 1),
        }
    }

    pub(crate) fn summary(&self, top: usize) -> Summary {
        let mut summary = Summary::default();
        for (word, count) in &self.0 {
            summary.add(word, *count, top);
        }
        summary
    }
}

/// What is reported of counts, and enough of the rest to tell whether two are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) total: u64,
    pub(crate) distinct: u64,
    /// The sum of a hash of each word with its count.
    checksum: u64,
    /// The most frequent words, those of equal count in the order of their code points.
    pub(crate) top: BTreeSet<(Reverse<u64>, Box<str>)>,
}

impl Summary {
    /// Adds a word with its count, which was not added before.
    pub(crate) fn add(&mut self, word: &str, count: u64, top: usize) {
        self.total += count;
        self.distinct += 1;
        let mut hasher = DefaultHasher::new();
        (word, count).hash(&mut hasher);
        self.checksum = self.checksum.wrapping_add(hasher.finish());
        self.rank(word, count, top);
    }

    /// Adds the summary of another shard, made with the same `top`.
    pub(crate) fn merge(&mut self, other: &Self, top: usize) {
        self.total += other.total;
        self.distinct += other.distinct;
        self.checksum = self.checksum.wrapping_add(other.checksum);
        for (Reverse(count), word) in &other.top {
            self.rank(word, *count, top);
        }
    }

    /// Puts a word among the most frequent, if it is one of them.
    fn rank(&mut self, word: &str, count: u64, top: usize) {
        if self.top.len() >= top {
            let last = self.top.last().map(|(count, word)| (*count, &**word));
            if last.is_none_or(|last| last < (Reverse(count), word)) {
                return;
            }
            self.top.pop_last();
        }
        self.top.insert((Reverse(count), word.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_make_no_difference() {
        let words: Vec<_> = (0..3000_u32).map(|n| (n * n % 97).to_string()).collect();
        let (mut whole, mut odd, mut even) =
            (Counts::default(), Counts::default(), Counts::default());
        for word in &words {
            whole.add(word);
            if word.ends_with(['1', '3', '5', '7', '9']) {
                odd.add(word)
            } else {
                even.add(word)
            }
        }
        for top in [0, 1, 5, 1000] {
            let mut summary = odd.summary(top);
            summary.merge(&even.summary(top), top);
            assert_eq!(summary, whole.summary(top));
            assert_eq!(summary.total, 3000);
            assert_eq!(summary.top.len(), top.min(summary.distinct as usize));
        }
    }

    #[test]
    fn equal_counts_in_order_of_words() {
        let mut counts = Counts::default();
        counts.add_all("b a c c a b d".split(' '));
        let top = counts.summary(3).top;
        assert_eq!(
            top.iter().map(|(_, word)| &**word).collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
    }

    #[test]
    fn one_count_more_changes_the_checksum() {
        let (mut one, mut other) = (Counts::default(), Counts::default());
        one.add_all(["a", "a", "b"]);
        other.add_all(["a", "b", "b"]);
        assert_ne!(one.summary(0), other.summary(0));
    }
}
