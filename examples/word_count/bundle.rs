//! Words on their way to a shard.

use std::mem::take;

use serde::{Deserialize, Serialize};

/// Words one behind the other, so that a bundle is two allocations whatever it holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Bundle {
    text: String,
    lengths: Vec<u16>,
}

impl Bundle {
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        let mut rest = &self.text[..];
        self.lengths.iter().map(move |length| {
            let (word, after) = rest.split_at(usize::from(*length));
            rest = after;
            word
        })
    }

    /// The same memory, without words.
    pub(crate) fn emptied(mut self) -> Self {
        self.text.clear();
        self.lengths.clear();
        self
    }

    fn push(&mut self, word: &str) {
        let length = u16::try_from(word.len()).expect("a word has a bounded size");
        self.text.push_str(word);
        self.lengths.push(length);
    }

    fn is_full(&self) -> bool {
        self.text.len() >= BUNDLE_BYTES
    }
}

/// The bundles of one task: one that is filled for each shard, and those that are full.
#[derive(Debug)]
pub(crate) struct Bundles {
    filling: Vec<Bundle>,
    full: Vec<(usize, Bundle)>,
    empty: Vec<Bundle>,
}

impl Bundles {
    pub(crate) fn new(shards: usize) -> Self {
        let filling = (0..shards).map(|_| Bundle::default()).collect();
        Self {
            filling,
            full: Vec::new(),
            empty: Vec::new(),
        }
    }

    /// Puts a word into the bundle of its shard.
    pub(crate) fn push(&mut self, word: &str) {
        let shard = shard_of(word, self.filling.len());
        let bundle = &mut self.filling[shard];
        bundle.push(word);
        if bundle.is_full() {
            let full = std::mem::replace(bundle, self.empty.pop().unwrap_or_default());
            self.full.push((shard, full));
        }
    }

    /// The full bundles, each with its shard.
    pub(crate) fn take_full(&mut self) -> Vec<(usize, Bundle)> {
        take(&mut self.full)
    }

    /// All bundles, each with its shard; nothing is left.
    pub(crate) fn take_all(&mut self) -> Vec<(usize, Bundle)> {
        let mut all = take(&mut self.full);
        all.extend(self.filling.iter_mut().map(take).enumerate());
        all
    }

    /// Takes emptied bundles back, to be filled again.
    pub(crate) fn recycle(&mut self, empty: impl IntoIterator<Item = Bundle>) {
        self.empty.extend(empty);
    }
}

/// The shard that counts a word.
fn shard_of(word: &str, shards: usize) -> usize {
    let hash = word.bytes().fold(FNV_BASIS, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
    });
    (hash >> 32) as usize % shards
}

/// A bundle is full with so much text: some hundred words, which pay for a request.
const BUNDLE_BYTES: usize = 4096;
/// The constants of the hash FNV-1a.
const FNV_BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn words_come_out_as_they_went_in() {
        let mut bundles = Bundles::new(3);
        let words: Vec<_> = (0..5000).map(|n| format!("wört{n}")).collect();
        for word in &words {
            bundles.push(word);
        }
        let full = bundles.take_full();
        assert!(!full.is_empty() && full.iter().all(|(_, bundle)| bundle.is_full()));
        let mut out = Vec::new();
        for (shard, bundle) in full.into_iter().chain(bundles.take_all()) {
            for word in bundle.words() {
                assert_eq!(shard_of(word, 3), shard);
                out.push(word.to_owned());
            }
            bundles.recycle([bundle.emptied()]);
        }
        assert_eq!(out.len(), words.len());
        assert_eq!(
            out.into_iter().collect::<HashSet<_>>(),
            words.into_iter().collect()
        );
        assert!(
            bundles
                .take_all()
                .iter()
                .all(|(_, bundle)| bundle.words().next().is_none())
        );
    }
}
