//! What the threads of a runtime share, and what other threads may touch of it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use gossamer_executor::sync::Padded;
use gossamer_executor::{Claim, Inbox, Remote};
use gossamer_transport::Call;

use crate::barriers::Barriers;
use crate::contain::dispose;
use crate::error::{Payload, message_of};
use crate::metrics::Stats;
use crate::obituary::Obituary;
use crate::rack::node::Node;
use crate::registry::Registry;
use crate::sync::{AtomicPtr, AtomicUsize, Ordering};
use crate::trustee::OpenLink;
use crate::worker::Worker;

/// Tells runtimes of one process apart; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RuntimeId(u32);

/// One runtime, as all its workers and trusts see it.
pub(crate) struct Shared {
    id: RuntimeId,
    workers: Box<[Arc<WorkerShared>]>,
    /// How many of the workers, from the last, only serve.
    dedicated: usize,
    /// Where the next property goes, in turn.
    next_trustee: AtomicUsize,
    pub(crate) shutdown: Barriers,
    panic_hook: PanicHook,
    rack: Node,
}

/// One worker, as other threads see it.
///
/// Every publisher reads `claim`, so it shares no cache line with what is written per request.
pub(crate) struct WorkerShared {
    claim: Claim,
    registry: Registry,
    inbox: Padded<Inbox<Message>>,
    own: Padded<Own>,
}

/// What only the worker itself writes, again and again.
#[derive(Default)]
struct Own {
    stats: Stats,
    /// What the worker runs just now for a client, for the stall detector.
    running: AtomicPtr<Call>,
}

/// What reaches a worker outside the slots.
pub(crate) enum Message {
    /// A client of this runtime opens a link.
    Open(Box<OpenLink>),
    /// A request of a thread that is no worker of this runtime, and the name of its kind.
    Run(&'static Call, Box<dyn FnOnce() + Send>),
    /// The last trust of a property has gone.
    Death(Obituary),
    /// The shutdown has begun.
    ShutDown,
    /// Something about a request that this worker issued, from where its future is now.
    Settle(Box<dyn FnOnce(&Worker) + Send>),
}

/// What [`Builder::panic_hook`](crate::Builder::panic_hook) is told of a panic that nobody awaits.
///
/// ```
/// let runtime = gossamer::Builder::new()
///     .workers(1)
///     .panic_hook(|report| eprintln!("worker {}: {}", report.worker(), report.message()))
///     .build()
///     .unwrap();
/// # drop(runtime);
/// ```
#[derive(Debug)]
pub struct PanicReport<'a> {
    worker: usize,
    payload: &'a Payload,
}

impl PanicReport<'_> {
    /// The worker that it happened on, or that had issued the request.
    ///
    /// See the example of the [type](Self).
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// The text of the panic, or a placeholder if its payload is no text.
    ///
    /// See the example of the [type](Self).
    pub fn message(&self) -> &str {
        message_of(&**self.payload)
    }

    /// What was given to `panic!` or `resume_unwind`.
    ///
    /// See the example of the [type](Self).
    pub fn payload(&self) -> &(dyn Any + Send) {
        &**self.payload
    }
}

