//! What the tests of this folder share.
#![expect(dead_code, reason = "each test uses a part of it")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, ThreadId};

use gossamer_executor::{Claim, Config, Executor, Idle, Remote, with_current};

/// A claim and its executor, on the calling thread.
pub(crate) fn executor() -> (Claim, Executor) {
    let claim = Claim::new().expect("a free place");
    let executor = Executor::new(claim.remote(), Config::default());
    (claim, executor)
}

/// An executor on a thread of its own, until it is dropped.
pub(crate) struct Worker {
    pub(crate) claim: Claim,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn new(idle: Idle) -> Self {
        let claim = Claim::new().expect("a free place");
        let remote = claim.remote();
        let config = Config {
            idle,
            ..Config::default()
        };
        let thread = std::thread::spawn(move || Executor::new(remote, config).run(&[]));
        Self {
            claim,
            thread: Some(thread),
        }
    }

    pub(crate) fn remote(&self) -> &'static Remote {
        self.claim.remote()
    }

    pub(crate) fn thread_id(&self) -> ThreadId {
        self.thread.as_ref().expect("it runs").thread().id()
    }

    /// Stops the executor, which drops its tasks, and waits for the end of its thread.
    pub(crate) fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            stop(self.remote());
            thread.join().expect("no panic gets out of an executor");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}

/// Stops an executor from elsewhere.
pub(crate) fn stop(remote: &Remote) {
    remote
        .run(|| with_current(|executor| executor.expect("on a worker").stop()))
        .expect("it has not ended");
}

/// Writes down on which threads its clones are dropped.
#[derive(Clone, Default)]
pub(crate) struct DropLog(Arc<Mutex<Vec<ThreadId>>>);

/// One thing whose drop is logged.
pub(crate) struct Logged(DropLog);

impl DropLog {
    pub(crate) fn logged(&self) -> Logged {
        Logged(self.clone())
    }

    pub(crate) fn threads(&self) -> Vec<ThreadId> {
        self.0.lock().expect("no panic while locked").clone()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let mut log = self.0.0.lock().expect("no panic while locked");
        log.push(std::thread::current().id());
    }
}

/// A count that threads share.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn is(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
