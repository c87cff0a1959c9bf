//! Question: what does a map cost that all threads share, next to concurrent maps and to maps
//! behind locks?
//!
//! Keys and values are of eight bytes. Delegation has a plain `HashMap` a worker, each in a trust;
//! the locks guard four a core, 64 at the
//! least. Every thread reads and writes keys that were drawn beforehand.

mod delegated;
mod stores;

use std::collections::HashMap;
use std::sync::{Mutex, RwLock};

use dashmap::DashMap;

use self::delegated::Way;
use self::stores::{Sharded, Store};
use crate::harness::Options;
use crate::harness::bench::{Bench, Effort};
use crate::harness::machine::Machine;
use crate::harness::picks::{Picker, Picks, Skew};
use crate::harness::sweep::{Kind, Sweep, THROUGHPUT};

/// What the threads of a run do, each for itself.
#[derive(Clone, Debug)]
struct Traffic {
    keys: usize,
    picks: Picks,
    /// Which operations are writes.
    writes: Picks,
}

impl Traffic {
    fn new(keys: usize, skew: Skew, percent_writes: usize) -> Self {
        Self {
            keys,
            picks: Picks::new(keys, skew),
            writes: Picks::coins(percent_writes),
        }
    }

    /// Does what is not to be measured.
    fn prepare(&self) {
        self.picks.prepare();
    }

    /// The operations of one client.
    fn operations(&self, seed: usize) -> Operations<'_> {
        Operations {
            keys: self.picks.picker(seed),
            writes: self.writes.picker(seed),
        }
    }
}

/// Gives one operation after another: the key, and whether it is written.
struct Operations<'a> {
    keys: Picker<'a>,
    writes: Picker<'a>,
}

impl Operations<'_> {
    #[inline(always)]
    fn next(&mut self) -> (u64, bool) {
        (self.keys.pick() as u64, self.writes.pick() == 1)
    }
}

/// Measures, prints, and writes the files that are asked for.
pub fn run(options: &Options) {
    let settings = "keys and values of 8 bytes; 64 tasks a thread where there are tasks";
    let mut bench = Bench::start("kv_inproc", settings, options);
    let machine = bench.machine.clone();
    let effort = Effort {
        rounds: 5,
        millis: if options.quick { 10 } else { 80 },
    };
    for (skew, how) in [
        (Skew::Uniform, "picked alike"),
        (Skew::Zipf, "by Zipf's law"),
    ] {
        let keys = [100, 1_000, 10_000, 100_000, 1_000_000];
        let keys = if options.quick { &keys[..4] } else { &keys[..] };
        let title = format!("keys {how}, 5 % writes; {} threads", machine.cores.len());
        let traffic = keys
            .iter()
            .map(|&keys| Traffic::new(keys, skew, 5))
            .collect();
        contest(&title, "keys", keys, &machine, traffic).run(&mut bench, effort);
        let shares = [1, 5, 10, 50];
        let title = format!(
            "writes to 10,000 keys {how}; {} threads",
            machine.cores.len()
        );
        let traffic = shares.map(|share| Traffic::new(10_000, skew, share));
        let points = shares.map(|share| format!("{share} %"));
        contest(&title, "writes", &points, &machine, traffic.to_vec()).run(&mut bench, effort);
    }
}

fn contest<'a>(
    title: &str,
    x: &'static str,
    points: &[impl ToString],
    machine: &'a Machine,
    traffic: Vec<Traffic>,
) -> Sweep<'a> {
    let points = points.iter().map(ToString::to_string);
    let mut sweep = Sweep::new(title, x, points, &THROUGHPUT).we_lose_because(
        "threads seldom want the same shard at once, and an operation that meets nobody costs \
         less than a request to another core and its answer.",
    );
    for (name, way) in [("apply", Way::Apply), ("apply_then", Way::ApplyThen)] {
        let traffic = traffic.clone();
        sweep.add_samples(Kind::Ours, name, move |point, millis| {
            traffic[point].prepare();
            Some(delegated::run(machine, &traffic[point], way, millis))
        });
    }
    add::<DashMap<u64, u64>>(&mut sweep, machine, &traffic, "DashMap");
    add::<papaya::HashMap<u64, u64>>(&mut sweep, machine, &traffic, "papaya");
    add::<Sharded<Mutex<HashMap<u64, u64>>>>(&mut sweep, machine, &traffic, "sharded Mutex");
    add::<Sharded<RwLock<HashMap<u64, u64>>>>(&mut sweep, machine, &traffic, "sharded RwLock");
    sweep
}

fn add<'a, S: Store>(sweep: &mut Sweep<'a>, machine: &'a Machine, traffic: &[Traffic], name: &str) {
    let traffic = traffic.to_vec();
    sweep.add_samples(Kind::Lock, name, move |point, millis| {
        traffic[point].prepare();
        Some(stores::run::<S>(machine, &traffic[point], millis))
    });
}
