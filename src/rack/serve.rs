//! What a worker does with what comes from other nodes: results, calls, outcomes, control.

use std::collections::hash_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};

use gossamer_transport::rack::Payload;

use crate::error;
use crate::rack::codec::{Body, Opened, Parcel};
use crate::rack::envelope::{Class, Nonsense, Relative, Status, Table, control_of, take_token};
use crate::rack::error::{CallError, Refusal};
use crate::rack::failpoints::reach;
use crate::rack::handles::Handle;
use crate::rack::node::Member;
use crate::rack::properties::Found;
use crate::rack::references::{self, trusts};
use crate::rack::refs::{self, Envelope, Event, Moment, Step};
use crate::rack::remote::PropertyId;
use crate::rack::route::{Arrival, Blocked, Note};
use crate::rack::side::{Parked, RackSide, peers, prefixed};
use crate::rack::typed::Typed;
use crate::rack::visit::{Failure, Outcome, Phase, ReplyTo, Served, Site, Visit};
use crate::worker::Worker;

/// What is answered to a request: at once, or when its trusts are registered, or when something
/// large of it is encoded or decoded.
pub(super) type Response = Option<(Status, Payload)>;

impl RackSide {
    /// Takes in what has come from a node, in bounded measure. Most looks find nothing, and all that
    /// comes waits for the look before it to end: so those are short, and the rest is elsewhere.
    #[inline(always)]
    pub(super) fn poll_route(&self, worker: &Worker, node: u32) -> bool {
        let mut progressed = false;
        let mut from = 0;
        loop {
            let arrived = self.route(node).borrow().next_arrived(from);
            let Some((at, has_result)) = arrived else {
                return progressed;
            };
            progressed |= self.poll_pair(worker, node, at, has_result);
            from = at + 1;
        }
    }

    /// Takes in what has come on the links of a pair: a result, perhaps, and if not a request.
    #[inline(never)]
    fn poll_pair(&self, worker: &Worker, node: u32, at: usize, has_result: bool) -> bool {
        match self.take_arrived(worker, node, at, has_result) {
            Ok(false) => false,
            Ok(true) => {
                self.set_dirty();
                true
            }
            Err(Nonsense(_)) => {
                self.damaged(worker, node);
                true
            }
        }
    }

    #[inline(always)]
    fn take_arrived(
        &self,
        worker: &Worker,
        node: u32,
        at: usize,
        has_result: bool,
    ) -> Result<bool, Nonsense> {
        let mut progressed = false;
        let mut has_request = !has_result;
        if has_result {
            progressed |= self.harvest(worker, node, at)?;
            has_request = self.route(node).borrow().pairs[at].has_request();
        }
        if has_request {
            progressed |= self.serve(worker, node, at)?;
        }
        // A part of something long gives no result yet, but is owed credit, and credit lets parts
        // go: what was published is to be flushed.
        let mut route = self.route(node).borrow_mut();
        route.is_dirty |= route.pairs[at].has_unpublished();
        Ok(progressed | route.is_dirty)
    }

