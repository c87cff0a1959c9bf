//! [`Executor`]: the tasks of one thread.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use crate::contain::contain;
use crate::current::{Entered, with_current};
use crate::idle::Idle;
use crate::inbox::Batch;
use crate::io::{Events, Reactor};
use crate::join::JoinHandle;
use crate::registry::Occupancy;
use crate::remote::{Message, Remote};
use crate::sync::fixed::{AtomicU64, Ordering};
use crate::task::{Task, Unplaced};
use crate::tasks::Tasks;
use crate::timers::Timers;

/// The executor of one thread: its tasks never leave it and need not be `Send`.
///
/// It is driven by [`run`](Self::run), on the thread that made it. Other threads reach it by its
/// [`Remote`], and what is permanent on the thread takes part as a [`Resident`].
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor, spawn, with_current};
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// executor.spawn(async {
///     spawn(async { println!("a task of a task") }).await.unwrap();
///     with_current(|executor| executor.unwrap().stop());
/// });
/// executor.run(&[]);
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
///
/// Dropping it drops its tasks, whose handles resolve to
/// [`JoinError::Cancelled`](crate::JoinError::Cancelled).
pub struct Executor {
    pub(crate) config: Config,
    pub(crate) tasks: Tasks,
    pub(crate) timers: Timers,
    /// There from the first time that a task waits for a descriptor.
    pub(crate) watched: OnceCell<Watched>,
    /// The turn after which descriptors are looked at; never, without any.
    pub(crate) io_due: Cell<u64>,
    /// Whether the last look at descriptors has found something.
    pub(crate) io_is_lively: Cell<bool>,
    /// The turn up to which what was found counts as recent.
    pub(crate) io_is_recent_until: Cell<u64>,
    /// Looks at descriptors since one of them was ready.
    pub(crate) io_looks_in_vain: Cell<u32>,
    /// Whether executors of other processes are looked for as those of this one, and whether there
    /// are more of all of them than cores.
    pub(crate) neighbours: Cell<Option<bool>>,
    /// Messages that were taken from the inbox and not handled yet.
    pub(crate) backlog: RefCell<Batch<Message>>,
    pub(crate) is_stopping: Cell<bool>,
    /// What `is_spinning` says.
    pub(crate) is_spinning: Cell<bool>,
    /// What the tasks of this turn have charged to their budgets.
    pub(crate) charged: Cell<u64>,
    pub(crate) tally: Tally,
    pub(crate) remote: &'static Remote,
    place: u32,
    id: ExecutorId,
    thread: ThreadId,
    not_send: PhantomData<*const ()>,
    // Last, so that the place is given back when nothing of the executor is left.
    _occupancy: Occupancy,
}

/// How an [`Executor`] runs.
///
/// ```
/// use gossamer_executor::{Config, Idle};
///
/// let config = Config { idle: Idle::Park, ..Config::default() };
/// assert_eq!(config.budget, 128);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// What it does when there is nothing to do.
    pub idle: Idle,
    /// How long [`Idle::Adaptive`] looks for work before it sleeps; 50 µs by default.
    pub spin: Duration,
    /// How many operations that are always ready a task may do in one poll; 128 by default.
    pub budget: u32,
}

/// Something permanent on an executor's thread: polled once a turn beside the tasks, never woken.
///
/// The executor knows no more of it than this. A panic in it ends [`Executor::run`].
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor, Resident};
/// use std::cell::Cell;
///
/// /// Stops the executor in its third turn.
/// struct Countdown(Cell<u32>);
///
/// impl Resident for Countdown {
///     fn poll(&self, executor: &Executor) -> bool {
///         self.0.set(self.0.get() - 1);
///         if self.0.get() == 0 {
///             executor.stop();
///         }
///         true
///     }
///     fn flush(&self) -> bool {
///         false
///     }
///     fn sees_work(&self) -> bool {
///         true
///     }
/// }
///
/// let claim = Claim::new()?;
/// let countdown = Countdown(Cell::new(3));
/// Executor::new(claim.remote(), Config::default()).run(&countdown);
/// assert_eq!(countdown.0.get(), 0);
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
pub trait Resident {
    /// Does what there is to do, in bounded measure; `true` if there was something. Called once a
    /// turn, before the tasks.
    fn poll(&self, executor: &Executor) -> bool;

    /// Sends off what was gathered; `true` if there was something. Called once a turn, after the
    /// tasks.
    fn flush(&self) -> bool;

    /// Whether there is something to do, now that the sleep was announced: what is published from
    /// here on, with a [`Remote::notify`] after it, wakes the thread.
    fn sees_work(&self) -> bool;
}

