//! The client: a worker's side that delegates. Fills batches, publishes them, harvests results.
//!
//! Cost of a remote request on this side: a record of 8 bytes and its captures into the batch, a
//! note of 8 bytes and the completion's data beside it, one counter; on the way back one
//! indirect call. All of it is memory of this worker; the cache lines that move between cores
//! are those of the slots, about 16 bytes a small request each way.
//!
//! **Invariant:** no borrow of a lane, a list or the table is alive while foreign code runs.
//!
//! # Unsafe
//!
//! | of a batch | who may touch it | in which state |
//! |---|---|---|
//! | the heads of its notes | `complete_next` | from the link's `take` until its `release` |
//! | the data and the result of a request | the completion of that request, which moves them out, once | the same; the result only if the request is not among the exceptions |
//! | its list of exceptions | `complete_with_exceptions`, which takes it, once | the same |
//!
//! A batch that `harvest` has taken is run through `complete` once and then
//! released, by `harvest_lane`. `Lane::issue` gives each request its note; the link keeps notes
//! and results in the order of the requests.

use std::cell::{Cell, OnceCell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use gossamer_executor::wake_now;
use gossamer_transport::{Key, Responses};

use crate::contain::dispose;
use crate::erase::{Complete, ResultWords, Work};
use crate::error::Payload;
use crate::lane::Lane;
use crate::lane_set::LaneSet;
use crate::note;
use crate::pending::PendingTable;
use crate::shared::{Message, Shared, WorkerShared};
use crate::trustee::OpenLink;

/// The client of one worker.
pub(crate) struct Client {
    index: u32,
    shared: Arc<Shared>,
    home: Arc<WorkerShared>,
    /// By worker, opened at first use.
    lanes: Box<[OnceCell<Box<RefCell<Lane>>>]>,
    /// Lanes that something was issued on since the last flush.
    dirty: LaneSet,
    /// Lanes with batches in flight.
    awaited: LaneSet,
    pending: PendingTable,
    pub(crate) hold: InlineHold,
    /// Whether who awaits the results at hand is to wait in the queue.
    queues_wakes: Cell<bool>,
    is_closed: Cell<bool>,
}

/// What keeps requests to this worker's own trustee from running in place, counted: requests
/// under way to that trustee, and a closed client.
#[derive(Default)]
pub(crate) struct InlineHold(Cell<u32>);

impl InlineHold {
    #[inline(always)]
    pub(crate) fn is_held(&self) -> bool {
        self.0.get() != 0
    }

    #[inline(always)]
    pub(crate) fn add(&self) {
        self.0.set(self.0.get() + 1);
    }

    #[inline(always)]
    pub(crate) fn remove(&self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Client {
    pub(crate) fn new(shared: Arc<Shared>, index: u32) -> Self {
        let workers = shared.workers().len();
        let lanes = shared.workers().iter().map(|_| OnceCell::new()).collect();
        let home = Arc::clone(&shared.workers()[index as usize]);
        Self {
            index,
            shared,
            home,
            lanes,
            dirty: LaneSet::new(workers),
            awaited: LaneSet::new(workers),
            pending: PendingTable::default(),
            hold: InlineHold::default(),
            queues_wakes: Cell::new(false),
            is_closed: Cell::new(false),
        }
    }

    pub(crate) fn pending(&self) -> &PendingTable {
        &self.pending
    }

    /// From now on nothing is issued any more: work comes back unrun.
    pub(crate) fn close(&self) {
        self.is_closed.set(true);
        self.hold.add();
    }

    /// Whether [`close`](Self::close) was called.
    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Whether no request of this client is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.lanes
            .iter()
            .filter_map(OnceCell::get)
            .all(|lane| lane.borrow().link.is_idle())
    }

    /// Says that a request to worker `to` is about to be issued, ahead of what else that takes; if
    /// others are to go out already, there is no hurry.
    ///
    /// The client is not closed.
    #[inline(always)]
    pub(crate) fn prepare(&self, to: u32) {
        if self.dirty.is_empty() {
            self.lane(to).borrow_mut().link.prepare();
        }
    }

    /// Issues a request to the trustee of worker `to`.
    ///
    /// The client is not closed.
    #[inline(always)]
    pub(crate) fn issue<U, W: Work<U>, C: Complete<U>>(&self, to: u32, key: Key, work: W, data: C) {
        debug_assert!(!self.is_closed(), "the caller looks first");
        let mut lane = self.lane(to).borrow_mut();
        // What is unpublished is in the set, or waits for a slot and goes out by the harvest.
        if !lane.link.has_unpublished() {
            self.dirty.insert(to);
        }
        lane.issue::<U, W, C>(key, work, data);
        drop(lane);
        if to == self.index {
            self.hold.add();
        }
    }

    /// How many requests to worker `to` wait for a slot.
    pub(crate) fn backlog(&self, to: u32) -> usize {
        self.lanes[to as usize]
            .get()
            .map_or(0, |lane| lane.borrow().link.backlog())
    }

    /// Publishes what was issued; once a turn, after the tasks.
    #[inline(always)]
    pub(crate) fn flush(&self) -> bool {
        let mut flushed = false;
        self.dirty.for_each(|to| flushed |= self.flush_lane(to));
        flushed
    }

    /// Runs no foreign code.
    #[inline(always)]
    fn flush_lane(&self, to: u32) -> bool {
        self.send(to, &mut self.lane(to).borrow_mut())
    }

    /// Publishes what was issued on a lane.
    #[inline(always)]
    fn send(&self, to: u32, lane: &mut Lane) -> bool {
        let batches = lane.link.flush();
        self.dirty.remove(to);
        let (requests, backlog) = lane.count_sent();
        self.home.stats().add_backlog(backlog);
        if batches == 0 {
            return false;
        }
        self.home.stats().add_sent(requests, u64::from(batches));
        self.awaited.insert(to);
        if to != self.index {
            lane.peer.notify();
        }
        true
    }

    /// Takes the results that have arrived, and acts on each; once a turn, before the tasks.
    #[inline(always)]
    pub(crate) fn harvest(&self) -> bool {
        let mut harvested = false;
        self.awaited.for_each(|to| {
            let lane = self.lane(to);
            let responses = lane.borrow_mut().link.take();
            if let Some(responses) = responses {
                harvested = true;
                self.harvest_lane(to, lane, responses);
            }
        });
        harvested
    }

    /// Whether there is something to harvest or to publish.
    #[inline(always)]
    pub(crate) fn sees_work(&self) -> bool {
        let mut sees_work = !self.dirty.is_empty();
        self.awaited
            .for_each(|to| sees_work |= self.lane(to).borrow().link.has_response());
        sees_work
    }

    /// Wakes who awaits a result that is harvested.
    ///
    /// A task is polled at once, unless the result is this worker's own. Then it waits until all
    /// of them are harvested: its next request can run in place only when none is under way.
    #[inline(always)]
    pub(crate) fn wake(&self, waker: Waker) {
        if self.queues_wakes.get() {
            waker.wake();
        } else {
            wake_now(waker);
        }
    }

    /// Whether who awaits the results that come next is to wait in the queue.
    #[inline(always)]
    pub(crate) fn queue_wakes(&self, queues: bool) {
        self.queues_wakes.set(queues);
    }

    /// Acts on the results of a batch. One a turn: then this side's own trustee serves.
    fn harvest_lane(&self, to: u32, lane: &RefCell<Lane>, responses: Responses) {
        self.queue_wakes(to == self.index);
        self.complete(to, lane, responses);
        let mut lane = lane.borrow_mut();
        // SAFETY: rows 1 to 3 of the table: `complete` ran every completion of the batch, each
        // of which moved its data and its result out, and took the exceptions, if there were
        // any; nothing of the batch is read any more.
        unsafe { lane.link.release() };
        if lane.link.in_flight() == 0 {
            self.awaited.remove(to);
        }
        // At once, before anything else is done.
        if lane.link.has_unpublished() {
            self.send(to, &mut lane);
        }
    }

    /// Runs the completions of one batch, and publishes meanwhile what the tasks that awaited them
    /// have issued since.
    #[inline(always)]
    fn complete(&self, to: u32, lane: &RefCell<Lane>, mut responses: Responses) {
        if responses.has_exceptions() {
            return self.complete_with_exceptions(to, responses);
        }
        let mut left = responses.count();
        while left > RESULTS_PER_BATCH {
            left -= RESULTS_PER_BATCH;
            self.complete_part(to, RESULTS_PER_BATCH, &mut responses);
            let mut lane = lane.borrow_mut();
            if lane.link.has_unpublished() {
                self.send(to, &mut lane);
            }
        }
        self.complete_part(to, left, &mut responses);
    }

    /// Runs so many completions; a panic in one is reported and the next is run.
    #[inline(always)]
    fn complete_part(&self, to: u32, mut left: u16, responses: &mut Responses) {
        while left > 0 {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                while left > 0 {
                    left -= 1;
                    self.complete_next(to, responses, None);
                }
            }));
            if let Err(payload) = caught {
                self.report(payload);
            }
        }
    }

    #[cold]
    fn complete_with_exceptions(&self, to: u32, mut responses: Responses) {
        // SAFETY: row 3 of the table: `harvest_lane` comes here once for a batch, before it
        // releases it.
        let mut exceptions = unsafe { responses.exceptions() }.into_iter().peekable();
        for done in 0..responses.count() {
            let payload = exceptions
                .next_if(|(at, _)| *at == done)
                .map(|(_, payload)| payload);
            let next = || self.complete_next(to, &mut responses, payload);
            if let Err(payload) = catch_unwind(AssertUnwindSafe(next)) {
                self.report(payload);
            }
        }
    }

    /// Runs the completion of the next request of a batch.
    #[inline(always)]
    fn complete_next(&self, to: u32, responses: &mut Responses, exception: Option<Payload>) {
        let note = responses.note();
        // SAFETY: row 1 of the table: every request on a lane was given such a note.
        let completion = unsafe { note::completion(note) };
        let data = note.wrapping_add(1);
        let note_words = 1 + completion.data_words as usize;
        let words = responses.step(note_words, completion.result_words as usize);
        if to == self.index {
            self.hold.remove();
        }
        match exception {
            // SAFETY: row 2 of the table: notes and results are in the order of the requests, so
            // data and result are those of the request that this completion was issued with, and
            // `step` has gone past them, so this is once.
            None => unsafe { (completion.done)(self, data, words) },
            // SAFETY: as above; there is an exception in place of a result.
            Some(payload) => unsafe { (completion.failed)(self, data, payload) },
        }
    }

    /// Hands a panic that nobody awaits to the runtime's hook.
    #[cold]
    pub(crate) fn report(&self, payload: Payload) {
        self.shared.report_panic(self.index, &payload);
        dispose(payload);
    }

    #[inline(always)]
    fn lane(&self, to: u32) -> &RefCell<Lane> {
        match self.lanes[to as usize].get() {
            Some(lane) => lane,
            None => self.open(to),
        }
    }

    /// Opens the link to a trustee at its first use.
    #[cold]
    fn open(&self, to: u32) -> &RefCell<Lane> {
        let peer = &self.shared.workers()[to as usize];
        let (lane, link, issued) = Lane::open(Arc::clone(peer));
        let link = OpenLink::new(self.index, Arc::clone(&self.home), link, issued);
        let sent = peer.send(Message::Open(Box::new(link)));
        assert!(
            sent.is_ok(),
            "workers end only after all clients have closed"
        );
        self.lanes[to as usize].get_or_init(|| Box::new(RefCell::new(lane)))
    }
}

/// The completion of `apply_then`: what is to be done with the result.
pub(crate) struct Then<G>(pub(crate) G);

impl<U: 'static, G: FnOnce(U) + 'static> Complete<U> for Then<G> {
    #[inline(always)]
    fn done(self, _: &Client, result: ResultWords<U>) {
        (self.0)(result.take());
    }

    /// Drops the continuation after the report, so that a panic in its drop hides nothing.
    fn failed(self, client: &Client, payload: Payload) {
        client.report(payload);
    }
}

/// The completion of `post`: nothing is to be done.
pub(crate) struct Posted;

impl Complete<()> for Posted {
    #[inline(always)]
    fn done(self, _: &Client, _: ResultWords<()>) {}

    fn failed(self, client: &Client, payload: Payload) {
        client.report(payload);
    }
}

/// After so many results, what came of them is published: the other side works meanwhile.
const RESULTS_PER_BATCH: u16 = 32;
