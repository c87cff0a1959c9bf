//! The stall detector: a thread that looks whether delegated code blocks its worker.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the call table entry at `Sample::running` | anybody, to read it | unless the address is null: entries are constants |

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use gossamer_transport::Call;

use crate::shared::Shared;

/// What [`Builder::stall_hook`](crate::Builder::stall_hook) is told.
///
/// ```
/// use std::time::Duration;
///
/// let runtime = gossamer::Builder::new()
///     .workers(1)
///     .stall_after(Some(Duration::from_millis(500)))
///     .stall_hook(|stall| eprintln!("worker {}: {}", stall.worker(), stall.closure()))
///     .build()
///     .unwrap();
/// # drop(runtime);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    worker: usize,
    closure: &'static str,
    lasted: Duration,
}

impl Stall {
    /// The worker that does not get on.
    ///
    /// See the example of the [type](Self).
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// The type of the closure that it runs, which names the function that it was written in.
    ///
    /// See the example of the [type](Self).
    pub fn closure(&self) -> &'static str {
        self.closure
    }

    /// For how long at least.
    ///
    /// See the example of the [type](Self).
    pub fn lasted(&self) -> Duration {
        self.lasted
    }
}

pub(crate) type StallHook = Box<dyn Fn(&Stall) + Send>;

/// The detector's thread; ends when this is dropped.
pub(crate) struct StallDetector {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StallDetector {
    /// Reports every closure that runs for `threshold`, once.
    pub(crate) fn start(
        shared: Arc<Shared>,
        threshold: Duration,
        hook: StallHook,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("gossamer-stalls".into());
        let thread = thread.spawn(move || watch(&shared, threshold, &hook, &stopped))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for StallDetector {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Not by the detector itself, whose hook may drop the runtime: it would wait for itself.
        let here = std::thread::current().id();
        if let Some(thread) = self.thread.take_if(|thread| thread.thread().id() != here) {
            // A hook that panicked has ended the detector and was reported by its panic.
            drop(thread.join());
        }
    }
}

fn watch(shared: &Shared, threshold: Duration, hook: &StallHook, stopped: &Receiver<()>) {
    let mut before = sample(shared);
    let mut reported = HashSet::new();
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(threshold) {
        let now = sample(shared);
        for (worker, (before, now)) in before.iter().zip(&now).enumerate() {
            if before != now || now.running.is_null() {
                reported.remove(&worker);
            } else if reported.insert(worker) {
                // SAFETY: the row of the table: not null, and a worker notes nothing else but
                // addresses of entries.
                let call = unsafe { &*now.running };
                hook(&Stall {
                    worker,
                    closure: (call.name)(),
                    lasted: threshold,
                });
            }
        }
        before = now;
    }
}

/// What a worker was seen at.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sample {
    running: *const Call,
    done: u64,
}

fn sample(shared: &Shared) -> Vec<Sample> {
    let workers = shared.workers().iter();
    workers
        .map(|worker| Sample {
            running: worker.running(),
            done: worker.stats().work_done(),
        })
        .collect()
}
