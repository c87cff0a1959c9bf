//! What is measured: the same code for every executor. Each function runs for so many
//! milliseconds and returns operations a second.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::poll;

use super::batons::{LocalBaton, RemoteBaton};
use super::executors::OneThread;
use crate::harness::machine::{Machine, on_threads, pin as pin_to};
use crate::harness::meter::Clock;

/// Tasks that are under way at once.
const TASKS: usize = 64;
/// Operations between two looks at the clock.
const STRIDE: u64 = 256;
const TIMERS: usize = 100_000;

/// Tasks spawned, run to their end and joined.
pub(crate) fn spawns<E: OneThread>(machine: &Machine, executor: E, millis: u64) -> f64 {
    on_one(machine, millis, executor, async |clock| {
        let mut done = 0;
        while !clock.is_over() {
            let handles: Vec<_> = (0..TASKS).map(|_| E::spawn(async {})).collect();
            for handle in handles {
                handle.await;
            }
            done += TASKS as u64;
        }
        done
    })
}

/// Suspensions of tasks that wake themselves.
pub(crate) fn yields<E: OneThread>(machine: &Machine, executor: E, millis: u64) -> f64 {
    on_one(machine, millis, executor, async |clock| {
        let tasks = (0..TASKS).map(|_| {
            let clock = Rc::clone(&clock);
            counted::<E>(async move {
                let mut done = 0;
                while !clock.is_over() {
                    for _ in 0..STRIDE {
                        yield_once().await;
                    }
                    done += STRIDE;
                }
                done
            })
        });
        sum(tasks.collect()).await
    })
}

/// Wakes of one task by another of the same thread.
pub(crate) fn local_wakes<E: OneThread>(machine: &Machine, executor: E, millis: u64) -> f64 {
    on_one(machine, millis, executor, async |clock| {
        let is_over = Rc::new(Cell::new(false));
        let tasks = (0..TASKS).flat_map(|_| {
            let baton = Rc::new(LocalBaton::default());
            [0, 1].map(|side| {
                let (baton, is_over) = (Rc::clone(&baton), Rc::clone(&is_over));
                let clock = Rc::clone(&clock);
                counted::<E>(async move {
                    let mut done = 0;
                    loop {
                        baton.receive(side).await;
                        // Read with the baton in hand: who goes hands it over to who is left.
                        let last = is_over.get();
                        done += 1;
                        if done % STRIDE == 0 && clock.is_over() {
                            is_over.set(true);
                        }
                        baton.hand_over(side);
                        if last {
                            return done;
                        }
                    }
                })
            })
        });
        sum(tasks.collect()).await
    })
}

/// Wakes of one task by another of another thread, to and fro, in so many pairs.
pub(crate) fn remote_wakes<E: OneThread>(
    machine: &Machine,
    executor: E,
    pairs: usize,
    millis: u64,
) -> f64 {
    let batons: Vec<_> = (0..pairs).map(|_| RemoteBaton::default()).collect();
    // Never freed: what tasks of two threads share for the length of a benchmark.
    let batons: &'static [RemoteBaton] = Box::leak(batons.into_boxed_slice());
    let is_over: &'static AtomicBool = Box::leak(Box::default());
    let sample = on_threads(machine, 2, millis, |side, clock| {
        let clock = *clock;
        executor.run(move || async move {
            let tasks = batons.iter().map(|baton| {
                counted::<E>(async move {
                    let mut done = 0;
                    loop {
                        baton.receive(side).await;
                        // Read with the baton in hand, so that both sides read the same.
                        let last = is_over.load(Ordering::Acquire);
                        done += 1;
                        if side == 0 && done % 16 == 0 && clock.is_over() {
                            is_over.store(true, Ordering::Release);
                        }
                        baton.hand_over(side);
                        if last {
                            return done;
                        }
                    }
                })
            });
            sum(tasks.collect()).await
        })
    });
    sample.rate
}

/// Timers that are set, all at once, and dropped before they are due.
pub(crate) fn timers<E: OneThread>(machine: &Machine, executor: E, millis: u64) -> f64 {
    on_one(machine, millis, executor, async |clock| {
        let mut done = 0;
        while done == 0 || !clock.is_over() {
            let start = Instant::now() + Duration::from_secs(3600);
            let mut timers = Vec::with_capacity(TIMERS);
            for place in 0..TIMERS as u64 {
                // In no order, as they come from many tasks.
                let later = Duration::from_micros(place.wrapping_mul(0x9e37_79b9) % 1_000_000);
                let mut timer = Box::pin(E::sleep_until(start + later));
                assert!(poll!(timer.as_mut()).is_pending());
                timers.push(timer);
            }
            drop(timers);
            done += TIMERS as u64;
        }
        done
    })
}

/// Runs a body on the first core.
fn on_one<E: OneThread>(
    machine: &Machine,
    millis: u64,
    executor: E,
    body: impl AsyncFn(Rc<Clock>) -> u64 + Send + 'static,
) -> f64 {
    let core = machine.cores[0];
    let thread = std::thread::spawn(move || {
        pin_to(core);
        executor.run(move || async move {
            let clock = Rc::new(Clock::start(millis));
            let done = body(Rc::clone(&clock)).await;
            done as f64 / clock.elapsed()
        })
    });
    thread.join().expect("the body ran")
}

/// A task and where its count will be.
struct Counted<E: OneThread> {
    handle: E::Handle,
    count: Rc<Cell<u64>>,
}

fn counted<E: OneThread>(task: impl Future<Output = u64> + 'static) -> Counted<E> {
    let count = Rc::new(Cell::new(0));
    let counts = Rc::clone(&count);
    let handle = E::spawn(async move { counts.set(task.await) });
    Counted { handle, count }
}

async fn sum<E: OneThread>(tasks: Vec<Counted<E>>) -> u64 {
    let mut sum = 0;
    for task in tasks {
        task.handle.await;
        sum += task.count.get();
    }
    sum
}

async fn yield_once() {
    let mut has_yielded = false;
    pin!(poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }))
    .await;
}
