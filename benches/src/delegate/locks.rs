//! Locks around the same counter.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::harness::machine::{Machine, on_threads, pin};
use crate::harness::meter::Clock;

/// Lock, add, unlock, by one thread.
pub(crate) fn std_uncontended(millis: u64) -> f64 {
    let counter = black_box(Mutex::new(0_u64));
    let clock = Clock::start(millis);
    let done = lock_until(&counter, &clock);
    done as f64 / clock.elapsed()
}

/// Lock, add, unlock, by two threads.
pub(crate) fn std_contended(machine: &Machine, millis: u64) -> f64 {
    let counter = Mutex::new(0_u64);
    on_threads(machine, 2, millis, |_, clock| lock_until(&counter, clock)).rate
}

fn lock_until(counter: &Mutex<u64>, clock: &Clock) -> u64 {
    let mut done = 0;
    while !clock.is_over() {
        for _ in 0..4096 {
            *counter.lock().expect("no holder panics") += 1;
        }
        done += 4096;
    }
    done
}

/// Lock, add, unlock, by so many tasks a thread on tokio's runtime of two threads.
pub(crate) fn tokio_contended(machine: &Machine, tasks: usize, millis: u64) -> f64 {
    let (pair, next) = (machine.pair(), AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .on_thread_start(move || pin(pair[next.fetch_add(1, Ordering::Relaxed) % 2]))
        .build()
        .expect("tokio starts");
    let counter = Arc::new(tokio::sync::Mutex::new(0_u64));
    runtime.block_on(async {
        let clock = Arc::new(Clock::start(millis));
        let running: Vec<_> = (0..2 * tasks)
            .map(|_| {
                let (counter, clock) = (Arc::clone(&counter), Arc::clone(&clock));
                tokio::spawn(async move {
                    let mut done = 0;
                    while !clock.is_over() {
                        for _ in 0..64 {
                            *counter.lock().await += 1;
                        }
                        done += 64;
                    }
                    done
                })
            })
            .collect();
        let mut sum = 0_u64;
        for task in running {
            sum += task.await.expect("a task ran");
        }
        sum as f64 / clock.elapsed()
    })
}
