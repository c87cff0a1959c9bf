//! Locks around the same counter.

use std::hint::black_box;
use std::sync::{Arc, Mutex};

use crate::machine::{Clock, Machine, on_both, pin};

/// Lock, add, unlock, by one thread.
pub fn std_uncontended(millis: u64) -> f64 {
    let counter = black_box(Mutex::new(0_u64));
    let clock = Clock::start(millis);
    let done = lock_until(&counter, &clock);
    done as f64 / clock.elapsed()
}

/// Lock, add, unlock, by two threads.
pub fn std_contended(machine: &Machine, millis: u64) -> f64 {
    let counter = Mutex::new(0_u64);
    on_both(machine, millis, |_, clock| lock_until(&counter, clock))
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

/// Lock, add, unlock, by so many tasks on each of two threads of tokio.
pub fn tokio_contended(machine: &Machine, tasks: usize, millis: u64) -> f64 {
    let counter = Arc::new(tokio::sync::Mutex::new(0_u64));
    on_both(machine, millis, |side, clock| {
        pin(machine.pair[side]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("tokio starts");
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let clock = std::rc::Rc::new(Clock::start((millis as f64 - clock.elapsed()) as u64));
            let running = (0..tasks).map(|_| {
                let (counter, clock) = (Arc::clone(&counter), std::rc::Rc::clone(&clock));
                tokio::task::spawn_local(async move {
                    let mut done = 0;
                    while !clock.is_over() {
                        for _ in 0..256 {
                            *counter.lock().await += 1;
                        }
                        done += 256;
                    }
                    done
                })
            });
            let running: Vec<_> = running.collect();
            let mut sum = 0;
            for task in running {
                sum += task.await.expect("a task ran");
            }
            sum
        })
    })
}
