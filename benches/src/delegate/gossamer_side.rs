//! Delegation: `apply` and `apply_then` between two workers, and `apply` at home.

use std::cell::Cell;
use std::rc::Rc;

use gossamer::{Builder, Idle, JoinHandle, Runtime, Trust};

use crate::harness::machine::Machine;
use crate::harness::meter::Clock;

/// Which workers delegate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sides {
    One,
    Both,
}

/// Requests a second by `apply().await` to the other worker, from so many tasks a worker.
pub(crate) fn apply(machine: &Machine, tasks: usize, sides: Sides, millis: u64) -> f64 {
    let runtime = runtime(machine);
    let sides = if sides == Sides::Both { 2 } else { 1 };
    let running = (0..sides).map(|worker| {
        let counter = runtime.trustee(1 - worker).entrust(0_u64);
        runtime.spawn_on(worker, move || async move {
            let clock = Rc::new(Clock::start(millis));
            let tasks: Vec<_> = (0..tasks)
                .map(|_| gossamer::spawn(apply_until(counter.clone(), Rc::clone(&clock))))
                .collect();
            let done = sum(tasks).await;
            done as f64 / clock.elapsed()
        })
    });
    total(running.collect())
}

async fn apply_until(counter: Trust<u64>, clock: Rc<Clock>) -> u64 {
    let mut done = 0;
    while !clock.is_over() {
        for _ in 0..256 {
            counter.apply(|n| fetch_add(n, 1)).await;
        }
        done += 256;
    }
    done
}

/// Requests a second by `apply_then` to the other worker, with so many under way on each.
pub(crate) fn apply_then(machine: &Machine, depth: usize, millis: u64) -> f64 {
    let runtime = runtime(machine);
    let running = (0..2).map(|worker| {
        let counter = runtime.trustee(1 - worker).entrust(0_u64);
        runtime.spawn_on(worker, move || async move {
            let clock = Clock::start(millis);
            let mut done = 0;
            while !clock.is_over() {
                for _ in 0..64 {
                    while UNDER_WAY.get() < depth {
                        UNDER_WAY.set(UNDER_WAY.get() + 1);
                        counter.apply_then(
                            |n| fetch_add(n, 1),
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
            done as f64 / clock.elapsed()
        })
    });
    total(running.collect())
}

thread_local! {
    /// Requests of this worker whose results have not come back.
    static UNDER_WAY: Cell<usize> = const { Cell::new(0) };
}

/// Requests a second by `apply().await` on the worker that owns the property.
pub(crate) fn local(machine: &Machine, millis: u64) -> f64 {
    let runtime = runtime(machine);
    let counter = runtime.trustee(0).entrust(0_u64);
    let running = runtime.spawn_on(0, move || async move {
        let clock = Clock::start(millis);
        let mut done = 0;
        while !clock.is_over() {
            for _ in 0..4096 {
                counter.apply(|n| fetch_add(n, 1)).await;
            }
            done += 4096;
        }
        done as f64 / clock.elapsed()
    });
    total(vec![running])
}

fn runtime(machine: &Machine) -> Runtime {
    let builder = Builder::new()
        .workers(2)
        .pin_to(machine.pair())
        .idle(Idle::Spin);
    builder.build().expect("the cores are allowed")
}

#[inline(always)]
pub(super) fn fetch_add(counter: &mut u64, amount: u64) -> u64 {
    let before = *counter;
    *counter = before.wrapping_add(amount);
    before
}

async fn sum(tasks: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for task in tasks {
        sum += task.await.expect("a task ran");
    }
    sum
}

fn total(running: Vec<JoinHandle<f64>>) -> f64 {
    let rates = running.into_iter().map(futures::executor::block_on);
    rates.map(|rate| rate.expect("a side ran")).sum()
}
