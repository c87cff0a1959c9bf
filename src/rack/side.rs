//! A worker's side of the rack: its links to other nodes, driven once a turn.
//!
//! **Invariant:** no borrow of a route, a table or a list is alive while foreign code runs: what is
//! decoded, encoded, called, completed or dropped. Calls that have come are run between the
//! trustee's poll and the tasks, never inside delegated code.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use gossamer_transport::rack::shm::Parking;
use gossamer_transport::rack::wire::INLINE_BYTES_MAX;
use gossamer_transport::rack::{Payload, Request};

use crate::contain::contain;
use crate::rack::codec::{Body, Parcel};
use crate::rack::continuation::Continuation;
use crate::rack::envelope::{Class, Kind, Relative, Table, control_bytes};
use crate::rack::error::{CallError, NotExecuted, Refusal};
use crate::rack::failpoints::{begin_turn, reach, reach_when_sent};
use crate::rack::handles::Handle;
use crate::rack::join::Cause;
use crate::rack::large::Large;
use crate::rack::late::LateCalls;
use crate::rack::outbound::{Answers, Question, wire};
use crate::rack::peers::Peers;
use crate::rack::properties::Properties;
use crate::rack::rdma::Inlets;
use crate::rack::refs::{self, Control, Envelope, Moment, Step};
use crate::rack::remote::{Home, PropertyId, Remote, Share};
use crate::rack::route::{Arrival, Note, Route};
use crate::rack::target::Buffer;
use crate::rack::visit::{Outcome, Reply, ReplyTo, Returned};
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
    is_dirty: Cell<bool>,
    pub(super) rdma: Inlets,
    /// Where other processes see whether the worker sleeps.
    parking: Vec<Parking>,
    is_announced: Cell<bool>,
    pub(crate) words: Words,
    pub(crate) properties: Properties,
    /// Where results are put together, again and again.
    pub(super) answer: Cell<Parcel>,
    pub(super) large: Large,
}

