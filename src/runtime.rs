//! A runtime: its threads, from start to shutdown.

use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use gossamer_executor::{Claim, Config, pin_to};

use crate::block_on::block_on_worker;
use crate::builder::{BuildError, Builder, Plan};
use crate::metrics::WorkerMetrics;
use crate::rack::End;
use crate::rack::link;
use crate::rack::node::Node;
use crate::shared::{Message, Shared};
use crate::stall::{StallDetector, StallHook};
use crate::trust::Trust;
use crate::trustee_handle::Trustee;
use crate::worker::Worker;

/// A set of workers that entrust and delegate to each other.
///
/// Dropping it shuts it down: what was issued is served, what is issued meanwhile comes back
/// unrun, tasks and properties are dropped on their workers, and all threads are joined.
///
/// ```
/// let runtime = gossamer::Builder::new().workers(2).build()?;
/// let name = String::from("borrowed");
/// let length = runtime.block_on(async {
///     let trust = gossamer::entrust(name.len());
///     trust.apply(|length| *length).await
/// });
/// assert_eq!(length, 8);
/// # Ok::<(), gossamer::BuildError>(())
/// ```
///
/// # Panics
/// Dropped on a worker of any runtime, where waiting for its workers might never end: they are
/// told to end, but not waited for.
pub struct Runtime {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    _stalls: Option<StallDetector>,
}

