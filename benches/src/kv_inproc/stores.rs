//! Maps that threads share.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Mutex, RwLock};

use dashmap::DashMap;

use super::Traffic;
use crate::harness::machine::{Machine, on_threads};
use crate::harness::meter::Sample;

/// A map that is used from many threads.
pub(crate) trait Store: Sync {
    /// With so many keys, from zero on; in so many shards, if it does not choose that.
    fn with_keys(keys: u64, shards: usize) -> Self;

    fn get(&self, key: u64) -> Option<u64>;

    fn insert(&self, key: u64, value: u64);
}

pub(crate) fn run<S: Store>(machine: &Machine, traffic: &Traffic, millis: u64) -> Sample {
    let store = S::with_keys(
        traffic.keys as u64,
        (4 * machine.cores.len()).max(SHARDS_MIN),
    );
    on_threads(machine, machine.cores.len(), millis, |thread, clock| {
        let mut operations = traffic.operations(thread);
        let mut done = 0;
        while !clock.is_over() {
            for _ in 0..64 {
                let (key, is_write) = operations.next();
                if is_write {
                    store.insert(key, done);
                } else {
                    black_box(store.get(key));
                }
            }
            done += 64;
        }
        done
    })
}

impl Store for DashMap<u64, u64> {
    fn with_keys(keys: u64, _: usize) -> Self {
        (0..keys).map(|key| (key, key)).collect()
    }

    fn get(&self, key: u64) -> Option<u64> {
        DashMap::get(self, &key).map(|value| *value)
    }

    fn insert(&self, key: u64, value: u64) {
        DashMap::insert(self, key, value);
    }
}

impl Store for papaya::HashMap<u64, u64> {
    fn with_keys(keys: u64, _: usize) -> Self {
        (0..keys).map(|key| (key, key)).collect()
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.pin().get(&key).copied()
    }

    fn insert(&self, key: u64, value: u64) {
        self.pin().insert(key, value);
    }
}

/// Shards, by the lower bits of the key, each on cache lines of its own.
pub(crate) struct Sharded<M>(Box<[Padded<M>]>);

#[repr(align(128))]
struct Padded<M>(M);

impl<M> Sharded<M> {
    fn of(keys: u64, shards: usize, lock: impl Fn(HashMap<u64, u64>) -> M) -> Self {
        let shard = |shard: u64| {
            let keys = (shard..keys).step_by(shards);
            Padded(lock(keys.map(|key| (key, key)).collect()))
        };
        Self((0..shards as u64).map(shard).collect())
    }

    fn shard(&self, key: u64) -> &M {
        &self.0[key as usize % self.0.len()].0
    }
}

impl Store for Sharded<Mutex<HashMap<u64, u64>>> {
    fn with_keys(keys: u64, shards: usize) -> Self {
        Self::of(keys, shards, Mutex::new)
    }

    fn get(&self, key: u64) -> Option<u64> {
        let map = self.shard(key).lock().expect("no holder panics");
        map.get(&key).copied()
    }

    fn insert(&self, key: u64, value: u64) {
        let mut map = self.shard(key).lock().expect("no holder panics");
        map.insert(key, value);
    }
}

impl Store for Sharded<RwLock<HashMap<u64, u64>>> {
    fn with_keys(keys: u64, shards: usize) -> Self {
        Self::of(keys, shards, RwLock::new)
    }

    fn get(&self, key: u64) -> Option<u64> {
        let map = self.shard(key).read().expect("no holder panics");
        map.get(&key).copied()
    }

    fn insert(&self, key: u64, value: u64) {
        let mut map = self.shard(key).write().expect("no holder panics");
        map.insert(key, value);
    }
}

const SHARDS_MIN: usize = 64;
