//! A map a worker, each in a trust.

use std::cell::Cell;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use gossamer::{Builder, Idle, Trust};

use super::Traffic;
use crate::harness::machine::Machine;
use crate::harness::meter::{Clock, Meter, Sample};

type Shards = Arc<[Trust<HashMap<u64, u64>>]>;

/// How delegation is used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Apply,
    ApplyThen,
}

pub(crate) fn run(machine: &Machine, traffic: &Traffic, way: Way, millis: u64) -> Sample {
    let workers = machine.cores.len();
    let builder = Builder::new()
        .workers(workers)
        .pin_to(machine.cores.iter().copied())
        .idle(Idle::Spin);
    let runtime = builder.build().expect("the cores are allowed");
    let shards: Shards = (0..workers)
        .map(|shard| {
            let keys = (shard as u64..traffic.keys as u64).step_by(workers);
            let map: HashMap<_, _> = keys.map(|key| (key, key)).collect();
            runtime.trustee(shard).entrust(map)
        })
        .collect();
    let traffic = Arc::new(traffic.clone());
    let meter = Meter::start(millis);
    let clock = meter.clock();
    let running: Vec<_> = (0..workers)
        .map(|worker| {
            let (shards, traffic) = (Arc::clone(&shards), Arc::clone(&traffic));
            runtime.spawn_on(worker, move || async move {
                let count = match way {
                    Way::Apply => apply_from_tasks(shards, traffic, worker, clock).await,
                    Way::ApplyThen => apply_then_until(shards, traffic, worker, clock).await,
                };
                clock.done(count)
            })
        })
        .collect();
    let ends = running.into_iter().map(futures::executor::block_on);
    let ends: Vec<_> = ends.map(|done| done.expect("a worker ran")).collect();
    meter.sample(&ends)
}

async fn apply_from_tasks(
    shards: Shards,
    traffic: Arc<Traffic>,
    worker: usize,
    clock: Clock,
) -> u64 {
    let tasks: Vec<_> = (0..UNDER_WAY_MAX)
        .map(|task| {
            let (shards, traffic) = (Arc::clone(&shards), Arc::clone(&traffic));
            gossamer::spawn(async move {
                let mut operations = traffic.operations(worker * 1009 + task);
                let mut done = 0;
                while !clock.is_over() {
                    for _ in 0..32 {
                        let (key, is_write) = operations.next();
                        let shard = &shards[key as usize % shards.len()];
                        if is_write {
                            black_box(shard.apply(move |map| map.insert(key, done)).await);
                        } else {
                            black_box(shard.apply(move |map| map.get(&key).copied()).await);
                        }
                    }
                    done += 32;
                }
                done
            })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.expect("a task ran");
    }
    sum
}

thread_local! {
    /// Requests of this worker whose results have not come back.
    static UNDER_WAY: Cell<usize> = const { Cell::new(0) };
}

async fn apply_then_until(
    shards: Shards,
    traffic: Arc<Traffic>,
    worker: usize,
    clock: Clock,
) -> u64 {
    let then = |value: Option<u64>| {
        black_box(value);
        UNDER_WAY.set(UNDER_WAY.get() - 1);
    };
    let mut operations = traffic.operations(worker);
    let mut done = 0;
    while !clock.is_over() {
        for _ in 0..4 {
            while UNDER_WAY.get() < UNDER_WAY_MAX {
                UNDER_WAY.set(UNDER_WAY.get() + 1);
                let (key, is_write) = operations.next();
                let shard = &shards[key as usize % shards.len()];
                if is_write {
                    shard.apply_then(move |map| map.insert(key, done), then);
                } else {
                    shard.apply_then(move |map| map.get(&key).copied(), then);
                }
                done += 1;
            }
            gossamer::yield_now().await;
        }
    }
    while UNDER_WAY.get() > 0 {
        gossamer::yield_now().await;
    }
    done
}

/// Requests of a worker that are under way at once.
const UNDER_WAY_MAX: usize = 64;