/// Two together, as one: each part of a turn first by the one, then by the other.
impl<A: Resident, B: Resident> Resident for (A, B) {
    #[inline(always)]
    fn poll(&self, executor: &Executor) -> bool {
        let progressed = self.0.poll(executor);
        self.1.poll(executor) | progressed
    }

    #[inline(always)]
    fn flush(&self) -> bool {
        let flushed = self.0.flush();
        self.1.flush() | flushed
    }

    fn sees_work(&self) -> bool {
        self.0.sees_work() || self.1.sees_work()
    }
}

/// Any number together, as one.
impl<const N: usize> Resident for [&dyn Resident; N] {
    fn poll(&self, executor: &Executor) -> bool {
        self.iter().fold(false, |progressed, resident| {
            resident.poll(executor) | progressed
        })
    }

    fn flush(&self) -> bool {
        self.iter()
            .fold(false, |flushed, resident| resident.flush() | flushed)
    }

    fn sees_work(&self) -> bool {
        self.iter().any(|resident| resident.sees_work())
    }
}

/// The descriptors that an executor watches, and room for what is told of them.
pub(crate) struct Watched {
    pub(crate) reactor: Arc<Reactor>,
    pub(crate) events: RefCell<Events>,
}

/// Names one executor for the life of the process, unlike its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExecutorId(u64);

/// What the executor counts, in its own memory; see [`Counters`](crate::Counters).
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) spawned: Cell<u64>,
    pub(crate) polls: Cell<u64>,
    pub(crate) turns: Cell<u64>,
    pub(crate) busy_turns: Cell<u64>,
    pub(crate) parked: Cell<Duration>,
    pub(crate) ran: Cell<Duration>,
    pub(crate) running_since: Cell<Option<Instant>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idle: Idle::default(),
            spin: Duration::from_micros(50),
            budget: 128,
        }
    }
}

impl Executor {
    /// The executor of the calling thread at the place of `remote`.
    ///
    /// # Panics
    ///
    /// If the [`Claim`](crate::Claim) of `remote` is gone or already has, or had, an executor.
    pub fn new(remote: &'static Remote, config: Config) -> Self {
        let occupancy = Occupancy::new(remote);
        remote.sleep().bind();
        remote.sleep().set_spins(config.idle == Idle::Spin);
        remote.gauges().begin(remote.sleep());
        // Relaxed: only has to differ from every other.
        let id = ExecutorId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        Self {
            config,
            tasks: Tasks::new(remote.place()),
            timers: Timers::default(),
            watched: OnceCell::new(),
            io_due: Cell::new(u64::MAX),
            io_is_lively: Cell::new(false),
            io_is_recent_until: Cell::new(0),
            io_looks_in_vain: Cell::new(0),
            neighbours: Cell::new(None),
            backlog: RefCell::new(Batch::empty()),
            is_stopping: Cell::new(false),
            is_spinning: Cell::new(false),
            charged: Cell::new(0),
            tally: Tally::default(),
            remote,
            place: remote.place(),
            id,
            thread: std::thread::current().id(),
            not_send: PhantomData,
            _occupancy: occupancy,
        }
    }