pub(crate) type PanicHook = Box<dyn Fn(&PanicReport<'_>) + Send + Sync>;

impl Shared {
    /// A runtime of `claims.len()` workers.
    pub(crate) fn create(
        claims: Vec<Claim>,
        dedicated: usize,
        panic_hook: PanicHook,
        rack: Node,
    ) -> Arc<Self> {
        assert!(dedicated < claims.len(), "the builder saw to that");
        // Relaxed: only that no number comes twice matters.
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        // Checked, as a trust of an old runtime would be taken for one of a new one.
        let id = RuntimeId(u32::try_from(id).expect("fewer than 2^32 runtimes in one process"));
        let shutdown = Barriers::new(claims.len());
        let workers = claims
            .into_iter()
            .map(|claim| Arc::new(WorkerShared::new(claim)))
            .collect();
        let next_trustee = AtomicUsize::new(0);
        let shared = Self {
            id,
            workers,
            dedicated,
            next_trustee,
            shutdown,
            panic_hook,
            rack,
        };
        Arc::new(shared)
    }

    /// Lets [`find`](Self::find) and [`only`](Self::only) know it: all its workers have started.
    pub(crate) fn publish(self: &Arc<Self>) {
        let mut runtimes = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
        runtimes.retain(|runtime| runtime.strong_count() > 0);
        runtimes.push(Arc::downgrade(self));
    }

    /// The runtime of this id, unless it has gone altogether.
    pub(crate) fn find(id: RuntimeId) -> Option<Arc<Self>> {
        Self::all().into_iter().find(|shared| shared.id == id)
    }

    /// The one runtime of the process that takes requests, if there is just one.
    pub(crate) fn only() -> Option<Arc<Self>> {
        let all = Self::all().into_iter();
        let mut open = all.filter(|shared| !shared.shutdown.has_begun());
        let only = open.next()?;
        open.next().is_none().then_some(only)
    }

    /// The runtimes of the process. They are let go of when the lock is open again: with the last
    /// hold on one its panic hook is dropped, which is foreign code and may come back here.
    fn all() -> Vec<Arc<Self>> {
        let runtimes = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
        runtimes.iter().filter_map(Weak::upgrade).collect()
    }

    #[inline(always)]
    pub(crate) fn id(&self) -> RuntimeId {
        self.id
    }

    #[inline(always)]
    pub(crate) fn workers(&self) -> &[Arc<WorkerShared>] {
        &self.workers
    }

    /// The rack that it is a node of.
    pub(crate) fn rack(&self) -> &Node {
        &self.rack
    }

    /// The workers that run ordinary tasks.
    pub(crate) fn task_workers(&self) -> usize {
        self.workers.len() - self.dedicated
    }

    /// The workers whose trustees properties are spread over.
    pub(crate) fn trustee_workers(&self) -> std::ops::Range<u32> {
        let count = self.workers.len() as u32;
        if self.dedicated == 0 {
            0..count
        } else {
            self.task_workers() as u32..count
        }
    }

    /// The next of them, in turn.
    pub(crate) fn next_trustee(&self) -> u32 {
        let range = self.trustee_workers();
        // Relaxed: any order of turns will do.
        let turn = self.next_trustee.fetch_add(1, Ordering::Relaxed);
        range.start + (turn % range.len()) as u32
    }

    /// Tells the hook of a panic that nobody awaits.
    #[cold]
    pub(crate) fn report_panic(&self, worker: u32, payload: &Payload) {
        let report = PanicReport {
            worker: worker as usize,
            payload,
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.panic_hook)(&report))) {
            dispose(payload); // a hook that panics has said so by that
        }
    }

    pub(crate) fn notify_all(&self) {
        for worker in &self.workers {
            worker.notify();
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Shared");
        debug
            .field("id", &self.id)
            .field("workers", &self.workers.len())
            .finish_non_exhaustive()
    }
}

impl WorkerShared {
    fn new(claim: Claim) -> Self {
        let (registry, inbox) = (Registry::default(), Padded(Inbox::new()));
        Self {
            claim,
            registry,
            inbox,
            own: Padded(Own::default()),
        }
    }

    /// Puts a message into the worker's inbox and wakes it; never waits.
    ///
    /// The message comes back if the worker has ended.
    pub(crate) fn send(&self, message: Message) -> Result<(), Message> {
        self.inbox.0.push(message)?;
        self.notify();
        Ok(())
    }

    /// Wakes the worker, if it sleeps, after something was made visible to it.
    #[inline(always)]
    pub(crate) fn notify(&self) {
        self.claim.remote().notify();
    }

    pub(crate) fn inbox(&self) -> &Inbox<Message> {
        &self.inbox.0
    }

    pub(crate) fn remote(&self) -> &'static Remote {
        self.claim.remote()
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    #[inline(always)]
    pub(crate) fn stats(&self) -> &Stats {
        &self.own.0.stats
    }

    /// Notes what the worker runs from now on; null when it runs nothing for a client.
    #[inline(always)]
    pub(crate) fn set_running(&self, call: *const Call) {
        // Release: pairs with the Acquire load in `running`; an entry is a constant.
        self.own.0.running.store(call.cast_mut(), Ordering::Release);
    }

    /// What the worker runs just now for a client.
    #[inline(always)]
    pub(crate) fn running(&self) -> *const Call {
        // Acquire: pairs with the Release store in `set_running`.
        self.own.0.running.load(Ordering::Acquire)
    }
}

static RUNTIMES: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());
static NEXT_ID: AtomicUsize = AtomicUsize::new(1);
