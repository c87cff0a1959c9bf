//! What a worker does with what comes from other nodes: results, calls, outcomes, control.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Fault, Payload};
use crate::rack::codec::Parcel;
use crate::rack::entry::Entry;
use crate::rack::envelope::{Class, Nonsense, Relative, Status, Table, control_of, take_token};
use crate::rack::error::{CallError, Refusal};
use crate::rack::failpoints::reach;
use crate::rack::node::Member;
use crate::rack::outbound::Completion;
use crate::rack::references::{self, trusts};
use crate::rack::refs::{self, Envelope, Event, Moment, Step};
use crate::rack::remote::PropertyId;
use crate::rack::route::{Arrival, Note};
use crate::rack::side::{Parked, RackSide, peers};
use crate::rack::visit::{Failure, Outcome, Reply, ReplyTo, Served, Visit};
use crate::worker::Worker;

/// What is answered to a request: at once, or when its trusts are registered.
type Response = Option<(Status, Vec<u8>)>;

impl RackSide {
    /// Takes in what has come from a node, in bounded measure.
    pub(super) fn poll_route(&self, worker: &Worker, node: u32) -> bool {
        let pairs = self.route(node).borrow().pairs.len();
        let mut progressed = false;
        for at in 0..pairs {
            match self.poll_pair(worker, node, at) {
                Ok(some) => progressed |= some,
                Err(Nonsense(_)) => {
                    self.damaged(worker, node);
                    return true;
                }
            }
        }
        if progressed {
            self.route(node).borrow_mut().is_dirty = true;
            self.set_dirty();
        }
        progressed
    }

    fn poll_pair(&self, worker: &Worker, node: u32, at: usize) -> Result<bool, Nonsense> {
        let mut progressed = false;
        for _ in 0..RESULTS_PER_TURN {
            let mut route = self.route(node).borrow_mut();
            let answer = route.pairs[at].client.poll_result();
            let Some(answer) = answer.map_err(|_| Nonsense("batch of results"))? else {
                break;
            };
            let (note, status) = (answer.note, answer.status);
            let bytes = answer.payload.into_owned();
            drop(route);
            progressed = true;
            self.settle(worker, node, note, status, &bytes)?;
        }
        for _ in 0..REQUESTS_PER_TURN {
            let mut route = self.route(node).borrow_mut();
            let pair = &mut route.pairs[at];
            if pair.blocked.is_some() {
                break;
            }
            let request = pair.trustee.poll_request();
            let Some(request) = request.map_err(|_| Nonsense("batch of requests"))? else {
                break;
            };
            let arrival = Arrival::of(request)?;
            let remote = pair.remote;
            drop(route);
            progressed = true;
            if let Some(response) = self.take(worker, node, remote, at, arrival)? {
                self.respond(node, at, response);
            }
        }
        // A part of something long gives no result yet, but is owed credit.
        let pair = &self.route(node).borrow().pairs[at];
        Ok(progressed || pair.client.has_unpublished() || pair.trustee.has_unpublished())
    }

