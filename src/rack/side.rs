//! A worker's side of the rack: its links to other nodes, driven once a turn.
//!
//! **Invariant:** no borrow of a route, a table or a list is alive while foreign code runs: what is
//! decoded, encoded, called, completed or dropped. Calls that have come are run between the
//! trustee's poll and the tasks, never inside delegated code.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use gossamer_transport::rack::shm::Parking;
use gossamer_transport::rack::{Payload, Request};

use crate::contain::contain;
use crate::rack::continuation::Continuation;
use crate::rack::envelope::{Class, Kind, Table, control_bytes};
use crate::rack::error::CallError;
use crate::rack::failpoints::{begin_turn, reach, reach_when_sent};
use crate::rack::handles::Handle;
use crate::rack::join::Cause;
use crate::rack::large::Large;
use crate::rack::late::LateCalls;
use crate::rack::outbound::wire;
use crate::rack::parked::Parked;
use crate::rack::peers::Peers;
use crate::rack::properties::Properties;
use crate::rack::rdma::Inlets;
use crate::rack::refs::{self, Control, Envelope, Moment, Step};
use crate::rack::remote::{Home, PropertyId, Share};
use crate::rack::route::{Note, Route};
use crate::rack::visit::{Outcome, Reply, ReplyTo, Returned, Site};
use crate::rack::words::Words;
use crate::worker::Worker;

/// The rack as one worker drives it; there is none in a rack of one.
pub(crate) struct RackSide {
    /// By node; this node's own is never used.
    pub(super) routes: Box<[RefCell<Route>]>,
    /// Calls whose outcome comes by a request.
    pub(super) late: RefCell<LateCalls>,
    /// Messages whose trusts are not registered yet.
    pub(super) parked: RefCell<HashMap<Envelope, Parked>>,
    /// Calls that have ended before they were sent; told of in the next turn.
    pub(super) unsent: RefCell<Vec<(Continuation, CallError)>>,
    pub(super) is_dirty: Cell<bool>,
    pub(super) rdma: Inlets,
    /// Where other processes see whether the worker sleeps.
    parking: Vec<Parking>,
    is_announced: Cell<bool>,
    pub(crate) words: Words,
    pub(crate) properties: Properties,
    /// Of the requests of a batch, used again and again.
    pub(super) site: Cell<Option<Box<Site>>>,
    pub(super) large: Large,
}

impl RackSide {
    pub(crate) fn new(peers: &Peers, worker: u32) -> Self {
        let route = |node| Route::new(peers.get(node));
        let routes = (0..peers.count() as u32).map(|node| RefCell::new(route(node)));
        Self {
            parking: peers
                .memory()
                .map_or_else(Vec::new, |memory| memory.parking(worker)),
            is_announced: Cell::new(false),
            routes: routes.collect(),
            late: RefCell::default(),
            parked: RefCell::default(),
            unsent: RefCell::default(),
            is_dirty: Cell::new(false),
            rdma: Inlets::default(),
            words: Words::new(),
            properties: Properties::default(),
            site: Cell::default(),
            large: Large::default(),
        }
    }

    /// Takes results, runs calls; once a turn.
    pub(crate) fn poll(&self, worker: &Worker) -> bool {
        if self.is_announced.replace(false) {
            self.parking.iter().for_each(Parking::cancel);
        }
        begin_turn();
        if worker.client.is_closed() {
            return false;
        }
        let mut progressed = self.poll_rdma(worker);
        if !self.unsent.borrow().is_empty() {
            progressed |= self.tell_unsent(worker);
        }
        for node in 0..self.routes.len() as u32 {
            progressed |= self.poll_route(worker, node);
        }
        progressed
    }

    /// Publishes what was issued and answered; once a turn.
    #[inline(always)]
    pub(crate) fn flush(&self, worker: &Worker) -> bool {
        self.is_dirty.replace(false) && self.flush_routes(worker)
    }

    fn flush_routes(&self, worker: &Worker) -> bool {
        for node in 0..self.routes.len() as u32 {
            self.flush_route(worker, node);
        }
        true
    }

    /// Asked when the worker is about to sleep, which other processes are told first.
    pub(crate) fn sees_work(&self, worker: &Worker) -> bool {
        for parking in &self.parking {
            parking.announce();
            self.is_announced.set(true);
        }
        !worker.client.is_closed()
            && (self.sees_rdma(worker)
                || self.is_dirty.get()
                || !self.unsent.borrow().is_empty()
                || self.routes.iter().any(|route| route.borrow().has_arrived()))
    }

    /// The last trust of a property elsewhere has gone: its share goes when all calls that were
    /// issued until now have been answered.
    pub(crate) fn leave(&self, home: Home, share: Arc<Share>) {
        let mut route = self.route(home.node).borrow_mut();
        let stays = route.leave(home.worker, share);
        drop(route);
        drop(stays);
    }

    /// Where the links with a worker of another node are. Without memory for their rings, that
    /// node is out of reach.
    pub(super) fn pair_with(&self, worker: &Worker, to: Home) -> Option<usize> {
        let peers = peers(worker);
        let peer = peers.get(to.node);
        let is_control = to.worker == peer.workers;
        let local = match is_control {
            true => worker.shared().workers().len() as u16,
            false => worker.index() as u16,
        };
        let mut route = self.route(to.node).borrow_mut();
        let pair = route.pair(peer, local, to.worker as u16);
        drop(route);
        if pair.is_err() {
            peers.suspect(to.node, Cause::Unreachable);
        }
        pair.ok()
    }

