//! What a program is played in: its runtime, the end of that, and what ends a test that hangs.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use gossamer::{Builder, PanicReport, Runtime};

use crate::actor::World;
use crate::coverage::{Situation, reached};
use crate::judge::{Phase, count, judge};
use crate::log::{Log, WORKERS};
use crate::program::Program;
use crate::request::{Bang, Thrown};

/// How long a test waits before it gives up; nothing depends on it but how soon a deadlock shows.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

pub(crate) fn runtime(program: &Program, log: &Arc<Log>) -> Runtime {
    let log = Arc::clone(log);
    let builder = Builder::new()
        .workers(WORKERS)
        .stall_after(None)
        .budget(program.budget);
    let builder = builder.idle(program.idle);
    let builder = builder.panic_hook(move |report: &PanicReport<'_>| {
        if let Some(Thrown(token)) = report.payload().downcast_ref() {
            token.request().life().reports += 1;
        } else if !report.payload().is::<Bang>() {
            log.fault(format_args!("reported: {}", report.message()));
        }
    });
    builder.build().expect("a runtime starts")
}

pub(crate) fn world(runtime: &Runtime, log: &Arc<Log>, is_in_turns: bool) -> Arc<World> {
    let trustees = std::array::from_fn(|worker| runtime.trustee(worker));
    World::new(Arc::clone(log), trustees, is_in_turns)
}

/// A shutdown under way, on a thread of its own.
pub(crate) struct Shutdown(Receiver<bool>);

impl Shutdown {
    pub(crate) fn begin(runtime: Runtime, log: &Log) -> Self {
        if log.in_flight() > 0 {
            reached(Situation::ShutdownInFlight);
        }
        log.begin_shutdown();
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let ends = catch_unwind(AssertUnwindSafe(|| drop(runtime)));
            sender
                .send(ends.is_ok())
                .expect("the test waits, or aborts");
        });
        Self(ended)
    }

    /// Returns when the threads of the runtime have ended.
    pub(crate) fn wait(self, log: &Log, program: &Program) {
        match self.0.recv_timeout(PATIENCE) {
            Ok(true) => {}
            Ok(false) => log.fault("a worker panicked"),
            Err(_) => hang("the shutdown", log, program),
        }
    }
}

/// Judges what is left when the runtime and all that the program had has gone.
pub(crate) fn judge_at_the_end(log: &Log) -> Result<(), String> {
    judge(log, Phase::Over)?;
    count(log);
    log.remember();
    judge(log, Phase::Gone)
}

/// A thread does not answer: nothing can be cleaned up, so the process ends here.
pub(crate) fn hang(who: &str, log: &Log, program: &Program) -> ! {
    let faults = log.faults();
    // Not by a macro: a captured line would be lost.
    drop(writeln!(
        std::io::stderr(),
        "oracle: {who} hangs; faults: {faults:?}\n{program:?}"
    ));
    std::process::abort()
}
