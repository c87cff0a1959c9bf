//! The client: a worker's side that delegates. Fills batches, publishes them, harvests results.
//!
//! Cost of a remote request on this side: a record of 8 bytes and its captures into the batch, a
//! record of 8 bytes and the completion's data into the ledger, one counter; on the way back one
//! indirect call. All of it is memory of this worker; the cache lines that move between cores
//! are those of the slots, about 16 bytes a small request each way.
//!
//! **Invariant:** no borrow of a lane, a list or the table is alive while foreign code runs.

use std::cell::{Cell, RefCell, RefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use gossamer_transport::{Key, Responses};

use crate::contain::dispose;
use crate::erase::{Complete, ResultWords, Work};
use crate::error::{Fault, Outcome, Payload};
use crate::lane::Lane;
use crate::pending::PendingTable;
use crate::shared::{Message, Shared};
use crate::trustee::OpenLink;

/// The client of one worker.
pub(crate) struct Client {
    index: u32,
    shared: Arc<Shared>,
    lanes: Box<[RefCell<Option<Box<Lane>>>]>,
    /// Lanes that something was issued on since the last flush.
    dirty: RefCell<Vec<u32>>,
    /// Lanes with batches in flight.
    awaited: RefCell<Vec<u32>>,
    pending: PendingTable,
    /// Requests under way to this worker's own trustee.
    own_requests: Cell<u32>,
    is_closed: Cell<bool>,
}

impl Client {
    pub(crate) fn new(shared: Arc<Shared>, index: u32) -> Self {
        let lanes = shared.workers().iter().map(|_| RefCell::new(None)).collect();
        Self {
            index,
            shared,
            lanes,
            dirty: RefCell::default(),
            awaited: RefCell::default(),
            pending: PendingTable::default(),
            own_requests: Cell::new(0),
            is_closed: Cell::new(false),
        }
    }

    pub(crate) fn pending(&self) -> &PendingTable {
        &self.pending
    }

    /// Whether requests to this worker's own trustee are under way, so that a later one must
    /// queue behind them.
    #[inline(always)]
    pub(crate) fn has_own_requests(&self) -> bool {
        self.own_requests.get() != 0
    }

    /// From now on nothing is issued any more: work comes back unrun.
    pub(crate) fn close(&self) {
        self.is_closed.set(true);
    }

    /// Whether [`close`](Self::close) was called.
    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Whether no request of this client is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.lanes.iter().all(|lane| lane.borrow().as_ref().is_none_or(|lane| lane.is_idle()))
    }

    /// Issues a request to the trustee of worker `to`.
    ///
    /// The client is not closed.
    #[inline(always)]
    pub(crate) fn issue<U, W: Work<U>, C: Complete<U>>(&self, to: u32, key: Key, work: W, data: C) {
        debug_assert!(!self.is_closed(), "the caller looks first");
        let mut lane = self.lane(to);
        lane.issue::<U, W, C>(key, work, data);
        if !std::mem::replace(&mut lane.is_dirty, true) {
            self.dirty.borrow_mut().push(to);
        }
        if to == self.index {
            self.own_requests.set(self.own_requests.get() + 1);
        }
    }

    /// How many requests to worker `to` wait for a slot.
    pub(crate) fn backlog(&self, to: u32) -> usize {
        self.lanes[to as usize].borrow().as_ref().map_or(0, |lane| lane.link.backlog())
    }

    /// Publishes what was issued; once a turn, after the tasks.
    #[inline]
    pub(crate) fn flush(&self) -> bool {
        let mut flushed = false;
        while let Some(to) = self.next_dirty() {
            let mut lane = self.lane(to);
            lane.is_dirty = false;
            let batches = lane.link.flush();
            let (requests, backlog) = lane.count_sent();
            if lane.link.in_flight() > 0 && !std::mem::replace(&mut lane.is_awaited, true) {
                self.awaited.borrow_mut().push(to);
            }
            drop(lane);
            let stats = self.shared.workers()[self.index as usize].stats();
            stats.add_backlog(backlog);
            if batches > 0 {
                flushed = true;
                stats.add_sent(requests, u64::from(batches));
                self.notify(to);
            }
        }
        flushed
    }

    /// Takes the results that have arrived, and acts on each; once a turn, before the tasks.
    #[inline]
    pub(crate) fn harvest(&self) -> bool {
        let mut harvested = false;
        let mut index = self.awaited.borrow().len();
        // Backwards: what foreign code adds meanwhile, and what `swap_remove` moves, comes from
        // the end.
        while let Some(before) = index.checked_sub(1) {
            index = before;
            let to = self.awaited.borrow()[index];
            harvested |= self.harvest_lane(to);
            let mut lane = self.lane(to);
            if lane.link.in_flight() == 0 {
                lane.is_awaited = false;
                drop(lane);
                self.awaited.borrow_mut().swap_remove(index);
            }
        }
        harvested
    }

    /// Whether there is something to harvest or to publish.
    pub(crate) fn sees_work(&self) -> bool {
        let has_response = |&to: &u32| self.lane(to).link.has_response();
        !self.dirty.borrow().is_empty() || self.awaited.borrow().iter().any(has_response)
    }

    fn harvest_lane(&self, to: u32) -> bool {
        let mut harvested = false;
        // At most as many batches as the ring holds: then it is the turn of others.
        for _ in 0..gossamer_transport::memory::DEPTH {
            let Some(responses) = self.lane(to).link.take() else {
                break;
            };
            harvested = true;
            self.complete(to, responses);
            let mut lane = self.lane(to);
            // SAFETY: `complete` ran every completion of the batch, each of which moved its
            // result out.
            unsafe { lane.link.release() };
            if lane.link.has_unpublished() || lane.link.backlog() > 0 {
                if !std::mem::replace(&mut lane.is_dirty, true) {
                    self.dirty.borrow_mut().push(to);
                }
            }
        }
        harvested
    }

    /// Runs the completions of one batch; a panic in one is reported and the next is run.
    fn complete(&self, to: u32, mut responses: Responses) {
        let count = responses.count();
        // SAFETY: `harvest_lane` takes each batch once, so this is called once for it.
        let mut exceptions = unsafe { responses.exceptions() }.map(|list| list.into_iter().peekable());
        let mut done = 0;
        while done < count {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                while done < count {
                    let (completion, data) = self.lane(to).ledger.take();
                    let words = responses.take_result(completion.result_words as usize);
                    let exception = exceptions.as_mut().and_then(|list| list.next_if(|e| e.0 == done));
                    let result = exception.map_or(Ok(words), |(_, payload)| Err(payload));
                    done += 1;
                    if to == self.index {
                        self.own_requests.set(self.own_requests.get() - 1);
                    }
                    // SAFETY: the ledger is in the order of the requests, so data, result and
                    // exception are those of the request that this completion was issued with.
                    unsafe { (completion.run)(self, data, result) };
                }
            }));
            if let Err(payload) = caught {
                self.report(payload);
            }
        }
    }

    /// Hands a panic that nobody awaits to the runtime's hook.
    #[cold]
    pub(crate) fn report(&self, payload: Payload) {
        self.shared.report_panic(self.index, &payload);
        dispose(payload);
    }

    fn next_dirty(&self) -> Option<u32> {
        self.dirty.borrow_mut().pop()
    }

    #[inline(always)]
    fn notify(&self, to: u32) {
        if to != self.index {
            self.shared.workers()[to as usize].notify();
        }
    }

    #[inline(always)]
    fn lane(&self, to: u32) -> RefMut<'_, Lane> {
        RefMut::map(self.lanes[to as usize].borrow_mut(), |lane| match lane {
            Some(lane) => &mut **lane,
            None => self.open(lane, to),
        })
    }

    /// Opens the link to a trustee at its first use.
    #[cold]
    fn open<'a>(&self, lane: &'a mut Option<Box<Lane>>, to: u32) -> &'a mut Lane {
        let (opened, link, issued) = Lane::open();
        let message = Message::Open(Box::new(OpenLink::new(self.index, link, issued)));
        let sent = self.shared.workers()[to as usize].send(message);
        assert!(sent.is_ok(), "workers end only after all clients have closed");
        lane.insert(opened)
    }
}

/// The completion of `apply_then`: what is to be done with the result.
pub(crate) struct Then<G>(pub(crate) G);

impl<U: 'static, G: FnOnce(U) + 'static> Complete<U> for Then<G> {
    #[inline(always)]
    fn complete(self, client: &Client, outcome: Outcome<ResultWords<U>>) {
        match outcome {
            Ok(result) => (self.0)(result.take()),
            Err(fault) => Posted.complete_fault(client, fault),
        }
    }
}

/// The completion of `post`: nothing is to be done.
pub(crate) struct Posted;

impl Complete<()> for Posted {
    #[inline(always)]
    fn complete(self, client: &Client, outcome: Outcome<ResultWords<()>>) {
        if let Err(fault) = outcome {
            self.complete_fault(client, fault);
        }
    }
}

impl Posted {
    #[cold]
    fn complete_fault(self, client: &Client, fault: Fault) {
        if let Fault::Panicked(payload) = fault {
            client.report(payload);
        }
    }
}
