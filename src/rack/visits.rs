//! A worker runs the requests that other nodes have sent: a batch at a time.
//!
//! Cost of a small one that is like the one before it, on the same property by the same closure: its
//! arguments, copied out of their slot with the whole batch; the result, encoded on the stack and
//! copied into the batch of results. Else a header, too, and its entry and its property, each
//! found by a comparison with that of a request before. No allocation, no lock, and no atomic
//! read-modify-write.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use gossamer_transport::rack::wire::Alike;
use gossamer_transport::rack::{Arrived, Payload, TrusteeLink};

use crate::contain::dispose;
use crate::rack::entry::{CallWord, Entry};
use crate::rack::envelope::{Kind, Nonsense, Status};
use crate::rack::error::Refusal;
use crate::rack::properties::Found;
use crate::rack::remote::PropertyId;
use crate::rack::route::{Arrival, Blocked};
use crate::rack::side::RackSide;
use crate::rack::visit::{Encodes, Failure, Outcome, Phase, ReplyTo, Served, Site};
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
        let mut site = self.site.take().unwrap_or_default();
        site.phase = Phase::Decoding;
        site.from = ReplyTo {
            node,
            worker: u32::from(remote),
            token: 0,
        };
        let mut visits = Visits {
            side: self,
            worker,
            site,
            property: (PropertyId::NONE, None),
            entry: (CallWord(0), None),
            is_post: false,
            blocked: None,
        };
        let before = link.served();
        let served = visits.serve(&mut link);
        let Visits {
            mut site, blocked, ..
        } = visits;
        let mut route = self.route(node).borrow_mut();
        let pair = &mut route.pairs[at];
        // What is blocked counts here.
        let count = link.served() - before + u64::from(link.is_due());
        worker.home().stats().add_served(count);
        pair.trustee = Some(link);
        if blocked.is_some() {
            pair.blocked = blocked;
        }
        route.publish_results(at); // before all that nobody waits for
        drop(route);
        site.answer.clear(); // what a panic has left there: trusts, perhaps
        self.site.set(Some(site));
        served.map(|()| count > 0)
    }
}

/// The requests of a batch on one link, one after the other.
struct Visits<'a> {
    side: &'a RackSide,
    worker: &'a Worker,
    /// Of calls that have no trusts in their arguments.
    site: Box<Site>,
    /// Those of the request before, which are mostly those of the next: that of no property and
    /// that of no entry to begin with.
    property: (PropertyId, Option<Found>),
    entry: (CallWord, Option<&'static Entry>),
    /// Whether nobody looks at the result of the request at hand.
    is_post: bool,
    /// The request that is not answered yet, and why.
    blocked: Option<Blocked>,
}

impl Visits<'_> {
    /// Serves what has come of a batch. A panic ends only the request that it comes of.
    fn serve(&mut self, link: &mut TrusteeLink) -> Result<(), Nonsense> {
        loop {
            let some = || self.serve_some(link);
            let payload = match catch_unwind(AssertUnwindSafe(some)) {
                Ok(served) => return served,
                Err(payload) => payload,
            };
            if link.is_due() {
                let failure = self.site.phase.failure(payload);
                self.respond_otherwise(link, Err(failure));
            } else {
                self.worker.report(&payload);
                dispose(payload);
            }
        }
    }

    /// Serves until a request panics.
    #[inline(always)]
    fn serve_some(&mut self, link: &mut TrusteeLink) -> Result<(), Nonsense> {
        loop {
            let alike = link.poll_alike();
            let Some(alike) = alike.map_err(|_| Nonsense("batch of requests"))? else {
                if !self.serve_long(link)? {
                    return Ok(());
                }
                continue;
            };
            if !matches!(alike.kind, CALL | POST) {
                let arrival = take_one(link, alike)?;
                if !self.serve_otherwise(link, arrival)? {
                    return Ok(());
                }
                continue;
            }
            self.is_post = alike.kind == POST;
            let served = match self.find(&alike) {
                Ok(entry) => {
                    let property = self.property.1.as_deref();
                    entry.run_alike(self.worker, &mut self.site, property, link, self.is_post)
                }
                Err(failure) => {
                    link.serve_alike().take();
                    Served::Failed(failure)
                }
            };
            if link.is_due() && !self.answer_otherwise(link, served) || link.is_complete() {
                return Ok(());
            }
        }
    }

    /// Answers a request whose result is none that is small and plain; whether others behind it may
    /// be served.
    #[cold]
    fn answer_otherwise(&mut self, link: &mut TrusteeLink, served: Served) -> bool {
        match served {
            Served::Now => {
                let answer = std::mem::take(&mut self.site.answer);
                self.respond_otherwise(link, Ok(answer));
            }
            Served::Failed(failure) => self.respond_otherwise(link, Err(failure)),
            Served::Later => respond(link, Status::Later, Payload::default()),
            Served::Large(encode) => {
                self.encode(encode);
                return false;
            }
        }
        true
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
        let ReplyTo { node, worker, .. } = self.site.from;
        let (side, from) = (self.side, (node, worker as u16));
        let response = side.take(self.worker, from, arrival, &mut self.blocked)?;
        let is_served = response.is_some();
        match response {
            Some((status, payload)) => respond(link, status, payload),
            None => self.blocked = self.blocked.take().or(Some(Blocked::Beside)),
        }
        Ok(is_served)
    }

    /// What runs calls that have nothing but arguments; what they are on is `property` then.
    #[inline(always)]
    fn find(&mut self, alike: &Alike) -> Result<&'static Entry, Failure> {
        let id = PropertyId {
            index: alike.property.index,
            generation: alike.property.generation,
        };
        if self.property.0 != id {
            let found = self.side.property(self.worker, id)?;
            self.property = (id, found);
        }
        let word = CallWord(alike.call);
        if self.entry.0 != word {
            self.entry = (word, self.side.words.entry(word));
        }
        self.entry.1.ok_or(Failure::Refused(Refusal::NoEntry))
    }

    /// Has a result encoded, and answers then.
    #[cold]
    fn encode(&mut self, encode: Encodes<Outcome>) {
        self.side
            .encode_result(self.worker, self.site.from, self.is_post, encode);
        self.blocked = Some(Blocked::Beside);
    }

    #[cold]
    fn respond_otherwise(&mut self, link: &mut TrusteeLink, outcome: Outcome) {
        let (side, to) = (self.side, self.site.from.node);
        let (status, payload) = side.answer_message(self.worker, to, self.is_post, outcome);
        respond(link, status, payload);
    }
}

#[inline(never)]
pub(super) fn respond(link: &mut TrusteeLink, status: Status, payload: Payload) {
    let sent = link.respond_parts(status.to_byte(), payload);
    assert!(sent.is_ok(), "no message is longer than a payload may be");
}

/// The next request alone.
#[cold]
fn take_one(link: &mut TrusteeLink, alike: Alike) -> Result<Arrival, Nonsense> {
    let Alike {
        call,
        property,
        kind,
    } = alike;
    let mut serving = link.serve_alike();
    let payload = serving.take().expect("one was polled");
    Arrival::of(Arrived {
        call,
        property,
        kind,
        payload: Cow::Borrowed(payload),
    })
}

/// The kinds of calls with nothing but arguments.
const CALL: u8 = Kind::CALL.to_bits();
const POST: u8 = Kind::POST.to_bits();
