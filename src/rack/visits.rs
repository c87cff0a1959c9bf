//! A worker runs the requests that other nodes have sent: a batch at a time.
//!
//! Cost of a small one: a header of 8 bytes and its arguments, copied out of their slot with the
//! whole batch; its entry and its property, each found by a comparison with that of a request
//! before; the result, put together in a buffer and copied into the batch of results. No
//! allocation, no lock, and no atomic read-modify-write.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use gossamer_transport::rack::wire::INLINE_BYTES_MAX;
use gossamer_transport::rack::{InlineRequest, Payload, TrusteeLink};

use crate::contain::dispose;
use crate::rack::codec::Parcel;
use crate::rack::entry::{CallWord, Entry};
use crate::rack::envelope::{Kind, Nonsense, Status};
use crate::rack::error::Refusal;
use crate::rack::handles::Handle;
use crate::rack::properties::Found;
use crate::rack::remote::PropertyId;
use crate::rack::route::{Arrival, Blocked};
use crate::rack::side::RackSide;
use crate::rack::visit::{Encodes, Failure, Outcome, Phase, ReplyTo, Served, Visit};
use crate::worker::Worker;

impl RackSide {
    /// Runs the requests of a batch, as far as they have come.
    #[inline(never)] // so that a turn without requests stays short
    pub(super) fn serve(&self, worker: &Worker, node: u32, at: usize) -> Result<bool, Nonsense> {
        let mut route = self.route(node).borrow_mut();
        route.prepare_results(at);
        let pair = &mut route.pairs[at];
        let remote = pair.remote;
        let mut link = pair.trustee.take().expect("a turn is not nested");
        drop(route);
        let mut visits = Visits {
            side: self,
            worker,
            node,
            remote,
            answer: self.answer.take(),
            handles: Vec::new(),
            property: None,
            entry: None,
            phase: Cell::new(Phase::Decoding),
            served: 0,
            blocked: None,
        };
        let served = visits.serve(&mut link);
        let Visits {
            answer,
            served: count,
            blocked,
            ..
        } = visits;
        self.answer.set(answer);
        worker.home().stats().add_served(u64::from(count));
        let mut route = self.route(node).borrow_mut();
        let pair = &mut route.pairs[at];
        pair.trustee = Some(link);
        pair.blocked = blocked;
        route.publish_results(at);
        served.map(|()| count > 0)
    }
}

/// The requests of a batch on one link, one after the other.
struct Visits<'a> {
    side: &'a RackSide,
    worker: &'a Worker,
    node: u32,
    remote: u16,
    /// Where results are put together.
    answer: Parcel,
    /// The trusts in the arguments of a call that has none.
    handles: Vec<Handle>,
    /// Those of the request before, which are mostly those of the next.
    property: Option<(PropertyId, Found)>,
    entry: Option<(CallWord, &'static Entry)>,
    phase: Cell<Phase>,
    served: u32,
    /// The request that is not answered yet, and why.
    blocked: Option<Blocked>,
}

