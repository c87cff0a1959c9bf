//! A worker: one thread with its executor, its trustee and its client.
//!
//! # Unsafe
//!
//! | field | who may touch it | in which state |
//! |---|---|---|
//! | `CURRENT` | its own thread | null, or a worker that `Worker::run` holds further down this stack |

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use gossamer_executor::{Config, Executor, Resident};
use gossamer_transport::Call;

use crate::client::Client;
use crate::contain::contain;
use crate::error::Payload;
use crate::rack::side::RackSide;
use crate::shared::{RuntimeId, Shared, WorkerShared};
use crate::shutdown::Stage;
use crate::trust::Trust;
use crate::trustee::TrusteeSide;

/// What the thread of a worker has of its own.
pub(crate) struct Worker {
    index: u32,
    runtime: RuntimeId,
    shared: Arc<Shared>,
    home: Arc<WorkerShared>,
    pub(crate) client: Client,
    pub(crate) trustee: TrusteeSide,
    pub(crate) stage: Cell<Stage>,
    /// Apart, so that what a rack of one touches lies as close as without.
    rack: Option<Box<RackSide>>,
}

impl Worker {
    /// Is worker `index` on this thread, until the runtime shuts down.
    pub(crate) fn run(shared: Arc<Shared>, index: u32, config: Config) {
        let executor = Executor::new(shared.workers()[index as usize].remote(), config);
        let peers = shared.rack().peers();
        if let Some(peers) = peers {
            executor.set_neighbours(peers.is_crowded());
        }
        let rack = peers.map(|peers| Box::new(RackSide::new(peers, index)));
        let worker = Self {
            index,
            runtime: shared.id(),
            home: Arc::clone(&shared.workers()[index as usize]),
            client: Client::new(Arc::clone(&shared), index),
            trustee: TrusteeSide::default(),
            stage: Cell::new(Stage::Open),
            rack,
            shared,
        };
        let _current = Current::enter(&worker);
        // The client last: between a result and the task's next request lies nothing else.
        let own = (TrusteeTurn(&worker), ClientTurn(&worker));
        match worker.rack() {
            None => executor.run(&own),
            Some(side) => executor.run(&(RackTurn(&worker, side), own)),
        }
    }

    /// Gives `f` the worker of this thread, if it is one.
    #[inline(always)]
    pub(crate) fn with<R>(f: impl FnOnce(Option<&Self>) -> R) -> R {
        let current = CURRENT.get();
        // SAFETY: the row of the table: null, or alive until `Worker::run` returns, which is
        // further down this stack than `f`.
        f(unsafe { current.as_ref() })
    }

    /// Gives `f` the worker of this thread if it belongs to that runtime.
    #[inline(always)]
    pub(crate) fn with_runtime<R>(runtime: RuntimeId, f: impl FnOnce(Option<&Self>) -> R) -> R {
        Self::with(|worker| f(worker.filter(|worker| worker.runtime == runtime)))
    }

    #[inline(always)]
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn runtime(&self) -> RuntimeId {
        self.runtime
    }

