//! Large values are encoded and decoded on threads beside the workers, which meanwhile serve others:
//! 64 MiB take some tens of milliseconds.
//!
//! What is to come after such a value waits for it, and nothing else: calls of the same worker to the
//! same trustee (held.rs), the later requests of a link whose arguments are decoded or whose result
//! is encoded, and the later results of a link of which one is decoded.
//!
//! The threads are those of the crate `blocking`. They copy in parts of 64 KiB, between which
//! whoever else wants the processor may have it: else a worker that wakes up where there is no
//! core left would wait for some milliseconds, a time slice. Memory that was sent is let go of
//! there, too.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use gossamer_transport::rack::Payload;
use slab::Slab;

use crate::contain::contain;
use crate::rack::calls::Travels;
use crate::rack::codec::{self, Body, Opened, Parcel};
use crate::rack::entry::Decoded;
use crate::rack::envelope::Status;
use crate::rack::error::{CallError, Refusal};
use crate::rack::handles::Handle;
use crate::rack::route::{Arrival, Blocked};
use crate::rack::serve::Response;
use crate::rack::side::RackSide;
use crate::rack::visit::{Encodes, Failure, Outcome, Phase, ReplyTo, Site};
use crate::rack::visits::respond;
use crate::shared::Message;
use crate::unblock;
use crate::worker::Worker;

/// The large values of a worker that are on their way.
#[derive(Default)]
pub(crate) struct Large {
    count: Cell<u64>,
    /// Results that are being decoded.
    results: RefCell<Slab<Pending>>,
}

/// What decoding has given, if it has come to an end.
type Decoding = Option<Box<dyn Any + Send>>;

/// What is done with it.
type Then = Box<dyn FnOnce(&Worker, Decoding)>;

/// A result that is being decoded.
struct Pending {
    /// What is to be done with it; nothing comes if the worker ends before.
    then: Then,
    /// The link that takes no further results until then, by node and worker.
    paused: Option<(u32, u32)>,
}

impl Large {
    pub(super) fn next_number(&self) -> u64 {
        self.count.replace(self.count.get() + 1)
    }
}

/// Does something beside the workers, and then something with what came of it on this one, unless
/// it has ended meanwhile.
pub(super) fn beside<R: Send + 'static>(
    worker: &Worker,
    job: impl FnOnce() -> R + Send + 'static,
    then: impl FnOnce(&Worker, R) + Send + 'static,
) {
    let home = Arc::clone(&worker.shared().workers()[worker.index() as usize]);
    let task = unblock::beside(move || {
        let done = job();
        let settle = move |worker: &Worker| {
            contain(|| then(worker, done), |panic| worker.report(panic));
        };
        drop(home.send(Message::Settle(Box::new(settle))));
    });
    task.detach();
}

impl RackSide {
    /// Decodes the arguments of a call, and has it run then; an answer is there at once only if it
    /// cannot be run.
    pub(super) fn decode_arguments(
        &self,
        worker: &Worker,
        arrival: Arrival,
        mut handles: Vec<Handle>,
        from: ReplyTo,
    ) -> Response {
        let is_post = arrival.kind.is_post;
        let Some(entry) = self.words.entry(arrival.word) else {
            let refused = Failure::Refused(Refusal::NoEntry);
            return Some(self.answer_message(worker, from.node, is_post, Err(refused)));
        };
        let (property, body) = (arrival.property, arrival.body);
        let decode = move || entry.decode(&body, &mut handles);
        beside(
            worker,
            decode,
            move |worker, decoded: Result<Decoded, _>| {
                let Some(side) = worker.rack() else {
                    return;
                };
                let response = match decoded {
                    Ok(decoded) => {
                        let site = Site {
                            handles: Vec::new(),
                            answer: Parcel::default(),
                            phase: Phase::Running,
                            from,
                        };
                        side.visit(worker, site, (property, is_post), decoded)
                    }
                    Err(failure) => {
                        let failed = Err(failure);
                        Some(side.answer_message(worker, from.node, is_post, failed))
                    }
                };
                if let Some(response) = response {
                    side.respond_later(from, response);
                }
            },
        );
        None
    }

    /// Encodes the result of a call, which is answered then.
    pub(super) fn encode_result(
        &self,
        worker: &Worker,
        from: ReplyTo,
        is_post: bool,
        encode: Encodes<Outcome>,
    ) {
        beside(worker, encode, move |worker, outcome| {
            if let Some(side) = worker.rack() {
                let response = side.answer_message(worker, from.node, is_post, outcome);
                side.respond_later(from, response);
            }
        });
    }

    /// Answers the request at which a link is blocked, if its node is not lost.
    pub(super) fn respond_later(&self, from: ReplyTo, (status, payload): (Status, Payload)) {
        let mut route = self.route(from.node).borrow_mut();
        let Some(at) = route.place(from.worker) else {
            return;
        };
        let pair = &mut route.pairs[at];
        let Some(Blocked::Beside) = pair.blocked else {
            return;
        };
        pair.blocked = None;
        respond(pair.trustee(), status, payload);
        route.is_dirty = true;
        self.set_dirty();
    }

    /// Decodes a result; the later ones of its link wait for it.
    #[cold]
    pub(crate) fn decode_result<U: Travels>(
        &self,
        worker: &Worker,
        opened: Opened<'static>,
        then: impl FnOnce(&Worker, Result<U, CallError>) + 'static,
    ) {
        let Opened {
            node,
            body,
            mut handles,
        } = opened;
        let paused = match body {
            Body::Owned {
                link: Some(link), ..
            } => self.pause(link),
            _ => None,
        };
        let then = move |worker: &Worker, decoded: Decoding| {
            let decoded = decoded.and_then(|decoded| decoded.downcast().ok());
            let unknown = CallError::Unknown {
                node: node as usize,
            };
            then(worker, decoded.map_or(Err(unknown), |decoded| *decoded));
        };
        let number = self.large.results.borrow_mut().insert(Pending {
            then: Box::new(then),
            paused,
        });
        let decode = move || {
            let decoded = codec::decode_large::<U>(&body, &mut handles);
            decoded.map_err(|source| CallError::Result { source })
        };
        beside(worker, decode, move |worker, decoded| {
            if let Some(side) = worker.rack() {
                side.conclude(worker, number, decoded);
            }
        });
    }

    /// Has a link take no further results, and returns which, unless it takes none already.
    fn pause(&self, link: (u32, u32)) -> Option<(u32, u32)> {
        let mut route = self.route(link.0).borrow_mut();
        let at = route.place(link.1)?;
        route.pairs[at].client.pause().then_some(link)
    }

    /// The worker ends: no result is there any more.
    pub(super) fn end_results(&self, worker: &Worker) {
        let results = self.large.results.take();
        for (_, pending) in results {
            contain(
                || (pending.then)(worker, None),
                |panic| worker.report(panic),
            );
        }
    }

    fn conclude<U: Travels>(&self, worker: &Worker, number: usize, decoded: Result<U, CallError>) {
        let pending = self.large.results.borrow_mut().try_remove(number);
        let Some(Pending { then, paused, .. }) = pending else {
            return; // the worker ends, and whoever has waited knows
        };
        if let Some((node, remote)) = paused {
            let mut route = self.route(node).borrow_mut();
            if let Some(at) = route.place(remote) {
                route.pairs[at].client.resume();
            }
        }
        then(worker, Some(Box::new(decoded)));
    }
}
