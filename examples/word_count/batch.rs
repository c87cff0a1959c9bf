//! Words on their way to a shard.

use std::mem::take;

/// Words one behind the other, so that a batch is two allocations whatever it holds.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    text: String,
    lengths: Vec<u16>,
}

impl Batch {
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
        self.text.len() >= BATCH_BYTES
    }
}

/// The batches of one task: one that is filled for each shard, and those that are full.
#[derive(Debug)]
pub(crate) struct Batches {
    filling: Vec<Batch>,
    full: Vec<(usize, Batch)>,
    empty: Vec<Batch>,
}

impl Batches {
    pub(crate) fn new(shards: usize) -> Self {
        let filling = (0..shards).map(|_| Batch::default()).collect();
        Self {
            filling,
            full: Vec::new(),
            empty: Vec::new(),
        }
    }

    /// Puts a word into the batch of its shard.
    pub(crate) fn push(&mut self, word: &str) {
        let shard = shard_of(word, self.filling.len());
        let batch = &mut self.filling[shard];
        batch.push(word);
        if batch.is_full() {
            let full = std::mem::replace(batch, self.empty.pop().unwrap_or_default());
            self.full.push((shard, full));
        }
    }

    /// The full batches, each with its shard.
    pub(crate) fn take_full(&mut self) -> Vec<(usize, Batch)> {
        take(&mut self.full)
    }

    /// All batches, each with its shard; nothing is left.
    pub(crate) fn take_all(&mut self) -> Vec<(usize, Batch)> {
        let mut all = take(&mut self.full);
        all.extend(self.filling.iter_mut().map(take).enumerate());
        all
    }

    /// Takes emptied batches back, to be filled again.
    pub(crate) fn recycle(&mut self, empty: impl IntoIterator<Item = Batch>) {
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

/// A batch is full with so much text: some hundred words, which pay for a request.
const BATCH_BYTES: usize = 4096;
/// The constants of the hash FNV-1a.
const FNV_BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn words_come_out_as_they_went_in() {
        let mut batches = Batches::new(3);
        let words: Vec<_> = (0..5000).map(|n| format!("wört{n}")).collect();
        for word in &words {
            batches.push(word);
        }
        let full = batches.take_full();
        assert!(!full.is_empty() && full.iter().all(|(_, batch)| batch.is_full()));
        let mut out = Vec::new();
        for (shard, batch) in full.into_iter().chain(batches.take_all()) {
            for word in batch.words() {
                assert_eq!(shard_of(word, 3), shard);
                out.push(word.to_owned());
            }
            batches.recycle([batch.emptied()]);
        }
        assert_eq!(out.len(), words.len());
        assert_eq!(
            out.into_iter().collect::<HashSet<_>>(),
            words.into_iter().collect()
        );
        assert!(
            batches
                .take_all()
                .iter()
                .all(|(_, batch)| batch.words().next().is_none())
        );
    }
}
