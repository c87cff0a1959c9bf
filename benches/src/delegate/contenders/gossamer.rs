//! Delegation.

use std::cell::Cell;
use std::sync::Arc;

use gossamer::{Builder, Idle, JoinHandle, Runtime, Trust};

use super::{STRIDE, TASKS};
use crate::delegate::load::{Load, Object, act};
use crate::harness::machine::Machine;
use crate::harness::meter::{Clock, Meter, Sample};

type Trusts<const N: usize> = Arc<[Trust<Object<N>>]>;

/// How delegation is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Every worker is a trustee too; tasks await `apply`.
    Apply,
    /// The same, but half of the workers are trustees and nothing else.
    Dedicated,
    /// Every worker is a trustee too; `apply_then`.
    ApplyThen,
}

/// `None` where there is no worker for dedicated trustees.
pub(crate) fn run<const N: usize>(
    machine: &Machine,
    load: &Load,
    way: Way,
    millis: u64,
) -> Option<Sample> {
    let dedicated = if way == Way::Dedicated {
        load.threads / 2
    } else {
        0
    };
    if way == Way::Dedicated && dedicated == 0 {
        return None;
    }
    let runtime = runtime(machine, load.threads, dedicated);
    let trustees = runtime.trustees();
    let trusts: Trusts<N> = (0..load.objects)
        .map(|object| trustees[object % trustees.len()].entrust([0; N]))
        .collect();
    let load = Arc::new(load.clone());
    let meter = Meter::start(millis);
    let clock = meter.clock();
    let running: Vec<_> = (0..load.threads - dedicated)
        .map(|worker| {
            let (trusts, load) = (Arc::clone(&trusts), Arc::clone(&load));
            runtime.spawn_on(worker, move || async move {
                match way {
                    Way::ApplyThen => apply_then_until(trusts, load, worker, clock).await,
                    _ => apply_from_tasks(trusts, load, worker, clock).await,
                }
            })
        })
        .collect();
    Some(meter.sample(&counts(running)))
}

/// As many workers as cores spin; more do as is the default.
fn runtime(machine: &Machine, workers: usize, dedicated: usize) -> Runtime {
    let is_oversubscribed = workers > machine.cores.len();
    let cores: Vec<_> = (0..workers).map(|worker| machine.core(worker)).collect();
    let builder = Builder::new()
        .workers(workers)
        .dedicated_trustees(dedicated)
        .pin_to(cores)
        .idle(if is_oversubscribed {
            Idle::Adaptive
        } else {
            Idle::Spin
        });
    builder.build().expect("the cores are allowed")
}

async fn apply_from_tasks<const N: usize>(
    trusts: Trusts<N>,
    load: Arc<Load>,
    worker: usize,
    clock: Clock,
) -> u64 {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (trusts, load) = (Arc::clone(&trusts), Arc::clone(&load));
            gossamer::spawn(async move {
                let (mut places, section) = (load.places(worker, task), load.section);
                let mut done = 0;
                while !clock.is_over() {
                    for _ in 0..STRIDE {
                        let trust = &trusts[places.next()];
                        trust
                            .apply(move |object| act(object, [1; N], section))
                            .await;
                    }
                    done += STRIDE;
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

async fn apply_then_until<const N: usize>(
    trusts: Trusts<N>,
    load: Arc<Load>,
    worker: usize,
    clock: Clock,
) -> u64 {
    let (mut places, section) = (load.places(worker, 0), load.section);
    let mut done = 0;
    while !clock.is_over() {
        for _ in 0..4 {
            while UNDER_WAY.get() < TASKS {
                UNDER_WAY.set(UNDER_WAY.get() + 1);
                trusts[places.next()].apply_then(
                    move |object| act(object, [1; N], section),
                    |_| UNDER_WAY.set(UNDER_WAY.get() - 1),
                );
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

fn counts(running: Vec<JoinHandle<u64>>) -> Vec<u64> {
    let running = running.into_iter().map(futures::executor::block_on);
    running.map(|count| count.expect("a worker ran")).collect()
}