    /// Acts on a request that has come.
    pub(super) fn take(
        &self,
        worker: &Worker,
        (node, remote): (u32, u16),
        mut arrival: Arrival,
        blocked: &mut Option<Blocked>,
    ) -> Result<Response, Nonsense> {
        let from = peers(worker).get(node).party;
        let done = Ok(Some((
            Status::Value { has_table: false },
            Payload::default(),
        )));
        match arrival.kind.class {
            Class::Control => {
                let control = control_of(&arrival.body)?;
                let actions = peers(worker)
                    .references()
                    .handle(Event::Control { from, control });
                peers(worker).carry_out(worker.shared(), actions);
                done
            }
            Class::Outcome => {
                let (&status, rest) = arrival.body.split_first().ok_or(Nonsense("outcome"))?;
                let rest = rest.len();
                let PropertyId { index, generation } = arrival.property;
                let token = u64::from(index) | u64::from(generation) << 32;
                let late = self.late.borrow_mut().take(token, node);
                let note = match late {
                    Some(late) => late.then.map_or(Note::Unread, Note::Now),
                    None => Note::Unread,
                };
                self.settle(worker, node, note, status, arrival.body.last(rest))?;
                done
            }
            Class::Call => {
                let mut bytes = &*arrival.body;
                if arrival.kind.has_token {
                    arrival.token = take_token(&mut bytes)?;
                }
                let table = match arrival.kind.has_table {
                    true => Some(Table::take_from(&mut bytes, members(worker))?),
                    false => None,
                };
                let left = bytes.len();
                arrival.body = arrival.body.last(left);
                let reply_to = ReplyTo {
                    node,
                    worker: u32::from(remote),
                    token: arrival.token,
                };
                let Some(Table { header, relatives }) = table else {
                    return Ok(self.run(worker, arrival, &[], reply_to));
                };
                arrival.relatives = relatives;
                match arrived(worker, node, header) {
                    references::Arrival::Deliver(handles) => {
                        let response = self.run(worker, arrival, &handles, reply_to);
                        reach(Moment::After.of(Step::Deliver));
                        Ok(response)
                    }
                    references::Arrival::Wait(envelope) => {
                        let parked = Parked::Call { node, remote };
                        if self.park(envelope, parked).is_err() {
                            return Err(Nonsense("number of a message"));
                        }
                        *blocked = Some(Blocked::Trusts(arrival));
                        Ok(None)
                    }
                    references::Arrival::Refused => Err(Nonsense("table of trusts")),
                }
            }
        }
    }

    /// Runs a call whose trusts are registered.
    fn run(
        &self,
        worker: &Worker,
        arrival: Arrival,
        handles: &[refs::Handle],
        from: ReplyTo,
    ) -> Response {
        let handles = trusts(worker.shared(), handles, &arrival.relatives);
        if arrival.body.is_large() {
            return self.decode_arguments(worker, arrival, handles, from);
        }
        let site = Site {
            handles,
            answer: Parcel::default(),
            phase: Phase::Decoding,
            from,
        };
        let call = (arrival.property, arrival.kind.is_post);
        self.visit(worker, site, call, |visit, property| {
            match self.words.entry(arrival.word) {
                Some(entry) => entry.run(visit, property, &arrival.body),
                None => Served::Failed(Failure::Refused(Refusal::NoEntry)),
            }
        })
    }

    /// Runs a call as this says.
    pub(super) fn visit(
        &self,
        worker: &Worker,
        mut site: Site,
        (property, is_post): (PropertyId, bool),
        run: impl FnOnce(&mut Visit<'_, '_>, Option<&Typed>) -> Served,
    ) -> Response {
        let from = site.from;
        let visit = || {
            let found = self.property(worker, property)?;
            let mut visit = Visit {
                worker,
                phase: site.phase,
                site: &mut site,
                reply: None,
            };
            Ok(run(&mut visit, found.as_deref()))
        };
        let served = match catch_unwind(AssertUnwindSafe(visit)) {
            Ok(served) => served.unwrap_or_else(Served::Failed),
            Err(payload) => Served::Failed(site.phase.failure(payload)),
        };
        let outcome = match served {
            Served::Later => return Some((Status::Later, Payload::default())),
            Served::Now => Ok(site.answer),
            Served::Failed(failure) => Err(failure),
            Served::Large(encode) => {
                self.encode_result(worker, from, is_post, encode);
                return None;
            }
        };
        Some(self.answer_message(worker, from.node, is_post, outcome))
    }

    /// The property of this name, which is that of none if it says so.
    #[inline(always)]
    pub(super) fn property(
        &self,
        worker: &Worker,
        id: PropertyId,
    ) -> Result<Option<Found>, Failure> {
        if id == PropertyId::NONE {
            return Ok(None);
        }
        let references = peers(worker).references();
        let found = self.properties.find(references, worker.index(), id);
        let found = found.ok_or(Failure::Refused(Refusal::NoProperty));
        found.map(Some)
    }

