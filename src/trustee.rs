//! The trustee: a worker's side that owns properties and runs requests on them.
//!
//! Cost of a request on this side: its 8-byte header and captures read, one indirect call, its
//! result written where it stays in this core's cache; per batch the lines of the requests in and
//! those of the results out. Nothing is allocated and no count is touched.
//!
//! A trustee serves at most one batch of each client a turn, from a start that moves on, so that
//! no client can starve another; and so many messages of foreign callers.
//!
//! **Invariant:** a trustee never waits for a client: its links and results are its own while
//! foreign code runs, and the results of a batch have their room in its slot.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the value of a property | a request on it, here in `run` or `handle` | while a `Delegated` lives, which is never nested |
//! | the same | its drop or its heir, in `bury` or `bury_all` | the same, after the last request on it was served |
//! | the captures of a record | `Call::run`, which consumes them, once | from the link's `take` until `respond` |
//! | the place of a result | the `Call::run` of its request | from `Results::push` until it has returned |
//! | the registry's share of a property's memory | `bury` or `bury_all` | once `leave` or `close` has handed it over |
//!
//! A client issues a request while it holds a trust, and an obituary waits for what was issued
//! before it (`Dying`). So a property outlives the requests on it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use gossamer_executor::{Batch, Executor};
use gossamer_transport::{Call, Exceptions, Record, Requests, Results, TrusteeLink};

use crate::contain::contain;
use crate::issued::Issued;
use crate::obituary::Obituary;
use crate::outstanding::Outstanding;
use crate::pace::Pace;
use crate::property::Header;
use crate::shared::{Message, WorkerShared};
use crate::shutdown::Stage;
use crate::worker::Worker;

/// The trustee of one worker.
#[derive(Default)]
pub(crate) struct TrusteeSide {
    /// Out while it serves.
    serving: Cell<Option<Box<Serving>>>,
    /// Whether there may be anything in the next three, so that a turn need not look at each.
    has_chores: Cell<bool>,
    /// Messages taken from the inbox and not handled yet.
    mail: RefCell<Option<Batch<Message>>>,
    opened: RefCell<Vec<OpenLink>>,
    dying: RefCell<VecDeque<Dying>>,
    has_buried: Cell<bool>,
}

/// What serving needs, in one piece.
#[derive(Default)]
struct Serving {
    links: Vec<OpenLink>,
    start: usize,
    results: Results,
}

/// A link as its trustee has it.
pub(crate) struct OpenLink {
    client: u32,
    peer: Arc<WorkerShared>,
    link: TrusteeLink,
    issued: Arc<Issued>,
    pace: Pace,
}

/// A property whose last trust has gone, with requests on it perhaps still on their way.
///
/// It waits for all that clients had issued to this trustee when its obituary came, whichever
/// properties that is for, and for those that began to die before it. So a later death may also
/// wait for the unserved requests of the same stuck client: a worker that does not get on, and so
/// does not publish what it has issued, delays all that dies here after it issued that.
struct Dying {
    obituary: Obituary,
    waits_for: Outstanding,
}

impl OpenLink {
    pub(crate) fn new(
        client: u32,
        peer: Arc<WorkerShared>,
        link: TrusteeLink,
        issued: Arc<Issued>,
    ) -> Self {
        Self {
            client,
            peer,
            link,
            issued,
            pace: Pace::default(),
        }
    }
}

impl TrusteeSide {
    /// Serves a batch of each client that has one, and some messages.
    #[inline]
    pub(crate) fn poll(&self, worker: &Worker, executor: &Executor) -> bool {
        let mut progressed = false;
        if self.has_chores.get() || !worker.home().inbox().is_empty() {
            progressed |= self.do_chores(worker, executor);
        }
        let Some(mut serving) = self.serving.take() else {
            return progressed;
        };
        progressed |= serving.serve(worker, executor.is_spinning());
        self.serving.set(Some(serving));
        progressed
    }

