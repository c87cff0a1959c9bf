//! What a worker does with a request that has come from another node.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gossamer_transport::rack::Payload;

use crate::error;
use crate::rack::codec::Parcel;
use crate::rack::envelope::{Class, Nonsense, Status, Table, control_of, take_token};
use crate::rack::error::Refusal;
use crate::rack::failpoints::reach;
use crate::rack::parked::{Parked, arrived, members};
use crate::rack::properties::Found;
use crate::rack::references::{self, trusts};
use crate::rack::refs::{self, Event, Moment, Step};
use crate::rack::remote::PropertyId;
use crate::rack::route::{Arrival, Blocked, Note};
use crate::rack::side::{RackSide, peers, prefixed};
use crate::rack::typed::Typed;
use crate::rack::visit::{Failure, Outcome, Phase, ReplyTo, Served, Site, Visit};
use crate::worker::Worker;

/// What is answered to a request: at once, or when its trusts are registered, or when something
/// large of it is encoded or decoded.
pub(super) type Response = Option<(Status, Payload)>;

impl RackSide {
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
    pub(super) fn run(
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
}