    /// Spawns a task here. It is queued, not polled now.
    ///
    /// After [`drop_tasks`](Self::drop_tasks) the future is dropped at once and its handle
    /// resolves to [`JoinError::Cancelled`](crate::JoinError::Cancelled).
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor};
    /// # let claim = Claim::new()?;
    /// # let executor = Executor::new(claim.remote(), Config::default());
    /// let task = executor.spawn(async { 1 });
    /// assert_eq!(executor.run_until(task)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn<Fut: Future + 'static>(&self, future: Fut) -> JoinHandle<Fut::Output> {
        if self.tasks.is_closed() {
            return Task::refuse(future);
        }
        self.tally.spawned.set(self.tally.spawned.get() + 1);
        self.tasks.insert(|id| Task::new(future, id, self.thread))
    }

    /// Makes [`run`](Self::run) return after the current turn; with none running, the next one
    /// returns at once. Tasks stay as they are.
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor};
    /// # let claim = Claim::new()?;
    /// let executor = Executor::new(claim.remote(), Config::default());
    /// executor.stop();
    /// executor.run(&[]);
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    pub fn stop(&self) {
        self.is_stopping.set(true);
    }

    /// Drops every task's future, here, panics contained, and refuses later spawns: all their
    /// handles resolve to [`JoinError::Cancelled`](crate::JoinError::Cancelled).
    ///
    /// From within a task, that task's own future is dropped when its poll returns. What others
    /// have sent to spawn and has not begun is cancelled in the next turn, or with the executor.
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor};
    /// # let claim = Claim::new()?;
    /// # let executor = Executor::new(claim.remote(), Config::default());
    /// let task = executor.spawn(std::future::pending::<()>());
    /// executor.drop_tasks();
    /// assert_eq!(executor.tasks(), 0);
    /// assert!(task.is_finished());
    /// assert!(executor.spawn(async {}).is_finished());
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    pub fn drop_tasks(&self) {
        let _entered = Entered::new(self);
        self.tasks.close();
        while self.tasks.len() > 0 {
            // Each task contains the panics of its future.
            self.tasks.clear().for_each(drop);
        }
    }

    /// Executors of other processes talk with this one. When it has nothing to do it looks for them
    /// as for those of its own process, though it is by descriptors that become ready; with
    /// `is_crowded`, as there are more of all of them than cores.
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor};
    /// # let claim = Claim::new()?;
    /// # let executor = Executor::new(claim.remote(), Config::default());
    /// executor.set_neighbours(false);
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    pub fn set_neighbours(&self, is_crowded: bool) {
        self.neighbours.set(Some(is_crowded));
    }

    /// Whether the last turn was in vain, nobody else was let run since, and there is a core for
    /// each executor: a resident may then leave alone for some turns what it waits for.
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor};
    /// # let claim = Claim::new()?;
    /// # let executor = Executor::new(claim.remote(), Config::default());
    /// assert!(!executor.is_spinning());
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    #[inline(always)]
    pub fn is_spinning(&self) -> bool {
        self.is_spinning.get()
    }

    /// How many tasks live here.
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Whether tasks are refused, as [`drop_tasks`](Self::drop_tasks) was called.
    pub fn is_closed(&self) -> bool {
        self.tasks.is_closed()
    }

    /// This executor as other threads see it.
    pub fn remote(&self) -> &'static Remote {
        self.remote
    }

    /// Builds a future that was sent here, and makes it a task.
    pub(crate) fn accept<F: Future + 'static>(&self, unplaced: Unplaced<F>, f: impl FnOnce() -> F) {
        if self.tasks.is_closed() {
            // Dropped, it cancels itself.
            return;
        }
        let Some(task) = unplaced.build(f) else {
            return;
        };
        // Building is foreign code, after which the table may be closed.
        if self.tasks.is_closed() {
            return drop(task);
        }
        self.tally.spawned.set(self.tally.spawned.get() + 1);
        self.tasks.insert(|id| {
            task.place(id);
            (task, ())
        });
    }

    /// Wakes the task at `task`.
    #[inline(always)]
    pub(crate) fn wake(&self, task: u32) {
        self.tasks.wake(task);
    }

    #[inline(always)]
    pub(crate) fn place(&self) -> u32 {
        self.place
    }

    pub(crate) fn id(&self) -> ExecutorId {
        self.id
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    /// What watches descriptors here, made at first use: from then on the thread sleeps in it.
    pub(crate) fn reactor(&self) -> io::Result<Arc<Reactor>> {
        if let Some(watched) = self.watched.get() {
            return Ok(Arc::clone(&watched.reactor));
        }
        let reactor = Arc::new(Reactor::new()?);
        let watched = Watched {
            reactor: Arc::clone(&reactor),
            events: RefCell::default(),
        };
        let ringing = Arc::clone(&reactor);
        self.remote.sleep().bind_bell(move || ringing.ring());
        self.io_due.set(0);
        assert!(self.watched.set(watched).is_ok(), "made on this thread");
        Ok(reactor)
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        let _entered = Entered::new(self);
        self.drop_tasks();
        // Closed first, so that what the drops below send is refused and not kept.
        self.remote.end();
        let rest = std::mem::replace(&mut *self.backlog.borrow_mut(), Batch::empty());
        drop(rest);
        if let Some(watched) = self.watched.get() {
            self.remote.sleep().bind();
            watched.reactor.close(|waker| contain(|| waker.wake()));
        }
        for waker in self.timers.clear() {
            contain(|| drop(waker));
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("place", &self.place)
            .field("tasks", &self.tasks())
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Spawns a task on the executor that runs on the calling thread; see [`Executor::spawn`].
///
/// ```
/// use gossamer_executor::{Claim, Config, Executor, spawn};
/// use std::rc::Rc;
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// executor.run_until(async {
///     let shared = Rc::new(1); // need not be Send
///     let copy = Rc::clone(&shared);
///     assert_eq!(spawn(async move { *copy + 1 }).await.unwrap(), 2);
/// });
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
///
/// # Panics
///
/// If no executor runs on the calling thread.
pub fn spawn<Fut: Future + 'static>(future: Fut) -> JoinHandle<Fut::Output> {
    with_current(|executor| {
        let advice = "spawn: not on a worker; use spawn_on(worker, ...) or call it inside \
                      #[gossamer::main] or Runtime::block_on";
        executor.expect(advice).spawn(future)
    })
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);
