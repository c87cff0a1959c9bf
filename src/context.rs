//! The free functions: what a program calls without a handle to its runtime.
//!
//! On a worker they mean its runtime. On other threads those that can mean the one runtime of the
//! process, if there is just one.

use std::future::Future;
use std::sync::Arc;

use gossamer_executor::JoinHandle;

use crate::metrics::WorkerMetrics;
use crate::shared::Shared;
use crate::trust::Trust;
use crate::trustee_handle::Trustee;
use crate::worker::Worker;

/// Places `value` on the next trustee in turn; at once, on any thread.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// let counter = gossamer::entrust(17);
/// assert_eq!(counter.apply(|c| *c).await, 17);
/// # }
/// ```
///
/// # Panics
/// On a thread that is no worker, unless the process has just one runtime.
pub fn entrust<T: Send + 'static>(value: T) -> Trust<T> {
    let shared = current("entrust", "Runtime::entrust");
    let worker = shared.next_trustee();
    Trust::new(shared.id(), Some(shared), worker, value)
}

/// How many workers the runtime has.
///
/// ```
/// # #[gossamer::main(workers = 2)]
/// # async fn main() {
/// assert_eq!(gossamer::workers(), 2);
/// # }
/// ```
///
/// # Panics
/// As [`entrust`].
pub fn workers() -> usize {
    current("workers", "Runtime::workers").workers().len()
}

/// How many workers run tasks: all but the dedicated trustees, which are the last.
///
/// ```
/// # #[gossamer::main(workers = 3, dedicated_trustees = 1)]
/// # async fn main() {
/// assert_eq!(gossamer::task_workers(), 2);
/// # }
/// ```
///
/// # Panics
/// As [`entrust`].
pub fn task_workers() -> usize {
    current("task_workers", "Runtime::task_workers").task_workers()
}

/// The index of the worker that this thread is.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// assert_eq!(gossamer::worker_id(), 0); // where `main` runs
/// # }
/// ```
///
/// # Panics
/// On a thread that is no worker; see [`try_worker_id`].
pub fn worker_id() -> usize {
    try_worker_id().expect("worker_id: not on a worker; `try_worker_id` returns None there")
}

/// The index of the worker that this thread is, if it is one.
///
/// ```
/// assert_eq!(gossamer::try_worker_id(), None);
/// ```
pub fn try_worker_id() -> Option<usize> {
    Worker::with(|worker| worker.map(|worker| worker.index() as usize))
}

/// The trustee of worker `index`.
///
/// ```
/// # #[gossamer::main(workers = 2)]
/// # async fn main() {
/// let trust = gossamer::trustee(1).entrust(7);
/// assert_eq!(trust.apply(|n| *n).await, 7);
/// # }
/// ```
///
/// # Panics
/// If there is no such worker; else as [`entrust`].
pub fn trustee(index: usize) -> Trustee {
    let shared = current("trustee", "Runtime::trustee");
    let count = shared.workers().len();
    assert!(index < count, "trustee({index}): there are {count} workers");
    Trustee::new(shared.id(), index as u32)
}

/// The trustees that [`entrust`] places properties on, in turn.
///
/// ```
/// # #[gossamer::main(workers = 2)]
/// # async fn main() {
/// assert_eq!(gossamer::trustees().len(), 2);
/// # }
/// ```
///
/// # Panics
/// As [`entrust`].
pub fn trustees() -> Vec<Trustee> {
    let shared = current("trustees", "Runtime::trustees");
    shared
        .trustee_workers()
        .map(|worker| Trustee::new(shared.id(), worker))
        .collect()
}

/// The trustee of the worker that this thread is.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// let here = gossamer::local_trustee().entrust(7);
/// assert_eq!(here.apply(|n| *n).await, 7); // runs in place
/// # }
/// ```
///
/// # Panics
/// On a thread that is no worker.
pub fn local_trustee() -> Trustee {
    Worker::with(|worker| {
        let worker = worker.expect(
            "local_trustee: not on a worker; use `trustee(index)`, or call it inside \
             #[gossamer::main] or Runtime::block_on",
        );
        Trustee::new(worker.shared().id(), worker.index())
    })
}

/// Runs `future` as a task on this worker; it need not be `Send`.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// let shared = std::rc::Rc::new(7);
/// let task = gossamer::spawn(async move { *shared });
/// assert_eq!(task.await.unwrap(), 7);
/// # }
/// ```
///
/// # Panics
/// On a thread that is no worker: use [`spawn_on`] there.
pub fn spawn<Fut>(future: Fut) -> JoinHandle<Fut::Output>
where
    Fut: Future + 'static,
{
    gossamer_executor::spawn(future)
}

/// Builds a future on worker `worker` and runs it there, as a task.
///
/// ```
/// # #[gossamer::main(workers = 2)]
/// # async fn main() {
/// let there = gossamer::spawn_on(1, async || gossamer::worker_id());
/// assert_eq!(there.await.unwrap(), 1);
/// # }
/// ```
///
/// # Panics
/// If there is no such worker, or it is a dedicated trustee; else as [`entrust`].
pub fn spawn_on<F, Fut>(worker: usize, f: F) -> JoinHandle<Fut::Output>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Send + 'static,
{
    spawn_on_shared(&current("spawn_on", "Runtime::spawn_on"), worker, f)
}

/// What each worker of the runtime has done so far.
///
/// ```
/// # #[gossamer::main(workers = 2)]
/// # async fn main() {
/// assert_eq!(gossamer::metrics().len(), 2);
/// # }
/// ```
///
/// # Panics
/// As [`entrust`].
pub fn metrics() -> Vec<WorkerMetrics> {
    let shared = current("metrics", "Runtime::metrics");
    shared
        .workers()
        .iter()
        .map(|worker| WorkerMetrics::of(worker))
        .collect()
}

pub(crate) fn spawn_on_shared<F, Fut>(
    shared: &Shared,
    worker: usize,
    f: F,
) -> JoinHandle<Fut::Output>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Send + 'static,
{
    let count = shared.task_workers();
    assert!(
        worker < count,
        "spawn_on({worker}): tasks run on workers 0 to {}, {} of {} being dedicated trustees",
        count - 1,
        shared.workers().len() - count,
        shared.workers().len(),
    );
    shared.workers()[worker].remote().spawn(f)
}

/// The runtime that a free function means on this thread.
fn current(function: &str, method: &str) -> Arc<Shared> {
    let here = Worker::with(|worker| worker.map(|worker| Arc::clone(worker.shared())));
    here.or_else(Shared::only).unwrap_or_else(|| {
        panic!(
            "{function}: not on a worker, and the process does not have just one runtime; call \
             `{method}`, or call this inside #[gossamer::main] or Runtime::block_on"
        )
    })
}