    /// What is answered at once: nothing that says anything if nobody looks at it.
    pub(super) fn answer_message(
        &self,
        worker: &Worker,
        to: u32,
        is_post: bool,
        outcome: Outcome,
    ) -> (Status, Payload) {
        if !is_post {
            return self.outcome_message(worker, to, outcome);
        }
        if let Err(Failure::Panicked(message)) = outcome {
            // Nobody awaits it.
            let payload: error::Payload = Box::new(message);
            worker.report(&payload);
        }
        (Status::Value { has_table: false }, Payload::default())
    }

    /// An outcome as it travels.
    pub(super) fn outcome_message(
        &self,
        worker: &Worker,
        to: u32,
        outcome: Outcome,
    ) -> (Status, Payload) {
        let packed = outcome.and_then(|parcel| {
            let table = self.pack(worker, to, &parcel.handles);
            let table = table.map_err(|_| Failure::Result)?;
            Ok((table, parcel.into_payload()))
        });
        match packed {
            Ok((None, payload)) => (Status::Value { has_table: false }, payload),
            Ok((Some(table), payload)) => {
                let mut bytes = Vec::new();
                table.append_to(&mut bytes);
                (Status::Value { has_table: true }, prefixed(bytes, payload))
            }
            Err(failure) => {
                let (status, bytes) = failure.to_message();
                (status, bytes.into())
            }
        }
    }

    /// Acts on a result that has come. Of nonsense, too, whoever waits for it hears.
    pub(super) fn settle(
        &self,
        worker: &Worker,
        node: u32,
        note: Note,
        status: u8,
        body: Body<'_>,
    ) -> Result<(), Nonsense> {
        let status = Status::of_byte(status);
        let then = match (note, status) {
            (Note::Now(then), _) => Some(then),
            // As it says that there will be none, this is the outcome.
            (Note::Later(token), Ok(Status::Failure(_))) => {
                let late = self.late.borrow_mut().take(token, node);
                match late {
                    Some(late) => late.then,
                    None => return Ok(()),
                }
            }
            (Note::Later(_), Ok(Status::Later)) => return Ok(()),
            (Note::Later(_), Ok(Status::Value { .. }) | Err(_)) => return Err(Nonsense("result")),
            (Note::Posted | Note::Unread, _) => None,
        };
        match status.and_then(|status| unpacked(worker, node, status, &body)) {
            Ok(Unpacked::Reply(Ok(handles), rest)) => {
                let body = body.last(rest);
                let opened = Opened {
                    node,
                    body,
                    handles,
                };
                self.complete(worker, then, Ok(opened));
            }
            Ok(Unpacked::Reply(Err(error), _)) => self.complete(worker, then, Err(error)),
            Ok(Unpacked::Waits(envelope, relatives, rest)) => {
                let parked = Parked::Reply {
                    then,
                    relatives,
                    node,
                    body: body.last(rest).take().detached(),
                };
                if let Err(Parked::Reply { then, .. }) = self.park(envelope, parked) {
                    let node = node as usize;
                    self.complete(worker, then, Err(CallError::Unknown { node }));
                    return Err(Nonsense("number of a message"));
                }
            }
            Err(nonsense) => {
                let node = node as usize;
                self.complete(worker, then, Err(CallError::Unknown { node }));
                return Err(nonsense);
            }
        }
        Ok(())
    }

    /// Keeps a message until its trusts are registered. It comes back if one of the same number
    /// waits already, which only a peer that lies brings about.
    pub(super) fn park(&self, envelope: Envelope, parked: Parked) -> Result<(), Parked> {
        match self.parked.borrow_mut().entry(envelope) {
            Entry::Vacant(place) => {
                place.insert(parked);
                Ok(())
            }
            Entry::Occupied(_) => Err(parked),
        }
    }

