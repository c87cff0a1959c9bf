//! Delegation.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;

use gossamer::{Builder, Idle, JoinHandle, Runtime, Trust};

use super::{STRIDE, TASKS};
use crate::delegate::load::{Load, Object, act};
use crate::harness::machine::Machine;
use crate::harness::meter::{Clock, Done, Meter, Sample};

type Trusts<const N: usize> = Arc<[Trust<Object<N>>]>;

/// How delegation is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Every worker is a trustee too; tasks await `apply`.
    Apply,
    /// The same, but half of the workers, or as many as there are objects, are trustees only.
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
    let dedicated = match way {
        Way::Dedicated => (load.threads / 2).min(load.objects),
        _ => 0,
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
                let count = match way {
                    Way::ApplyThen => apply_then_until(trusts, load, worker, clock).await,
                    _ => apply_from_tasks(trusts, load, worker, clock).await,
                };
                clock.done(count)
            })
        })
        .collect();
    Some(meter.sample(&ends(running)))
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
                        let amounts = black_box([1; N]);
                        let before = trust.apply(move |object| act(object, amounts, section));
                        black_box(before.await);
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
                let amounts = black_box([1; N]);
                trusts[places.next()].apply_then(
                    move |object| act(object, amounts, section),
                    |before| {
                        black_box(before);
                        UNDER_WAY.set(UNDER_WAY.get() - 1);
                    },
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

fn ends(running: Vec<JoinHandle<Done>>) -> Vec<Done> {
    let running = running.into_iter().map(futures::executor::block_on);
    running.map(|done| done.expect("a worker ran")).collect()
}