    /// What is not to be done every turn: messages, links that opened, properties that die, the
    /// shutdown.
    #[cold]
    fn do_chores(&self, worker: &Worker, executor: &Executor) -> bool {
        let mut progressed = self.read_mail(worker);
        let mut serving = self.serving.take().unwrap_or_default();
        serving.links.append(&mut self.opened.borrow_mut());
        progressed |= self.bury_served(worker, &serving.links);
        self.serving.set(Some(serving));
        progressed |= worker.step_shutdown(executor);
        let has_chores = self.mail.borrow().is_some()
            || !self.dying.borrow().is_empty()
            || worker.stage.get() != Stage::Open;
        self.has_chores.set(has_chores);
        progressed
    }

    /// Whether a message or a batch waits.
    #[inline(always)]
    pub(crate) fn sees_work(&self, worker: &Worker) -> bool {
        if self.mail.borrow().is_some() || !worker.home().inbox().is_empty() {
            return true;
        }
        let Some(serving) = self.serving.take() else {
            return false;
        };
        let sees_work = serving.links.iter().any(|open| open.link.has_request());
        self.serving.set(Some(serving));
        sees_work
    }

    /// Drops all properties and what waits for them; at shutdown, when no request is left.
    pub(crate) fn bury_all(&self, worker: &Worker) {
        self.has_buried.set(true);
        loop {
            let Some(dying) = self.dying.borrow_mut().pop_front() else {
                break;
            };
            bury(worker, dying.obituary);
        }
        for header in worker.home().registry().close() {
            let _delegated = worker.enter_delegated(&DROP);
            // SAFETY: row 2 of the table: this is its trustee, outside other delegated code, and no
            // request is left.
            contain(
                || unsafe { Header::drop_value(header) },
                |panic| worker.report(panic),
            );
            // SAFETY: row 5 of the table, handed over by `close`.
            unsafe { Header::release_memory(header) };
        }
    }

    /// Handles all that is in the inbox now, however much it is.
    pub(crate) fn empty_mail(&self, worker: &Worker) {
        self.handle_all(worker, worker.home().inbox().take());
    }

    /// Handles what is left in the inbox, after which nothing more gets in.
    pub(crate) fn close_mail(&self, worker: &Worker) {
        self.handle_all(worker, worker.home().inbox().close());
    }

    fn handle_all(&self, worker: &Worker, newest: Batch<Message>) {
        let left = self.mail.borrow_mut().take();
        for message in left.into_iter().flatten().chain(newest) {
            self.handle(worker, message);
        }
    }

    fn read_mail(&self, worker: &Worker) -> bool {
        if self.mail.borrow().is_none() {
            if worker.home().inbox().is_empty() {
                return false;
            }
            *self.mail.borrow_mut() = Some(worker.home().inbox().take());
        }
        let mut requests = 0;
        while requests < FOREIGN_REQUESTS_PER_TURN {
            let message = self.mail.borrow_mut().as_mut().and_then(Iterator::next);
            let Some(message) = message else {
                let read = self.mail.borrow_mut().take();
                drop(read);
                break;
            };
            requests += usize::from(matches!(message, Message::Run(..)));
            self.handle(worker, message);
        }
        true
    }

    fn handle(&self, worker: &Worker, message: Message) {
        match message {
            Message::Open(link) => self.opened.borrow_mut().push(*link),
            Message::Run(_, request) if self.has_buried.get() => {
                contain(|| drop(request), |panic| worker.report(panic));
            }
            Message::Run(call, request) => {
                let _delegated = worker.enter_delegated(call);
                worker.home().stats().add_served(1);
                contain(request, |panic| worker.report(panic));
            }
            Message::Settle(settle) => {
                contain(|| settle(worker), |panic| worker.report(panic));
            }
            Message::Death(obituary) => self.receive(worker, obituary),
            Message::ShutDown => {} // that it has begun is read where it is acted on
        }
    }

    /// An obituary has come: every request on the property was issued before this.
    fn receive(&self, worker: &Worker, obituary: Obituary) {
        let serving = self.serving.take().unwrap_or_default();
        let opened = self.opened.borrow();
        let links = serving.links.iter().chain(opened.iter());
        let issued = links.map(|open| (open.client, &*open.issued, open.link.served()));
        let waits_for = Outstanding::now(issued);
        drop(opened);
        self.serving.set(Some(serving));
        if waits_for.is_empty() && self.dying.borrow().is_empty() {
            bury(worker, obituary);
        } else {
            self.dying.borrow_mut().push_back(Dying {
                obituary,
                waits_for,
            });
        }
    }