    /// The trusts of a message are registered.
    pub(crate) fn deliver(&self, worker: &Worker, envelope: Envelope, handles: &[refs::Handle]) {
        let parked = self.parked.borrow_mut().remove(&envelope);
        self.deliver_to(worker, parked, handles);
        reach(Moment::After.of(Step::Deliver));
    }

    fn deliver_to(&self, worker: &Worker, parked: Option<Parked>, handles: &[refs::Handle]) {
        match parked {
            Some(Parked::Reply {
                then,
                relatives,
                node,
                body,
            }) => {
                let handles = trusts(worker.shared(), handles, &relatives);
                let opened = Opened {
                    node,
                    body,
                    handles,
                };
                self.complete(worker, then, Ok(opened));
            }
            Some(Parked::Call { node, remote }) => self.unblock(worker, node, remote, handles),
            Some(Parked::Orphan(arrival, from)) => {
                let _nobody_hears_it = self.run(worker, *arrival, handles, from);
            }
            // Whoever has waited is gone, and so go its trusts.
            None => {
                let unknown = vec![Relative::UNKNOWN; handles.len()];
                drop(trusts(worker.shared(), handles, &unknown));
            }
        }
    }

    fn unblock(&self, worker: &Worker, node: u32, remote: u16, handles: &[refs::Handle]) {
        let mut route = self.route(node).borrow_mut();
        let at = route.pairs.iter().position(|pair| pair.remote == remote);
        let at = at.expect("a route that goes makes an orphan of what is blocked");
        let blocked = route.pairs[at].blocked.replace(Blocked::Beside);
        drop(route);
        let Some(Blocked::Trusts(arrival)) = blocked else {
            unreachable!("what is parked is blocked");
        };
        let from = ReplyTo {
            node,
            worker: u32::from(remote),
            token: arrival.token,
        };
        if let Some(response) = self.run(worker, arrival, handles, from) {
            self.respond_later(from, response);
        }
    }
}

/// A message with trusts has come.
fn arrived(worker: &Worker, node: u32, header: refs::Header) -> references::Arrival {
    let peers = peers(worker);
    let from = peers.get(node).party;
    let (arrived, actions) = peers.references().arrived(from, header, worker.index());
    if matches!(arrived, references::Arrival::Deliver(_)) {
        reach(Moment::Before.of(Step::Deliver));
    }
    peers.carry_out(worker.shared(), actions);
    arrived
}

/// What a result holds.
enum Unpacked {
    /// Its trusts, and how many bytes at its end are its value's; or why it has none.
    Reply(Result<Vec<Handle>, CallError>, usize),
    /// Its trusts are not registered yet.
    Waits(Envelope, Vec<Relative>, usize),
}

fn unpacked(
    worker: &Worker,
    node: u32,
    status: Status,
    mut bytes: &[u8],
) -> Result<Unpacked, Nonsense> {
    let reply = match status {
        Status::Value { has_table: false } => Ok(Vec::new()),
        Status::Value { has_table: true } => {
            let Table { header, relatives } = Table::take_from(&mut bytes, members(worker))?;
            match arrived(worker, node, header) {
                references::Arrival::Deliver(handles) => {
                    let trusts = trusts(worker.shared(), &handles, &relatives);
                    reach(Moment::After.of(Step::Deliver));
                    Ok(trusts)
                }
                references::Arrival::Wait(envelope) => {
                    return Ok(Unpacked::Waits(envelope, relatives, bytes.len()));
                }
                references::Arrival::Refused => return Err(Nonsense("table of trusts")),
            }
        }
        Status::Later => return Err(Nonsense("result")),
        Status::Failure(kind) => Err(Failure::of_message(kind, bytes).into_error(node)),
    };
    Ok(Unpacked::Reply(reply, bytes.len()))
}

fn members(worker: &Worker) -> &[Member] {
    worker.shared().rack().members()
}