    /// Acts on a request that has come.
    fn take(
        &self,
        worker: &Worker,
        node: u32,
        remote: u16,
        at: usize,
        mut arrival: Arrival,
    ) -> Result<Response, Nonsense> {
        let from = peers(worker).get(node).party;
        let done = Ok(Some((Status::Value { has_table: false }, Vec::new())));
        match arrival.kind.class {
            Class::Control => {
                let control = control_of(&arrival.bytes)?;
                let actions = peers(worker)
                    .references()
                    .handle(Event::Control { from, control });
                peers(worker).carry_out(worker.shared(), actions);
                done
            }
            Class::Outcome => {
                let mut bytes = arrival.bytes.as_slice();
                let (&status, rest) = bytes.split_first().ok_or(Nonsense("outcome"))?;
                bytes = rest;
                let PropertyId { index, generation } = arrival.property;
                let token = u64::from(index) | u64::from(generation) << 32;
                let late = self.late.borrow_mut().take(token, node);
                let note = match late {
                    Some(late) => Note::Now(late.completion, None),
                    None => Note::Unread,
                };
                self.settle(worker, node, note, status, bytes)?;
                done
            }
            Class::Call => {
                let mut bytes = arrival.bytes.as_slice();
                if arrival.kind.has_token {
                    arrival.token = take_token(&mut bytes)?;
                }
                let table = match arrival.kind.has_table {
                    true => Some(Table::take_from(&mut bytes, members(worker))?),
                    false => None,
                };
                arrival.bytes = bytes.to_vec();
                let reply_to = ReplyTo {
                    node,
                    worker: u32::from(remote),
                    token: arrival.token,
                };
                let Some(Table { header, relatives }) = table else {
                    return Ok(Some(self.run(worker, arrival, &[], reply_to)));
                };
                arrival.relatives = relatives;
                match arrived(worker, node, header) {
                    references::Arrival::Deliver(handles) => {
                        let response = self.run(worker, arrival, &handles, reply_to);
                        reach(Moment::After.of(Step::Deliver));
                        Ok(Some(response))
                    }
                    references::Arrival::Wait(envelope) => {
                        let parked = Parked::Call { node, remote };
                        self.parked.borrow_mut().insert(envelope, parked);
                        self.route(node).borrow_mut().pairs[at].blocked = Some(arrival);
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
    ) -> (Status, Vec<u8>) {
        let args = Parcel {
            handles: trusts(worker.shared(), handles, &arrival.relatives),
            bytes: arrival.bytes,
        };
        let Some(entry) = Entry::of_word(arrival.word) else {
            return Failure::Refused(Refusal::NoEntry).to_message();
        };
        let property = match arrival.property {
            PropertyId::NONE => None,
            id => match peers(worker).references().find(id) {
                Some(property) => Some(property),
                None => return Failure::Refused(Refusal::NoProperty).to_message(),
            },
        };
        let visit = Visit {
            worker,
            property,
            args,
            from,
        };
        // What a visit does not contain itself are the drops of values.
        let served = catch_unwind(AssertUnwindSafe(|| entry.run(visit)));
        let served = served
            .unwrap_or_else(|payload| Served::Now(Err(Failure::from(Fault::Panicked(payload)))));
        let outcome = match served {
            Served::Later => return (Status::Later, Vec::new()),
            Served::Now(outcome) => outcome,
        };
        if !arrival.kind.is_post {
            return self.outcome_message(worker, from.node, outcome);
        }
        if let Err(Failure::Panicked(message)) = outcome {
            // Nobody awaits it.
            let payload: Payload = Box::new(message);
            worker.report(&payload);
        }
        (Status::Value { has_table: false }, Vec::new())
    }

    /// An outcome as it travels.
    pub(super) fn outcome_message(
        &self,
        worker: &Worker,
        to: u32,
        outcome: Outcome,
    ) -> (Status, Vec<u8>) {
        let parcel = match outcome {
            Ok(parcel) => parcel,
            Err(failure) => return failure.to_message(),
        };
        match self.pack(worker, to, &parcel.handles) {
            Ok(None) => (Status::Value { has_table: false }, parcel.bytes),
            Ok(Some(table)) => {
                let mut bytes = Vec::new();
                table.append_to(&mut bytes);
                bytes.extend_from_slice(&parcel.bytes);
                (Status::Value { has_table: true }, bytes)
            }
            Err(_) => Failure::Result.to_message(),
        }
    }

    fn respond(&self, node: u32, at: usize, response: (Status, Vec<u8>)) {
        let (status, bytes) = response;
        let mut route = self.route(node).borrow_mut();
        if let Some(pair) = route.pairs.get_mut(at) {
            let sent = pair.trustee.respond(status.to_byte(), bytes);
            assert!(sent.is_ok(), "no message is longer than a payload may be");
        }
    }

    /// Acts on a result that has come. Of nonsense, too, whoever waits for it hears.
    fn settle(
        &self,
        worker: &Worker,
        node: u32,
        note: Note,
        status: u8,
        bytes: &[u8],
    ) -> Result<(), Nonsense> {
        let status = Status::of_byte(status);
        let completion = match (note, status) {
            (Note::Now(completion, target), _) => {
                drop(target);
                completion
            }
            // As it says that there will be none, this is the outcome.
            (Note::Later(token), Ok(Status::Failure(_))) => {
                let late = self.late.borrow_mut().take(token, node);
                match late {
                    Some(late) => late.completion,
                    None => return Ok(()),
                }
            }
            (Note::Later(_), Ok(Status::Later)) => return Ok(()),
            (Note::Later(_), Ok(Status::Value { .. }) | Err(_)) => return Err(Nonsense("result")),
            (Note::Unread, _) => Completion::Posted,
        };
        match status.and_then(|status| unpacked(worker, node, status, bytes)) {
            Ok(Unpacked::Reply(reply)) => self.complete(worker, completion, reply),
            Ok(Unpacked::Waits(envelope, relatives, bytes)) => {
                let parked = Parked::Reply {
                    completion,
                    relatives,
                    bytes,
                };
                self.parked.borrow_mut().insert(envelope, parked);
            }
            Err(nonsense) => {
                let node = node as usize;
                self.complete(worker, completion, Err(CallError::Unknown { node }));
                return Err(nonsense);
            }
        }
        Ok(())
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
                completion,
                relatives,
                bytes,
            }) => {
                let parcel = parcel(worker, handles, &relatives, bytes);
                self.complete(worker, completion, Ok(parcel));
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
        let arrival = route.pairs[at].blocked.take();
        drop(route);
        let arrival = arrival.expect("what is parked is blocked");
        let from = ReplyTo {
            node,
            worker: u32::from(remote),
            token: arrival.token,
        };
        let response = self.run(worker, arrival, handles, from);
        self.respond(node, at, response);
        self.route(node).borrow_mut().is_dirty = true;
        self.set_dirty();
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
    Reply(Reply),
    /// Its trusts are not registered yet.
    Waits(Envelope, Vec<Relative>, Vec<u8>),
}

fn unpacked(
    worker: &Worker,
    node: u32,
    status: Status,
    mut bytes: &[u8],
) -> Result<Unpacked, Nonsense> {
    let reply = match status {
        Status::Value { has_table: false } => Ok(Parcel {
            bytes: bytes.to_vec(),
            handles: Vec::new(),
        }),
        Status::Value { has_table: true } => {
            let Table { header, relatives } = Table::take_from(&mut bytes, members(worker))?;
            let bytes = bytes.to_vec();
            match arrived(worker, node, header) {
                references::Arrival::Deliver(handles) => {
                    let parcel = parcel(worker, &handles, &relatives, bytes);
                    reach(Moment::After.of(Step::Deliver));
                    Ok(parcel)
                }
                references::Arrival::Wait(envelope) => {
                    return Ok(Unpacked::Waits(envelope, relatives, bytes));
                }
                references::Arrival::Refused => return Err(Nonsense("table of trusts")),
            }
        }
        Status::Later => return Err(Nonsense("result")),
        Status::Failure(kind) => Err(Failure::of_message(kind, bytes).into_error(node)),
    };
    Ok(Unpacked::Reply(reply))
}

fn members(worker: &Worker) -> &[Member] {
    worker.shared().rack().members()
}

fn parcel(
    worker: &Worker,
    handles: &[refs::Handle],
    relatives: &[Relative],
    bytes: Vec<u8>,
) -> Parcel {
    Parcel {
        handles: trusts(worker.shared(), handles, relatives),
        bytes,
    }
}

/// So many results, and so many calls, are taken from a link in one turn.
const RESULTS_PER_TURN: usize = 64;
const REQUESTS_PER_TURN: usize = 64;
