//! Tasks of tokio's runtime, and its asynchronous mutex.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use super::{STRIDE, TASKS};
use crate::delegate::load::{Load, Object, act};
use crate::harness::machine::{Machine, pin};
use crate::harness::meter::{Clock, Meter, Sample};

pub(crate) fn run<const N: usize>(machine: &Machine, load: &Load, millis: u64) -> Sample {
    let objects: Arc<[Mutex<Object<N>>]> = (0..load.objects).map(|_| Mutex::new([0; N])).collect();
    from_tasks(machine, load, millis, move |load, thread, task, clock| {
        let objects = Arc::clone(&objects);
        async move {
            let (mut places, section) = (load.places(thread, task), load.section);
            let mut done = 0;
            while !clock.is_over() {
                for _ in 0..STRIDE {
                    let mut object = objects[places.next()].lock().await;
                    act(&mut object, [1; N], section);
                }
                done += STRIDE;
            }
            done
        }
    })
}

/// Runs clients as tasks of tokio's runtime of so many threads, and counts what those of each
/// thread's share have done.
pub(crate) fn from_tasks<Fut: Future<Output = u64> + Send + 'static>(
    machine: &Machine,
    load: &Load,
    millis: u64,
    client: impl Fn(Arc<Load>, usize, usize, Clock) -> Fut,
) -> Sample {
    let runtime = tokio_runtime(machine, load.threads);
    let load = Arc::new(load.clone());
    runtime.block_on(async {
        let meter = Meter::start(millis);
        let shares: Vec<Vec<_>> = (0..load.threads)
            .map(|thread| {
                let tasks = 0..TASKS;
                tasks
                    .map(|task| {
                        tokio::spawn(client(Arc::clone(&load), thread, task, meter.clock()))
                    })
                    .collect()
            })
            .collect();
        let mut counts = Vec::new();
        for share in shares {
            let mut sum = 0;
            for task in share {
                sum += task.await.expect("a task ran");
            }
            counts.push(sum);
        }
        meter.sample(&counts)
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
