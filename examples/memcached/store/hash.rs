//! The hash of a key: its upper half chooses the shard, its lower half the place in the index.

use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use foldhash::quality::RandomState;

/// The same for a key as long as the program runs, and another in the next: whoever chooses keys
/// cannot know which of them meet in one place.
pub(crate) fn hash(key: &[u8]) -> u64 {
    let mut hasher = SEEDS.build_hasher();
    hasher.write(key);
    hasher.finish()
}

/// Which of so many shards has the keys of this hash.
pub(crate) fn shard(hash: u64, shards: usize) -> usize {
    // A product instead of a remainder, which would take longer; below `shards` as the half is
    // below 2^32.
    (((hash >> 32) * shards as u64) >> 32) as usize
}

static SEEDS: LazyLock<RandomState> = LazyLock::new(RandomState::default);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_get_about_as_many_keys_each() {
        let mut keys = [0; 6];
        for number in 0..6000 {
            keys[shard(hash(format!("key:{number}").as_bytes()), 6)] += 1;
        }
        assert!(
            keys.iter().all(|keys| (800..1200).contains(keys)),
            "{keys:?}"
        );
    }

    #[test]
    fn keys_that_differ_in_zeros_at_the_end_differ() {
        assert_ne!(hash(b"a"), hash(b"a\0"));
        assert_ne!(hash(b"\0"), hash(b"\0\0"));
    }
}