    /// Buries those whose last requests have been served. What a later one waits for is never
    /// less than what an earlier one does, so only the first need be looked at.
    fn bury_served(&self, worker: &Worker, links: &[OpenLink]) -> bool {
        let served = |client| {
            let open = links.iter().find(|open| open.client == client);
            open.map_or(0, |open| open.link.served())
        };
        let mut buried = false;
        loop {
            let mut dying = self.dying.borrow_mut();
            match dying.front() {
                Some(first) if first.waits_for.is_served(served) => {}
                _ => return buried,
            }
            let first = dying.pop_front().expect("looked at above");
            drop(dying);
            bury(worker, first.obituary);
            buried = true;
        }
    }
}

impl Serving {
    #[inline(always)]
    fn serve(&mut self, worker: &Worker, is_spinning: bool) -> bool {
        let count = self.links.len();
        let mut served = false;
        for _ in 0..count {
            self.start = if self.start + 1 < count {
                self.start + 1
            } else {
                0
            };
            let open = &mut self.links[self.start];
            if open.pace.looks(is_spinning) {
                served |= open.serve(worker, &mut self.results);
            }
        }
        // Another start for the next turn.
        self.start += 1;
        served
    }
}

impl OpenLink {
    #[inline(always)]
    fn serve(&mut self, worker: &Worker, results: &mut Results) -> bool {
        let Some(requests) = self.link.take() else {
            return false;
        };
        self.pace.found();
        worker.home().stats().add_served(u64::from(requests.left()));
        if let Some(exceptions) = run(worker, requests, results) {
            results.attach_exceptions(exceptions);
        }
        // SAFETY: rows 3 and 4 of the table: `run` took every record, whose call consumed its
        // captures, and left a result, or room for it, for each.
        unsafe { self.link.respond(results) };
        if self.client != worker.index() {
            self.peer.notify();
        }
        true
    }
}

/// Runs a batch; after a panic it goes on with the next record.
#[inline(always)]
fn run(worker: &Worker, mut requests: Requests<'_>, results: &mut Results) -> Option<Exceptions> {
    let delegated = worker.enter_delegated(&DROP);
    let mut exceptions = None;
    while requests.left() > 0 {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            while let Some(Record {
                call,
                key,
                captures,
            }) = requests.take_record()
            {
                let result = results.push(call.result_words as usize).as_mut_ptr();
                delegated.set_running(call);
                // SAFETY: a client issued the record with this call for a property of its type
                // here. Row 1 of the table: the property lives until its last request was served,
                // and `delegated` keeps other requests out. Row 3: a record is taken once, and so
                // are its captures. Row 4: the result has its room.
                unsafe { (call.run)(key, captures, result) };
            }
        }));
        if let Err(payload) = caught {
            let exceptions: &mut Exceptions = exceptions.get_or_insert_default();
            exceptions.push((results.count() - 1, payload));
        }
    }
    exceptions
}

fn bury(worker: &Worker, mut obituary: Obituary) {
    let delegated = worker.enter_delegated(&DROP);
    // SAFETY: row 2 of the table: this is its trustee, outside other delegated code, and its last
    // request was served.
    contain(|| unsafe { obituary.bury() }, |panic| worker.report(panic));
    drop(delegated);
    let header = obituary.header();
    if worker.home().registry().leave(header) {
        // SAFETY: row 5 of the table, handed over by `leave`; the obituary has a share of its own.
        unsafe { Header::release_memory(header) };
    }
}

/// What the stall detector sees while no closure runs: foreign code is then only drops.
static DROP: Call = Call {
    run: |_, _, _| (),
    discard: |_| (),
    capture_words: 0,
    result_words: 0,
    name: || "the drop of a property or of a capture",
};

/// Foreign requests run in one turn, at the most. Other messages are not counted: what tasks let
/// die between two turns is to be buried by the next.
const FOREIGN_REQUESTS_PER_TURN: usize = 256;