impl Visits<'_> {
    /// Serves what has come of a batch. A panic ends only the request that it comes of.
    fn serve(&mut self, link: &mut TrusteeLink) -> Result<(), Nonsense> {
        loop {
            let mut is_post = false;
            let some = || self.serve_some(link, &mut is_post);
            let payload = match catch_unwind(AssertUnwindSafe(some)) {
                Ok(served) => return served,
                Err(payload) => payload,
            };
            if link.is_due() {
                let failure = self.phase.get().failure(payload);
                self.respond_otherwise(link, is_post, Err(failure));
            } else {
                self.worker.report(&payload);
                dispose(payload);
            }
        }
    }

    /// Serves until a request panics.
    #[inline(always)]
    fn serve_some(&mut self, link: &mut TrusteeLink, is_post: &mut bool) -> Result<(), Nonsense> {
        while self.served < REQUESTS_PER_TURN {
            let request = link.poll_inline();
            let request = request.map_err(|_| Nonsense("batch of requests"))?;
            let served = match request {
                Some(request) if request.kind == CALL || request.kind == POST => {
                    *is_post = request.kind == POST;
                    self.visit(&request)
                }
                Some(request) => {
                    let arrival = Arrival::of(request.into())?;
                    if !self.serve_otherwise(link, arrival)? {
                        break;
                    }
                    continue;
                }
                None => {
                    if !self.serve_long(link)? {
                        break;
                    }
                    continue;
                }
            };
            self.served += 1;
            match served {
                Served::Now if !*is_post && self.answer.handles.is_empty() => {
                    let bytes = &mut self.answer.bytes;
                    match bytes.len() > INLINE_BYTES_MAX {
                        true => respond(link, PLAIN, std::mem::take(bytes).into()),
                        false => link.respond_inline(PLAIN.to_byte(), bytes),
                    }
                }
                Served::Now => {
                    let answer = std::mem::take(&mut self.answer);
                    self.respond_otherwise(link, *is_post, Ok(answer));
                }
                Served::Failed(failure) => self.respond_otherwise(link, *is_post, Err(failure)),
                Served::Later => respond(link, Status::Later, Payload::default()),
                Served::Large(encode) => {
                    self.encode(*is_post, encode);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Serves a request that did not fit into its slot, if there is one and all of it has come.
    #[cold]
    fn serve_long(&mut self, link: &mut TrusteeLink) -> Result<bool, Nonsense> {
        let request = link.poll_request();
        let request = request.map_err(|_| Nonsense("batch of requests"))?;
        match request {
            Some(request) => {
                let arrival = Arrival::of(request)?;
                self.serve_otherwise(link, arrival)
            }
            None => Ok(false),
        }
    }

    /// Serves a request of any kind; whether others behind it may be served.
    #[cold]
    fn serve_otherwise(
        &mut self,
        link: &mut TrusteeLink,
        arrival: Arrival,
    ) -> Result<bool, Nonsense> {
        self.served += 1;
        let from = (self.node, self.remote);
        let side = self.side;
        let response = side.take(self.worker, from, arrival, &mut self.blocked)?;
        let is_served = response.is_some();
        match response {
            Some((status, payload)) => respond(link, status, payload),
            None => self.blocked = self.blocked.take().or(Some(Blocked::Beside)),
        }
        Ok(is_served)
    }

    /// Runs a call that has nothing but arguments; foreign code.
    #[inline(always)]
    fn visit(&mut self, request: &InlineRequest<'_>) -> Served {
        self.phase.set(Phase::Decoding);
        let id = PropertyId {
            index: request.property.index,
            generation: request.property.generation,
        };
        if self.property.as_ref().is_none_or(|(known, _)| *known != id) {
            match self.side.property(self.worker, id) {
                Ok(found) => self.property = found.map(|found| (id, found)),
                Err(failure) => return Served::Failed(failure),
            }
        }
        let word = CallWord(request.call);
        let entry = match self.entry {
            Some((known, entry)) if known == word => entry,
            _ => match self.side.words.entry(word) {
                Some(entry) => self.entry.insert((word, entry)).1,
                None => return Served::Failed(Failure::Refused(Refusal::NoEntry)),
            },
        };
        let from = self.from();
        entry.run(&mut Visit {
            worker: self.worker,
            property: self.property.as_ref().map(|(_, found)| &**found),
            args: request.payload,
            handles: &mut self.handles,
            answer: &mut self.answer,
            phase: &self.phase,
            from,
        })
    }

    /// Has a result encoded, and answers then.
    #[cold]
    fn encode(&mut self, is_post: bool, encode: Encodes<Outcome>) {
        let from = self.from();
        self.side.encode_result(self.worker, from, is_post, encode);
        self.blocked = Some(Blocked::Beside);
    }

    #[inline(always)]
    fn from(&self) -> ReplyTo {
        ReplyTo {
            node: self.node,
            worker: u32::from(self.remote),
            token: 0,
        }
    }

    #[cold]
    fn respond_otherwise(&mut self, link: &mut TrusteeLink, is_post: bool, outcome: Outcome) {
        let side = self.side;
        let (status, payload) = side.answer_message(self.worker, self.node, is_post, outcome);
        respond(link, status, payload);
    }
}

#[inline(never)]
pub(super) fn respond(link: &mut TrusteeLink, status: Status, payload: Payload) {
    let sent = link.respond_parts(status.to_byte(), payload);
    assert!(sent.is_ok(), "no message is longer than a payload may be");
}

/// A value and nothing else.
const PLAIN: Status = Status::Value { has_table: false };
/// So many calls are taken from a link in one turn.
const REQUESTS_PER_TURN: u32 = 64;
/// The kinds of calls with nothing but arguments.
const CALL: u8 = Kind::CALL.to_bits();
const POST: u8 = Kind::POST.to_bits();