    /// Places a value on this worker's trustee; it need not be `Send`.
    pub(crate) fn entrust<T: 'static>(&self, value: T) -> Trust<T> {
        let shared = Some(Arc::clone(&self.shared));
        Trust::new(self.runtime, shared, self.index, value)
    }

    /// What other threads see of this worker.
    #[inline(always)]
    pub(crate) fn home(&self) -> &WorkerShared {
        &self.home
    }

    /// Whether a request to worker `to` may run here and now, without a slot: it is this one,
    /// no delegated code is running on it, nothing is under way that was issued before, and the
    /// client is open.
    #[inline(always)]
    pub(crate) fn may_run_inline(&self, to: u32) -> bool {
        to == self.index && !self.is_delegated() && !self.client.hold.is_held()
    }

    /// Whether delegated code runs on this thread. What the stall detector sees says it, and no
    /// count: a store of a constant, which the next request need not wait for.
    #[inline(always)]
    pub(crate) fn is_delegated(&self) -> bool {
        !self.home().running().is_null()
    }

    /// Marks that delegated code runs on this worker, until the guard is dropped. That is never
    /// nested: delegated code has its own requests queued.
    #[inline(always)]
    pub(crate) fn enter_delegated(&self, call: &'static Call) -> Delegated<'_> {
        debug_assert!(!self.is_delegated(), "the trustee's poll is not nested");
        self.home().set_running(call);
        Delegated { worker: self }
    }

    /// Marks that a value is built here for another node, as [`enter_delegated`] does.
    ///
    /// [`enter_delegated`]: Self::enter_delegated
    pub(crate) fn enter_visit(&self) -> Delegated<'_> {
        self.enter_delegated(&BUILD)
    }

    /// Its side of the rack, if there are other nodes.
    pub(crate) fn rack(&self) -> Option<&RackSide> {
        self.rack.as_deref()
    }

    /// Drops a value of somebody's, whose panic is then nobody's outcome: it goes to the hook of this
    /// worker's runtime, if this is one.
    #[inline(always)]
    pub(crate) fn drop_contained<V>(value: V) {
        if std::mem::needs_drop::<V>() {
            let report = |panic: &Payload| {
                Self::with(|worker| worker.into_iter().for_each(|worker| worker.report(panic)));
            };
            contain(|| drop(value), report);
        }
    }

    /// Hands a panic that nobody awaits to the runtime's hook.
    #[cold]
    pub(crate) fn report(&self, payload: &Payload) {
        self.shared.report_panic(self.index, payload);
    }
}

/// Delegated code runs while this lives.
pub(crate) struct Delegated<'a> {
    worker: &'a Worker,
}

impl Delegated<'_> {
    /// Notes which call it is, for the stall detector.
    #[inline(always)]
    pub(crate) fn set_running(&self, call: &'static Call) {
        self.worker.home().set_running(call);
    }
}

impl Drop for Delegated<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.worker.home().set_running(ptr::null());
    }
}

/// What the stall detector sees while a value is built for another node.
static BUILD: Call = Call {
    run: |_, _, _| (),
    discard: |_| (),
    capture_words: 0,
    result_words: 0,
    name: || "a value that another node has built here",
};

/// The client's poll task.
struct ClientTurn<'a>(&'a Worker);

impl Resident for ClientTurn<'_> {
    #[inline(always)]
    fn poll(&self, _: &Executor) -> bool {
        self.0.client.harvest()
    }

    #[inline(always)]
    fn flush(&self) -> bool {
        self.0.client.flush()
    }

    #[inline(always)]
    fn sees_work(&self) -> bool {
        self.0.client.sees_work()
    }
}

/// The trustee's poll task.
struct TrusteeTurn<'a>(&'a Worker);

impl Resident for TrusteeTurn<'_> {
    #[inline(always)]
    fn poll(&self, executor: &Executor) -> bool {
        self.0.trustee.poll(self.0, executor)
    }

    #[inline(always)]
    fn flush(&self) -> bool {
        false
    }

    #[inline(always)]
    fn sees_work(&self) -> bool {
        self.0.trustee.sees_work(self.0) || self.0.may_step_shutdown()
    }
}

/// The links to other nodes; only where there are any.
struct RackTurn<'a>(&'a Worker, &'a RackSide);

impl Resident for RackTurn<'_> {
    fn poll(&self, _: &Executor) -> bool {
        self.1.poll(self.0)
    }

    fn flush(&self) -> bool {
        self.1.flush(self.0)
    }

    fn sees_work(&self) -> bool {
        self.1.sees_work(self.0)
    }
}

/// Makes a worker the current one of its thread.
struct Current;

impl Current {
    fn enter(worker: &Worker) -> Self {
        assert!(CURRENT.get().is_null(), "a thread is one worker");
        CURRENT.set(ptr::from_ref(worker));
        Self
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.set(ptr::null());
    }
}

thread_local! {
    static CURRENT: Cell<*const Worker> = const { Cell::new(ptr::null()) };
}
