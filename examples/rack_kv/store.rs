//! The store: records by number, in shards on all trustees of the rack.

use std::collections::BTreeMap;

use gossamer::rack::{self, CallError, Trust};
use serde::{Deserialize, Serialize};

/// The part of the store that one trust leads to.
#[derive(Default)]
pub(crate) struct Shard(BTreeMap<u64, Record>);

/// What is stored under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// How often it was written.
    pub(crate) writes: u64,
    /// What the bytes were made from, by whom they can be checked.
    stamp: u64,
    #[serde(with = "bytes")]
    value: Vec<u8>,
}

/// All shards, wherever they are.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Shards(Vec<Trust<Shard>>);

/// A write on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Write {
    key: u64,
    stamp: u64,
    #[serde(with = "bytes")]
    value: Vec<u8>,
}

impl Shards {
    /// So many on every trustee.
    pub(crate) async fn spread(per_trustee: usize) -> Self {
        let mut shards = Vec::new();
        for _ in 0..per_trustee {
            for trustee in rack::trustees() {
                shards.push(rack::entrust_on(trustee, |()| Shard::default(), ()).await);
            }
        }
        Self(shards)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Trust<Shard>> {
        self.0.iter()
    }

    /// Which shard a key is in. Neighbours are together, so that few shards are scanned.
    pub(crate) fn index_of(&self, key: u64) -> usize {
        (key / KEYS_TOGETHER % self.0.len() as u64) as usize
    }

    pub(crate) async fn read(&self, key: u64) -> Result<Option<Record>, CallError> {
        let read = |shard: &mut Shard, key| shard.0.get(&key).cloned();
        self.0[self.index_of(key)].try_apply_with(read, key).await
    }

    pub(crate) async fn write(&self, write: Write) -> Result<(), CallError> {
        let shard = &self.0[self.index_of(write.key)];
        shard.try_apply_with(Shard::write, write).await
    }

    /// Up to `count` records from `key` on; returns how many there were.
    pub(crate) async fn scan(&self, key: u64, count: u64) -> Result<u64, CallError> {
        let scan = |shard: &mut Shard, (from, to): (u64, u64)| {
            let records = shard.0.range(from..to);
            records
                .map(|(_, record)| record.clone())
                .collect::<Vec<_>>()
        };
        let (mut from, end) = (key, key + count);
        let mut found = 0;
        while from < end {
            let to = end.min((from / KEYS_TOGETHER + 1) * KEYS_TOGETHER);
            let shard = &self.0[self.index_of(from)];
            let records = shard.try_apply_with(scan, (from, to)).await?;
            assert!(records.iter().all(Record::is_whole), "a record is damaged");
            found += records.len() as u64;
            from = to;
        }
        Ok(found)
    }
}

impl Shard {
    fn write(&mut self, write: Write) {
        let Write { key, stamp, value } = write;
        let writes = self.0.get(&key).map_or(0, |record| record.writes) + 1;
        let record = Record {
            writes,
            stamp,
            value,
        };
        self.0.insert(key, record);
    }

    /// How often each key was written.
    pub(crate) fn writes(&mut self) -> Vec<(u64, u64)> {
        let writes = self.0.iter().map(|(&key, record)| (key, record.writes));
        writes.collect()
    }
}

impl Record {
    /// Whether the bytes are those that were written with this stamp.
    pub(crate) fn is_whole(&self) -> bool {
        self.value == value_of(self.stamp, self.value.len())
    }
}

impl Write {
    pub(crate) fn new(key: u64, stamp: u64, bytes: usize) -> Self {
        Self {
            key,
            stamp,
            value: value_of(stamp, bytes),
        }
    }
}

fn value_of(stamp: u64, bytes: usize) -> Vec<u8> {
    let words = (0..).map(|n: u64| {
        (stamp ^ n)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .to_le_bytes()
    });
    words.flatten().take(bytes).collect()
}

/// Bytes in one piece, and not one by one.
mod bytes {
    use std::fmt;

    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }

            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        from.deserialize_byte_buf(Bytes)
    }
}

const KEYS_TOGETHER: u64 = 128;
