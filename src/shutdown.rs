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

use crate::worker::Worker;

/// How far one worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    Draining,
    Quiet,
    Buried,
    Ended,
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
                // First, as there are entries for what it tells of.
                self.sweep_rack();
                self.client.pending().sweep(&|panic| self.report(panic));
                shared.shutdown.arrive_buried();
                shared.notify_all();
                self.stage.set(Stage::Buried);
            }
            Stage::Buried => {
                self.trustee.close_mail(self);
                self.sweep_rack(); // what was issued since has come back unrun
                executor.stop();
                self.stage.set(Stage::Ended);
            }
            Stage::Ended => unreachable!("may_step_shutdown said so"),
        }
        true
    }
}
