//! Shutdown: the stages that the workers of a runtime go through together.
//!
//! ```text
//! Open ── begun ──► Draining ── idle ──► Quiet ── all quiet ──► Buried ── all buried ──► Ended
//!          drop own tasks,      │                drop properties,         handle what is
//!          issue no more        └ serve others   results nobody took      left in the inbox
//! ```
//!
//! Every stage but the barriers is left by the worker's own doing, and a worker that waits at a
//! barrier goes on serving, so shutdown ends as soon as the delegated code under way does. What
//! was issued before its worker began to drain is served; what is issued later comes back unrun.
//! Properties are dropped while all threads live, so that their drops may let go of trusts
//! anywhere: those obituaries are read before the second barrier is passed, or at the end.

use gossamer_executor::Executor;

use crate::sync::{AtomicU8, AtomicUsize, Ordering};
use crate::worker::Worker;

/// How far the workers are, counted.
pub(crate) struct Shutdown {
    workers: AtomicUsize,
    begun: AtomicU8,
    quiet: AtomicUsize,
    buried: AtomicUsize,
}

/// How far one worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    Draining,
    Quiet,
    Buried,
    Ended,
}

impl Shutdown {
    pub(crate) fn new(workers: usize) -> Self {
        let (quiet, buried) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let workers = AtomicUsize::new(workers);
        Self { workers, begun: AtomicU8::new(0), quiet, buried }
    }

    /// Only the first `started` workers exist: starting the next one failed.
    #[cold]
    pub(crate) fn fail_start(&self, started: usize) {
        // Relaxed: read after the Release store in `begin`, which follows on the same thread.
        self.workers.store(started, Ordering::Relaxed);
    }

    /// Lets it begin; the caller then wakes all workers.
    pub(crate) fn begin(&self) {
        // Release: pairs with the Acquire load in `has_begun`.
        self.begun.store(1, Ordering::Release);
    }

    /// Whether it has begun.
    pub(crate) fn has_begun(&self) -> bool {
        // Acquire: pairs with the Release store in `begin`.
        self.begun.load(Ordering::Acquire) != 0
    }

    /// A worker has no request under way and issues no more.
    pub(crate) fn arrive_quiet(&self) {
        // AcqRel: pairs with the Acquire load in `all_quiet`; the Acquire half makes the chain of
        // arrivals carry what each worker did before.
        self.quiet.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn all_quiet(&self) -> bool {
        // Acquire: pairs with the AcqRel increment in `arrive_quiet`.
        self.quiet.load(Ordering::Acquire) == self.workers()
    }

    fn workers(&self) -> usize {
        // Relaxed: as in `fail_start`.
        self.workers.load(Ordering::Relaxed)
    }

    /// A worker has dropped its properties.
    pub(crate) fn arrive_buried(&self) {
        // AcqRel: pairs with the Acquire load in `all_buried`, as in `arrive_quiet`.
        self.buried.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn all_buried(&self) -> bool {
        // Acquire: pairs with the AcqRel increment in `arrive_buried`.
        self.buried.load(Ordering::Acquire) == self.workers()
    }
}

impl Worker {
    /// Goes one stage further if it can; returns whether it did.
    #[inline]
    pub(crate) fn step_shutdown(&self, executor: &Executor) -> bool {
        self.may_step_shutdown() && self.step(executor)
    }

    /// Whether there is a stage to be left.
    #[inline]
    pub(crate) fn may_step_shutdown(&self) -> bool {
        let shutdown = &self.shared().shutdown;
        match self.stage.get() {
            Stage::Open => shutdown.has_begun(),
            Stage::Draining => self.client.is_idle(),
            Stage::Quiet => shutdown.all_quiet(),
            Stage::Buried => shutdown.all_buried(),
            Stage::Ended => false,
        }
    }

    #[cold]
    fn step(&self, executor: &Executor) -> bool {
        let shared = self.shared();
        match self.stage.get() {
            Stage::Open => {
                executor.drop_tasks();
                self.client.close();
                self.stage.set(Stage::Draining);
            }
            Stage::Draining => {
                // What was sent from elsewhere before the shutdown began is among this.
                self.trustee.empty_mail(self);
                shared.shutdown.arrive_quiet();
                shared.notify_all();
                self.stage.set(Stage::Quiet);
            }
            Stage::Quiet => {
                self.trustee.bury_all(self);
                self.client.pending().sweep(&|panic| self.report(panic));
                shared.shutdown.arrive_buried();
                shared.notify_all();
                self.stage.set(Stage::Buried);
            }
            Stage::Buried => {
                self.trustee.close_mail(self);
                executor.stop();
                self.stage.set(Stage::Ended);
            }
            Stage::Ended => unreachable!("may_step_shutdown said so"),
        }
        true
    }
}