/// A message that waits for the references.
pub(crate) enum Parked {
    /// The result of a call.
    Reply {
        then: Option<Continuation>,
        relatives: Vec<Relative>,
        node: u32,
        body: Body<'static>,
    },
    /// The call at which the pair with this worker of this node is blocked.
    Call { node: u32, remote: u16 },
    /// A call of a node that is lost.
    Orphan(Box<Arrival>, ReplyTo),
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
            answer: Cell::default(),
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
        for (node, route) in self.routes.iter().enumerate() {
            // Ourselves, for one.
            if !route.borrow().pairs.is_empty() {
                progressed |= self.poll_route(worker, node as u32);
            }
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

    /// Says that a call is about to be issued, ahead of what else that takes; if others are to go
    /// out already, there is no hurry.
    #[inline(always)]
    pub(crate) fn prepare(&self, to: Home) {
        if self.is_dirty.get() {
            return;
        }
        let mut route = self.route(to.node).borrow_mut();
        if let Some(at) = route.open_pair(to.worker) {
            route.prepare(at);
        }
    }

    /// Issues a call to another node, whose outcome does not come later: with its arguments, the
    /// trusts in them, and what is to be done with the reply, if anything. Runs no foreign code.
    ///
    /// The question is a copy, so that it stays in registers unless the call is out of the way.
    #[inline(always)]
    pub(crate) fn issue(
        &self,
        worker: &Worker,
        question: Question,
        arguments: &mut Buffer,
        note: impl FnOnce() -> Note,
    ) {
        let plain = arguments.plain();
        let mut route = self.route(question.to.node).borrow_mut();
        if let Some(bytes) = plain.filter(|bytes| bytes.len() <= INLINE_BYTES_MAX)
            && let Some(at) = route.open_pair(question.to.worker)
            && !worker.client.is_closed()
        {
            let kind = match question.answers {
                Answers::Never => Kind::POST,
                _ => Kind::CALL,
            };
            route.issue(at, &question.request(kind), bytes, note);
            drop(route);
            return self.is_dirty.set(true);
        }
        drop(route);
        let parcel = arguments.take();
        let then = match note() {
            Note::Now(then) => Some(then),
            Note::Later(_) | Note::Posted | Note::Unread => None,
        };
        self.issue_otherwise(worker, question, parcel, then, None);
    }

    /// Issues a call that need not be simply a record in a slot of a link that is there; one whose
    /// outcome comes later holds `target` until then.
    #[inline(never)]
    pub(crate) fn issue_otherwise(
        &self,
        worker: &Worker,
        question: Question,
        parcel: Parcel,
        then: Option<Continuation>,
        target: Option<Arc<Remote>>,
    ) {
        let issued = self.hold(question, parcel, then, target);
        if let Some((parcel, then, target)) = issued {
            self.issue_now(worker, question, parcel, then, target);
        }
    }

    /// The same of a call whose turn it is.
    pub(super) fn issue_now(
        &self,
        worker: &Worker,
        question: Question,
        parcel: Parcel,
        then: Option<Continuation>,
        target: Option<Arc<Remote>>,
    ) {
        match self.ready(worker, question.to, &parcel.handles) {
            Ok(table) => self.issue_ready(worker, question, (table, parcel), then, target),
            Err(error) => self.end_unsent(worker, then, error),
        }
    }

    /// A call has ended before it was sent.
    pub(super) fn end_unsent(&self, worker: &Worker, then: Option<Continuation>, error: CallError) {
        match then {
            Some(then) => self.unsent.borrow_mut().push((then, error)),
            None => worker.home().stats().add_post_lost(),
        }
    }

    /// Readies the links of a call; where they are.
    pub(super) fn open_link(&self, worker: &Worker, to: Home) -> Result<usize, CallError> {
        let node = to.node as usize;
        let lost = || CallError::NotExecuted(NotExecuted::NodeLost { node });
        if worker.client.is_closed() {
            return Err(CallError::NotExecuted(NotExecuted::Closed));
        }
        if to.node == worker.shared().rack().id() {
            // Calls at home are plain: what a peer says is of this node and is not, was let go.
            let refusal = Refusal::NoProperty;
            let refused = NotExecuted::Refused { node, refusal };
            return Err(CallError::NotExecuted(refused));
        }
        if !self.route(to.node).borrow().is_live() {
            return Err(lost());
        }
        self.pair_with(worker, to).ok_or_else(lost)
    }

    /// Readies the links and the trusts of a call.
    fn ready(
        &self,
        worker: &Worker,
        to: Home,
        handles: &[Handle],
    ) -> Result<Option<Table>, CallError> {
        // Before its trusts are readied, so that it can still come back.
        self.open_link(worker, to)?;
        let table = self.pack(worker, to.node, handles);
        table.map_err(|error| match error {
            refs::SendError::NoHandle(key) => {
                // It came as one whose owner was lost meanwhile.
                let node = key.owner.number as usize;
                CallError::NotExecuted(NotExecuted::NodeLost { node })
            }
            _ => {
                let node = to.node as usize;
                CallError::NotExecuted(NotExecuted::NodeLost { node })
            }
        })
    }

    fn issue_ready(
        &self,
        worker: &Worker,
        question: Question,
        (table, parcel): (Option<Table>, Parcel),
        then: Option<Continuation>,
        target: Option<Arc<Remote>>,
    ) {
        let Question { to, answers, .. } = question;
        let kind = Kind {
            has_table: table.is_some(),
            has_token: answers == Answers::Later,
            is_post: answers == Answers::Never,
            ..Kind::CALL
        };
        let mut payload = Vec::new();
        let note = match (answers, then) {
            (Answers::Later, then) => {
                let token = self.late.borrow_mut().insert(to.node, then, target);
                payload.extend_from_slice(&token.to_le_bytes());
                Note::Later(token)
            }
            (_, Some(then)) => Note::Now(then),
            (_, None) => Note::Posted,
        };
        if let Some(table) = table {
            table.append_to(&mut payload);
        }
        // The trusts have gone into the table, which keeps what they lead to.
        let payload = prefixed(payload, parcel.into_payload());
        self.send(worker, to, question.request(kind), payload, note);
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
    fn pair_with(&self, worker: &Worker, to: Home) -> Option<usize> {
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
        worker.home().stats().add_rack_images(route.take_images());
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
