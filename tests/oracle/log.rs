//! The log of one program: what its closures, results, wakers and drops tell while it runs.
//!
//! What can be judged at once is judged here: for each issuer and trustee the requests run in the
//! order of their issue without a gap, and complete in that order. The rest is for `judge.rs`.

use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::property::Property;
use crate::request::Request;
use crate::thread::Thread;

/// The workers of the runtime under test.
pub(crate) const WORKERS: usize = 3;

/// Who carries out operations: the workers, and after them a thread that is none.
pub(crate) const ACTORS: usize = WORKERS + 1;

/// The actor that is no worker.
pub(crate) const OUTSIDER: usize = WORKERS;

pub(crate) struct Log {
    label: String,
    threads: [OnceLock<Thread>; ACTORS],
    has_begun: AtomicBool,
    issued: Tallies,
    ran: Tallies,
    completed: Tallies,
    requests: Mutex<Vec<Arc<Request>>>,
    properties: Mutex<Vec<Arc<Property>>>,
    faults: Mutex<Vec<String>>,
    /// What programs have forgotten; it lies here until the runtime has gone.
    forgotten: Mutex<Vec<Box<dyn Send>>>,
}

/// By issuer and trustee; each is written by one thread at a time.
type Tallies = [[AtomicU32; WORKERS]; ACTORS];

/// Where a request stands in the order from its issuer to its trustee; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Issue {
    pub(crate) actor: usize,
    pub(crate) trustee: usize,
    place: u32,
}

impl Log {
    pub(crate) fn new(label: String) -> Arc<Self> {
        Arc::new(Self {
            label,
            threads: Default::default(),
            has_begun: AtomicBool::new(false),
            issued: Tallies::default(),
            ran: Tallies::default(),
            completed: Tallies::default(),
            requests: Mutex::default(),
            properties: Mutex::default(),
            faults: Mutex::default(),
            forgotten: Mutex::default(),
        })
    }

    /// The calling thread is `actor` from now on.
    pub(crate) fn enter(&self, actor: usize) {
        self.threads[actor]
            .set(Thread::current())
            .expect("an actor is one thread");
    }

    /// The actor that the calling thread is.
    pub(crate) fn actor(&self) -> Option<usize> {
        let here = Thread::current();
        self.threads
            .iter()
            .position(|thread| thread.get() == Some(&here))
    }

    pub(crate) fn thread_of(&self, actor: usize) -> Thread {
        *self.threads[actor]
            .get()
            .expect("all actors enter before the first operation")
    }

    /// From now on requests may come back unrun.
    pub(crate) fn begin_shutdown(&self) {
        self.has_begun.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::SeqCst)
    }

    /// The calling actor is about to issue a request to `trustee`.
    pub(crate) fn issue(&self, trustee: usize) -> Issue {
        let actor = self.actor().expect("requests are issued by actors");
        let place = self.issued[actor][trustee].fetch_add(1, Ordering::Relaxed) + 1;
        Issue {
            actor,
            trustee,
            place,
        }
    }

    /// A request runs: it must be the next of its issuer, as what is not run at shutdown is the
    /// end of the order.
    pub(crate) fn run(&self, issue: Issue) {
        let before = self.ran[issue.actor][issue.trustee].swap(issue.place, Ordering::Relaxed);
        if before + 1 != issue.place {
            self.fault(format_args!("{issue:?} ran after place {before}"));
        }
    }

    /// A request has completed on its issuer; those that nobody hears of leave gaps.
    pub(crate) fn complete(&self, issue: Issue) {
        let before =
            self.completed[issue.actor][issue.trustee].swap(issue.place, Ordering::Relaxed);
        if before >= issue.place {
            self.fault(format_args!("{issue:?} completed after place {before}"));
        }
    }

    /// How many requests are issued and have not run.
    pub(crate) fn in_flight(&self) -> u32 {
        let sum = |tallies: &Tallies| -> u32 {
            tallies
                .iter()
                .flatten()
                .map(|tally| tally.load(Ordering::Relaxed))
                .sum()
        };
        sum(&self.issued).saturating_sub(sum(&self.ran))
    }

    /// What ran, where and in which order, in one number.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for property in self.properties().iter() {
            property.life().history.hash(&mut hasher);
        }
        for request in self.requests().iter() {
            request.life().issue.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Something is wrong. The first word of it goes out at once: what follows may be a crash.
    pub(crate) fn fault(&self, what: impl Display) {
        let mut faults = lock(&self.faults);
        if faults.is_empty() && !self.label.is_empty() {
            // Not by a macro: a captured line would be lost in a crash.
            drop(writeln!(
                std::io::stderr(),
                "oracle: {}: {what}",
                self.label
            ));
        }
        faults.push(what.to_string());
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        lock(&self.faults).clone()
    }

    pub(crate) fn is_faultless(&self) -> bool {
        lock(&self.faults).is_empty()
    }

    pub(crate) fn requests(&self) -> MutexGuard<'_, Vec<Arc<Request>>> {
        lock(&self.requests)
    }

    pub(crate) fn properties(&self) -> MutexGuard<'_, Vec<Arc<Property>>> {
        lock(&self.properties)
    }

    /// Keeps something from being dropped, as `mem::forget` would, but not for ever: a trust that
    /// is leaked would keep the memory of its runtime, of which there are many here.
    pub(crate) fn forget(&self, thing: impl Send + 'static) {
        lock(&self.forgotten).push(Box::new(thing));
    }

    /// Drops what was forgotten.
    pub(crate) fn remember(&self) {
        let forgotten = std::mem::take(&mut *lock(&self.forgotten));
        for thing in forgotten {
            // Some of it panics, as it was told to.
            drop(catch_unwind(AssertUnwindSafe(|| drop(thing))));
        }
    }

    /// Lets go of what refers back to it.
    pub(crate) fn clear(&self) {
        let requests = std::mem::take(&mut *self.requests());
        let properties = std::mem::take(&mut *self.properties());
        drop((requests, properties));
    }
}

/// The lock, whoever panicked with it: panics are what programs are made of here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