impl Runtime {
    /// A runtime as [`Builder::new`] describes it.
    ///
    /// ```
    /// let runtime = gossamer::Runtime::new()?;
    /// assert!(runtime.workers() >= 1);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new() -> Result<Self, BuildError> {
        Builder::new().build()
    }

    /// Starts the threads and waits until all of them run.
    pub(crate) fn start(plan: Plan) -> Result<Self, BuildError> {
        let claims = (0..plan.workers)
            .map(|_| Claim::new())
            .collect::<Result<Vec<_>, _>>();
        let claims = claims.map_err(|_| BuildError::TooManyExecutors {
            workers: plan.workers,
        })?;
        if let Some(init) = plan.init {
            init();
        }
        let is_node = plan.rack.is_some();
        let (rack, met) = match plan.rack {
            Some(rack) => rack.meet(plan.workers, plan.dedicated_trustees)?,
            None => (Node::alone(plan.workers, plan.dedicated_trustees), None),
        };
        let shared = Shared::create(claims, plan.dedicated_trustees, plan.panic_hook, rack);
        let mut runtime = Self {
            shared,
            threads: Vec::new(),
            _stalls: None,
        };
        let started = runtime.start_workers(plan.workers, plan.cores.as_deref(), plan.executor);
        let started = started.and_then(|()| match plan.stalls {
            Some((threshold, hook)) => runtime.start_stall_detector(threshold, hook),
            None => Ok(()),
        });
        let started = started.and_then(|()| match met {
            Some(met) => met
                .begin(&runtime.shared)
                .map_err(|source| BuildError::Thread { source }),
            None => Ok(()),
        });
        match started {
            Ok(()) => {
                runtime.shared.publish();
                if is_node {
                    link::start(&runtime.shared);
                }
                Ok(runtime)
            }
            Err(error) => {
                runtime.end(); // those that did start
                Err(error)
            }
        }
    }

    /// Runs `future` on worker 0 while the calling thread sleeps; both may borrow.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(1).build()?;
    /// let mut sum = 0;
    /// runtime.block_on(async { sum += 1 });
    /// assert_eq!(sum, 1);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With the panic of the future. On a worker of any runtime: await there instead.
    pub fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        self.block_on_with(move || future)
    }

    /// Builds a future on worker 0, which need not be `Send`, and runs it there while the calling
    /// thread sleeps.
    ///
    /// ```
    /// use std::rc::Rc;
    ///
    /// let runtime = gossamer::Builder::new().workers(1).build()?;
    /// let seven = runtime.block_on_with(|| async {
    ///     let shared = Rc::new(7);
    ///     gossamer::yield_now().await;
    ///     *shared
    /// });
    /// assert_eq!(seven, 7);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// As [`block_on`](Self::block_on).
    pub fn block_on_with<F, Fut>(&self, f: F) -> Fut::Output
    where
        F: FnOnce() -> Fut + Send,
        Fut: Future,
        Fut::Output: Send,
    {
        refuse_on_worker("block_on would wait for itself; await the future, or `spawn` it");
        match block_on_worker(self.shared.workers()[0].remote(), f) {
            Ok(output) => output,
            Err(payload) => resume_unwind(payload),
        }
    }

    /// How many workers there are.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(2).build()?;
    /// assert_eq!(runtime.workers(), 2);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn workers(&self) -> usize {
        self.shared.workers().len()
    }

    /// How many workers run tasks: all but the dedicated trustees, which are the last.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(3).dedicated_trustees(1).build()?;
    /// assert_eq!(runtime.task_workers(), 2);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn task_workers(&self) -> usize {
        self.shared.task_workers()
    }

    /// The trustee of worker `index`.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(2).build()?;
    /// let trust = runtime.trustee(1).entrust(1); // from any thread
    /// let other = trust.clone();
    /// assert_eq!(runtime.block_on(async move { other.apply(|n| *n).await }), 1);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such worker.
    pub fn trustee(&self, index: usize) -> Trustee {
        assert!(
            index < self.workers(),
            "trustee({index}): there are {} workers",
            self.workers()
        );
        Trustee::new(self.shared.id(), index as u32)
    }

    /// The trustees that [`entrust`](Self::entrust) places properties on, in turn.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(3).dedicated_trustees(1).build()?;
    /// assert_eq!(runtime.trustees(), [runtime.trustee(2)]);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn trustees(&self) -> Vec<Trustee> {
        let id = self.shared.id();
        self.shared
            .trustee_workers()
            .map(|worker| Trustee::new(id, worker))
            .collect()
    }

    /// Places `value` on the next trustee in turn.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(1).build()?;
    /// let trust = runtime.entrust(1);
    /// assert_eq!(futures::executor::block_on(trust.apply(|n| *n)), 1);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn entrust<T: Send + 'static>(&self, value: T) -> Trust<T> {
        let worker = self.shared.next_trustee();
        Trust::new(
            self.shared.id(),
            Some(Arc::clone(&self.shared)),
            worker,
            value,
        )
    }

    /// Builds a future on worker `worker` and runs it there.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(2).build()?;
    /// let task = runtime.spawn_on(1, || async { gossamer::worker_id() });
    /// assert_eq!(futures::executor::block_on(task).unwrap(), 1);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such worker, or it is a dedicated trustee.
    pub fn spawn_on<F, Fut>(
        &self,
        worker: usize,
        f: F,
    ) -> gossamer_executor::JoinHandle<Fut::Output>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future + 'static,
        Fut::Output: Send + 'static,
    {
        crate::context::spawn_on_shared(&self.shared, worker, f)
    }

    /// Serves the rack until it ends, as every node but the first does; returns the status that
    /// node 0 has ended it with, or 1 if node 0 is lost, or the others go on without this node. A
    /// rack of one, and node 0 itself, need not be waited for.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(1).build()?;
    /// assert_eq!(runtime.serve(), 0); // a rack of one
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// On a worker of any runtime, which would wait for itself.
    pub fn serve(&self) -> i32 {
        match self.serve_to_the_end() {
            End::Told(status) => status,
            End::CutOff => 1,
        }
    }

    /// As [`serve`](Self::serve); also says whether the rack has ended in good order.
    pub(crate) fn serve_to_the_end(&self) -> End {
        refuse_on_worker("serve would wait for itself");
        match self.shared.rack().peers() {
            Some(peers) if self.shared.rack().id() != 0 => peers.ending().wait_for_end(),
            _ => End::Told(0),
        }
    }

    /// Says with what status the rack ends, as node 0, and waits for the others to go.
    pub(crate) fn end_rack(&self, status: i32) {
        if let Some(peers) = self.shared.rack().peers() {
            peers.leave(status);
        }
    }

    /// What each worker has done so far.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(2).build()?;
    /// assert_eq!(runtime.metrics().len(), 2);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn metrics(&self) -> Vec<WorkerMetrics> {
        self.shared
            .workers()
            .iter()
            .map(|worker| WorkerMetrics::of(worker))
            .collect()
    }

    fn start_workers(
        &mut self,
        workers: usize,
        cores: Option<&[usize]>,
        executor: Config,
    ) -> Result<(), BuildError> {
        let (started, starts) = channel();
        for index in 0..workers {
            let core = cores.map(|cores| cores[index % cores.len()]);
            self.start_worker(index, core, executor, started.clone())?;
        }
        drop(started);
        // Each worker sends one word or drops the sender.
        starts.into_iter().collect()
    }

    fn start_stall_detector(
        &mut self,
        threshold: Duration,
        hook: StallHook,
    ) -> Result<(), BuildError> {
        let stalls = StallDetector::start(Arc::clone(&self.shared), threshold, hook);
        self._stalls = Some(stalls.map_err(|source| BuildError::Thread { source })?);
        Ok(())
    }

    fn start_worker(
        &mut self,
        index: usize,
        core: Option<usize>,
        executor: Config,
        started: Sender<Result<(), BuildError>>,
    ) -> Result<(), BuildError> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(format!("gossamer-{index}"));
        let body = move || {
            let pinned = core.map_or(Ok(()), |core| {
                pin_to(core).map_err(|source| BuildError::Pin { core, source })
            });
            drop(started.send(pinned));
            drop(started);
            Worker::run(shared, index as u32, executor);
        };
        match thread.spawn(body) {
            Ok(thread) => {
                self.threads.push(thread);
                Ok(())
            }
            Err(source) => {
                self.shared.shutdown.fail_start(index);
                Err(BuildError::Thread { source })
            }
        }
    }

    /// Ends the workers and waits for them; on a worker, where the wait might never end, not.
    fn end(&mut self) {
        let is_worker = gossamer_executor::is_entered();
        if !is_worker && !self.threads.is_empty() {
            self.end_rack(0);
        }
        self.shared.shutdown.begin();
        for worker in self.shared.workers() {
            // A worker that has not started, or has ended, needs no word.
            drop(worker.send(Message::ShutDown));
        }
        if is_worker {
            self.threads.clear();
        }
        let mut failed = None;
        for thread in self.threads.drain(..) {
            failed = thread.join().err().or(failed);
        }
        if let Some(peers) = self.shared.rack().peers() {
            peers.end();
        }
        if let Some(payload) = failed {
            resume_unwind(payload);
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let has_ended = self.threads.is_empty();
        self.end();
        // While the thread unwinds, another panic would end the process.
        if !has_ended && !std::thread::panicking() {
            refuse_on_worker("a Runtime dropped here would wait for itself; drop it elsewhere");
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("workers", &self.workers())
            .finish_non_exhaustive()
    }
}

fn refuse_on_worker(advice: &str) {
    let is_worker = gossamer_executor::is_entered();
    assert!(!is_worker, "on a gossamer worker: {advice}");
}
