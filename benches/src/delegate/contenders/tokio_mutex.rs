//! Tasks of tokio's runtime, and its asynchronous mutex.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Runtime;
use tokio::sync::{Mutex, watch};

use super::threads::Padded;
use super::{STRIDE, TASKS};
use crate::delegate::load::{Load, Object, act};
use crate::harness::machine::{Machine, pin};
use crate::harness::meter::{Clock, Meter, Sample};

pub(crate) fn run<const N: usize>(machine: &Machine, load: &Load, millis: u64) -> Sample {
    let objects: Arc<[Padded<Mutex<Object<N>>>]> = (0..load.objects)
        .map(|_| Padded(Mutex::new([0; N])))
        .collect();
    from_tasks(machine, load, millis, || {
        move |load: Arc<Load>, thread, task, clock: Clock| {
            let objects = Arc::clone(&objects);
            async move {
                let (mut places, section) = (load.places(thread, task), load.section);
                let mut done = 0;
                while !clock.is_over() {
                    for _ in 0..STRIDE {
                        let amounts = black_box([1; N]);
                        let mut object = objects[places.next()].0.lock().await;
                        black_box(act(&mut object, amounts, section));
                    }
                    done += STRIDE;
                }
                done
            }
        }
    })
}

/// Runs clients as tasks of tokio's runtime of so many threads; fairness is that between as many
/// groups of tasks, which the runtime moves between its threads.
///
/// `start` is called there first, and makes what each client does. The clock starts when all
/// clients have been spawned.
pub(crate) fn from_tasks<C, Fut>(
    machine: &Machine,
    load: &Load,
    millis: u64,
    start: impl FnOnce() -> C,
) -> Sample
where
    C: Fn(Arc<Load>, usize, usize, Clock) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = u64> + Send + 'static,
{
    let runtime = tokio_runtime(machine, load.threads);
    let load = Arc::new(load.clone());
    runtime.block_on(async {
        let client = start();
        let (go, started) = watch::channel(None::<Clock>);
        let spawn = |thread, task| {
            let (client, load, mut started) = (client.clone(), Arc::clone(&load), started.clone());
            tokio::spawn(async move {
                let clock = *started.wait_for(Option::is_some).await.expect("it starts");
                let clock = clock.expect("waited for");
                client(load, thread, task, clock).await
            })
        };
        let groups: Vec<Vec<_>> = (0..load.threads)
            .map(|thread| (0..TASKS).map(|task| spawn(thread, task)).collect())
            .collect();
        let meter = Meter::start(millis);
        go.send(Some(meter.clock())).expect("they wait for it");
        let mut ends = Vec::new();
        for group in groups {
            let mut sum = 0;
            for task in group {
                sum += task.await.expect("a task ran");
            }
            ends.push(meter.clock().done(sum));
        }
        meter.sample(&ends)
    })
}

pub(crate) fn tokio_runtime(machine: &Machine, threads: usize) -> Runtime {
    let (machine, next) = (machine.clone(), AtomicUsize::new(0));
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        // Relaxed: only the number counts.
        .on_thread_start(move || pin(machine.core(next.fetch_add(1, Ordering::Relaxed))))
        .build()
        .expect("tokio starts")
}