    /// Hands a request to its link.
    pub(super) fn send(
        &self,
        worker: &Worker,
        to: Home,
        request: Request,
        payload: Payload,
        note: Note,
    ) {
        let Some(at) = self.pair_with(worker, to) else {
            return; // only of what is no call: it goes with the node
        };
        let mut route = self.route(to.node).borrow_mut();
        route.issue_long(at, request, payload, note);
        self.is_dirty.set(true);
    }

    /// Sends word about references.
    pub(crate) fn send_control(&self, worker: &Worker, node: u32, control: &Control) {
        let control_worker = peers(worker).get(node).workers;
        let to = Home {
            node,
            worker: control_worker,
        };
        if worker.client.is_closed() || self.route(node).borrow().is_dead {
            return;
        }
        let request = Request {
            kind: Kind::CONTROL.to_bits(),
            ..Request::default()
        };
        let payload = Payload::from(control_bytes(control));
        self.send(worker, to, request, payload, Note::Unread);
    }

    /// Sends the outcome of a call that was not answered at once.
    pub(crate) fn reply(&self, worker: &Worker, to: ReplyTo, outcome: Outcome) {
        if worker.client.is_closed() || self.route(to.node).borrow().is_dead {
            return;
        }
        let (status, payload) = self.outcome_message(worker, to.node, outcome);
        let kind = Kind {
            class: Class::Outcome,
            ..Kind::CONTROL
        };
        let token = PropertyId {
            index: to.token as u32,
            generation: (to.token >> 32) as u32,
        };
        let request = Request {
            property: wire(token),
            kind: kind.to_bits(),
            ..Request::default()
        };
        let home = Home {
            node: to.node,
            worker: to.worker,
        };
        let payload = prefixed(vec![status.to_byte()], payload);
        self.send(worker, home, request, payload, Note::Unread);
    }

    /// Readies the trusts of a message; none for none.
    pub(super) fn pack(
        &self,
        worker: &Worker,
        to: u32,
        handles: &[Handle],
    ) -> Result<Option<Table>, refs::SendError> {
        if handles.is_empty() {
            return Ok(None);
        }
        let peers = peers(worker);
        let (table, actions) = peers.references().pack(peers.get(to).party, handles);
        peers.carry_out(worker.shared(), actions);
        if table.is_ok() {
            reach(Moment::Before.of(Step::Transmit));
            reach_when_sent(Moment::After.of(Step::Transmit));
        }
        table.map(Some)
    }

    /// The links with a worker of another node are used from now on.
    pub(crate) fn open(&self, worker: &Worker, node: u32, remote: u16, is_control: bool) {
        let peer = peers(worker).get(node);
        if self.route(node).borrow().is_dead {
            return;
        }
        let remote = match is_control {
            true => peer.workers,
            false => u32::from(remote),
        };
        let to = Home {
            node,
            worker: remote,
        };
        // If there is no memory for it, the node is lost, and what it has written does not count.
        let _ = self.pair_with(worker, to);
    }

    /// Says that something of a route is to be published.
    pub(super) fn set_dirty(&self) {
        self.is_dirty.set(true);
    }

    pub(super) fn route(&self, node: u32) -> &RefCell<Route> {
        &self.routes[node as usize]
    }

    /// Tells whoever asked of the end of a call; foreign code, contained.
    pub(super) fn complete(
        &self,
        worker: &Worker,
        then: Option<Continuation>,
        mut reply: Reply<'_>,
    ) {
        if let Some(then) = then {
            contain(
                || then.call(worker, Returned::Other(&mut reply)),
                |panic| worker.report(panic),
            );
        }
    }

    /// A peer has sent nonsense: nothing of it is looked at any more.
    #[cold]
    pub(super) fn damaged(&self, worker: &Worker, node: u32) {
        let mut route = self.route(node).borrow_mut();
        route.kill();
        drop(route);
        peers(worker).suspect(node, Cause::Damaged);
    }

    fn flush_route(&self, worker: &Worker, node: u32) {
        let mut route = self.route(node).borrow_mut();
        if !route.is_dirty || route.is_dead {
            return;
        }
        let published = route.publish();
        route.tell_sent(worker.home().stats());
        if let Err(gossamer_transport::rack::LinkError::Wire(_)) = published {
            drop(route);
            return self.damaged(worker, node);
        }
        if !route.needs_connection() {
            return;
        }
        if !worker.client.is_closed() && route.is_gathering() {
            route.is_dirty = true;
            return self.set_dirty();
        }
        if route.write_at_once(|bytes| worker.home().stats().add_rack_write(bytes)) {
            self.set_dirty();
        }
        let is_to_open = route.connection.begin_opening();
        drop(route);
        if is_to_open {
            crate::rack::connect::spawn_opener(worker, node);
        }
    }
}

/// The other nodes; a worker has a side only if there are any.
pub(super) fn peers(worker: &Worker) -> &Peers {
    let peers = worker.shared().rack().peers();
    peers.expect("a worker has a side of the rack only beside other nodes")
}

pub(super) fn prefixed(prefix: Vec<u8>, mut payload: Payload) -> Payload {
    payload.push_front(prefix);
    payload
}
