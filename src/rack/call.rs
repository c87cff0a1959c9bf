//! The future of a call to another node.
//!
//! ```text
//! Unissued ── first poll ──┬─ on a worker of the runtime: Issued ── result ─► Finished
//!     │                    │     └─ polled on another thread: Mailed
//!     │ drop: never runs   └─ anywhere else: Mailed ─────────────── result ─► Finished
//!     ▼
//! ```
//!
//! As for a plain delegation, what is awaited is an entry of the issuing worker's table, and the
//! result is decoded into it where its bytes came to lie.
//!
//! Cost of a call with a small argument and result, on this side: the argument is encoded on the
//! stack and copied into the batch, alone if the call is like the one before it, else with 8 bytes
//! of header above it (16 when the property changes); a note of 32 bytes and an entry of 32, memory
//! of this worker that stays in its cache; on the way back the result, with 8 bytes of header unless
//! it is like the one before it. No allocation, no lock, and no atomic read-modify-write: who has
//! used the trust is one bit of it, set once, and what is under way keeps the property by its place
//! in the order of the link, see [`Remote`]'s drop.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::channel::oneshot;
use futures::future::BoxFuture;

use crate::delegation::{abandon_issued, settle};
use crate::error::{Fault, Outcome};
use crate::mail::mail_from;
use crate::rack::calls::Travels;
use crate::rack::codec::{self, Body, CodecError, Opened};
use crate::rack::continuation::Continuation;
use crate::rack::entry::Visits;
use crate::rack::error::{CallError, NotExecuted};
use crate::rack::outbound::{Answers, Arguments, Outbound, encode_small};
use crate::rack::remote::Remote;
use crate::rack::route::Note;
use crate::rack::target::Buffer;
use crate::rack::visit::{Reply, Returned};
use crate::shared::{Message, Shared};
use crate::worker::Worker;

/// A call of kind `V` with the closure `F`, which the caller has in hand.
#[must_use = "a call does nothing until it is awaited"]
pub(crate) struct Call<'a, V, F, A, U: 'static> {
    remote: &'a Arc<Remote>,
    /// Present while unissued.
    args: Option<A>,
    progress: Progress,
    mailbox: Option<BoxFuture<'static, Result<U, CallError>>>,
    kind: PhantomData<fn(V, F)>,
}

/// What comes of a call; the error in a box, so that a small result comes in registers.
pub(crate) type CallResult<U> = Result<U, Box<CallError>>;

/// How far a call is that has no arguments any more.
#[derive(Clone, Copy)]
enum Progress {
    /// Or not begun, if there are arguments.
    Finished,
    /// Worker `issuer` holds it at `entry` of its table.
    Issued {
        issuer: u32,
        entry: u32,
    },
    Mailed,
}

impl<'a, V: Visits, F: 'static, A: Travels, U: Travels> Call<'a, V, F, A, U> {
    #[inline(always)]
    pub(crate) fn new(remote: &'a Arc<Remote>, args: A) -> Self {
        Self {
            remote,
            args: Some(args),
            progress: Progress::Finished,
            mailbox: None,
            kind: PhantomData,
        }
    }

    #[inline(always)]
    fn issue(&mut self, worker: &Worker, args: A, cx: &Context<'_>) -> Poll<CallResult<U>> {
        let Some(side) = worker.rack().filter(|_| !worker.client.is_closed()) else {
            let closed = CallError::NotExecuted(NotExecuted::Closed);
            return Poll::Ready(Err(closed.into()));
        };
        side.prepare(self.remote.home());
        let question = self.remote.question::<V, F, U>(side, Answers::Now)?;
        self.remote.set_used_by(worker);
        let mut buffer = Buffer::default();
        match encode_small(args, &mut buffer)? {
            Arguments::Small(bytes) => {
                let entry = self.enter(worker, cx);
                side.issue(worker, question, bytes, || Note::Now(finishes::<U>(entry)));
            }
            Arguments::Other(load) => {
                let then = finishes::<U>(self.enter(worker, cx));
                side.issue_load(worker, question, load, Some(then));
            }
        }
        Poll::Pending
    }

    /// Makes the entry of a call that is about to be issued.
    #[inline(always)]
    fn enter(&mut self, worker: &Worker, cx: &Context<'_>) -> u32 {
        let entry = worker.client.pending().insert::<U>(cx.waker().clone());
        self.progress = Progress::Issued {
            issuer: worker.index(),
            entry,
        };
        entry
    }

    /// The poll of a thread that no table can wake: from here on the outcome comes by a channel.
    #[cold]
    fn poll_elsewhere(&mut self, cx: &mut Context<'_>) -> Poll<CallResult<U>> {
        let mut mailbox = match self.mailbox.take() {
            Some(mailbox) => mailbox,
            None => self.mail()?,
        };
        let Poll::Ready(outcome) = mailbox.as_mut().poll(cx) else {
            self.mailbox = Some(mailbox);
            return Poll::Pending;
        };
        self.progress = Progress::Finished;
        Poll::Ready(outcome.map_err(Box::new))
    }

    fn mail(&mut self) -> Result<BoxFuture<'static, Result<U, CallError>>, CallError> {
        let progress = std::mem::replace(&mut self.progress, Progress::Mailed);
        if let Some(args) = self.args.take() {
            let outbound = self.remote.outbound::<V, F, A, U>(Answers::Now, args);
            let shared = self.remote.shared();
            return Ok(Box::pin(ask(shared, outbound?)));
        }
        let Progress::Issued { issuer, entry } = progress else {
            self.progress = Progress::Finished;
            panic!("a call was polled after it had finished");
        };
        let shared = Arc::clone(self.remote.shared());
        let (sender, mail) = mail_from::<Outcome<U>>(Some(Arc::clone(&shared)), issuer);
        settle(Some(shared), issuer, move |worker| {
            let redirect = move |outcome| sender.send(outcome);
            let pending = worker.client.pending();
            pending.redirect::<U>(entry, Box::new(redirect));
        });
        let node = self.remote.home().node;
        let outcome = async move { error_of(mail.await.unwrap_or(Err(Fault::Closed)), node) };
        Ok(Box::pin(outcome))
    }
}

impl<V: Visits, F: 'static, A: Travels, U: Travels> Future for Call<'_, V, F, A, U> {
    type Output = CallResult<U>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        Worker::with_runtime(this.remote.runtime(), |worker| {
            let Some(worker) = worker else {
                return this.poll_elsewhere(cx);
            };
            if let Some(args) = this.args.take() {
                return this.issue(worker, args, cx);
            }
            let Progress::Issued { issuer, entry } = this.progress else {
                return this.poll_elsewhere(cx);
            };
            if issuer != worker.index() {
                return this.poll_elsewhere(cx);
            }
            let pending = worker.client.pending();
            let outcome = match pending.take::<U>(entry) {
                Some(result) => Ok(result),
                None => {
                    let outcome = ready!(pending.poll_not_done::<U>(entry, cx));
                    error_of(outcome, this.remote.home().node).map_err(Box::new)
                }
            };
            this.progress = Progress::Finished;
            Poll::Ready(outcome)
        })
    }
}

// Nothing in it is ever pinned: the arguments are moved, not polled.
impl<V, F, A, U> Unpin for Call<'_, V, F, A, U> {}

impl<V, F, A, U> Drop for Call<'_, V, F, A, U> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Progress::Issued { issuer, entry } = self.progress {
            let remote = self.remote;
            let runtime = (remote.runtime(), || Some(Arc::clone(remote.shared())));
            abandon_issued::<U>(runtime, (issuer, entry));
        }
    }
}

/// What is to be done with the reply to a call that a future awaits.
#[inline(always)]
fn finishes<U: Travels>(entry: u32) -> Continuation {
    Continuation::new(move |worker: &Worker, returned: Returned<'_, '_>| {
        finish::<U>(worker, entry, returned);
    })
}

/// Acts on the reply to a call that a future awaits; foreign code.
#[inline(always)]
fn finish<U: Travels>(worker: &Worker, entry: u32, returned: Returned<'_, '_>) {
    let bytes = match returned {
        Returned::Plain(bytes) => bytes,
        Returned::Other(reply) => return finish_other::<U>(worker, entry, reply),
    };
    let fails = FailsOnUnwind::<U>(worker, entry, PhantomData);
    let decoded = codec::decode_plain(bytes);
    std::mem::forget(fails);
    match decoded {
        Ok(result) => conclude::<U>(worker, entry, Ok(result)),
        Err(source) => conclude::<U>(worker, entry, Err(CallError::Result { source })),
    }
}

#[cold]
fn finish_other<U: Travels>(worker: &Worker, entry: u32, reply: &mut Reply<'_>) {
    if let Some(large) = take_large(reply) {
        return decode_large(worker, large, move |worker, decoded| {
            conclude::<U>(worker, entry, decoded);
        });
    }
    let fails = FailsOnUnwind::<U>(worker, entry, PhantomData);
    let decoded = decoded_other(reply);
    std::mem::forget(fails);
    conclude::<U>(worker, entry, decoded);
}

#[inline(always)]
fn conclude<U: Travels>(worker: &Worker, entry: u32, decoded: Result<U, CallError>) {
    let pending = worker.client.pending();
    match decoded {
        Ok(result) => pending.finish(&worker.client, entry, result),
        Err(error) => pending.fail::<U>(&worker.client, entry, fault(error)),
    }
}

/// A `Deserialize` that panics leaves nobody waiting.
struct FailsOnUnwind<'a, U: 'static>(&'a Worker, u32, PhantomData<U>);

impl<U: 'static> Drop for FailsOnUnwind<'_, U> {
    fn drop(&mut self) {
        let Self(worker, entry, _) = *self;
        let source = CodecError::decode_panicked();
        let fault = fault(CallError::Result { source });
        worker.client.queue_wakes(true); // no task is polled in an unwind
        let pending = worker.client.pending();
        pending.fail::<U>(&worker.client, entry, fault);
    }
}

/// As a table holds it: as the payload of a panic.
#[cold]
fn fault(error: CallError) -> Fault {
    Fault::Panicked(Box::new(error))
}

/// What a table has held.
#[cold]
fn error_of<U>(outcome: Outcome<U>, node: u32) -> Result<U, CallError> {
    let node = node as usize;
    outcome.map_err(|fault| match fault {
        Fault::Panicked(payload) => match payload.downcast::<CallError>() {
            Ok(error) => *error,
            Err(payload) => CallError::Panicked(crate::error::Panic::new(payload)),
        },
        // Nobody tells if the runtime has gone.
        Fault::Closed => CallError::Unknown { node },
    })
}

/// Decodes the result of a reply, and goes on with it: at once, unless it is large. Runs foreign
/// code.
#[inline(always)]
pub(crate) fn decode_then<U, G>(worker: &Worker, returned: Returned<'_, '_>, then: G)
where
    U: Travels,
    G: FnOnce(&Worker, Result<U, CallError>) + 'static,
{
    match returned {
        // Each way has its own copy of `then`, so that a result goes into it in registers.
        Returned::Plain(bytes) => match codec::decode_plain(bytes) {
            Ok(result) => then(worker, Ok(result)),
            Err(source) => then(worker, Err(CallError::Result { source })),
        },
        Returned::Other(reply) => match take_large(reply) {
            Some(large) => decode_large(worker, large, then),
            None => then(worker, decoded_other(reply)),
        },
    }
}

#[cold]
fn decoded_other<U: Travels>(reply: &mut Reply<'_>) -> Result<U, CallError> {
    match reply {
        Ok(Opened { body, handles, .. }) => {
            codec::decode(body, handles).map_err(|source| CallError::Result { source })
        }
        Err(_) => Err(taken(reply)),
    }
}

/// Takes a reply with a large value.
#[cold]
fn take_large(reply: &mut Reply<'_>) -> Option<Opened<'static>> {
    let opened = reply.as_mut().ok().filter(|opened| opened.body.is_large());
    opened.map(Opened::take)
}

#[cold]
fn decode_large<U: Travels>(
    worker: &Worker,
    large: Opened<'static>,
    then: impl FnOnce(&Worker, Result<U, CallError>) + 'static,
) {
    let side = worker.rack().expect("another node has answered");
    side.decode_result(worker, large, then);
}

/// The error of a reply that is one; what is left is a reply without a value.
#[cold]
fn taken(reply: &mut Reply<'_>) -> CallError {
    let empty = Opened {
        node: 0,
        body: Body::Lent(&[]),
        handles: Vec::new(),
    };
    let taken = std::mem::replace(reply, Ok(empty));
    taken.expect_err("the caller looked")
}

/// Issues a call at once, from wherever this thread is, and awaits its outcome.
pub(crate) fn ask<U: Travels>(
    shared: &Arc<Shared>,
    outbound: Outbound,
) -> impl Future<Output = Result<U, CallError>> + Send + use<U> {
    let node = outbound.question.to.node as usize;
    let (sender, receiver) = oneshot::channel();
    issue(shared, outbound, move || {
        let send = move |_: &Worker, returned: Returned<'_, '_>| {
            let reply = match returned {
                Returned::Plain(bytes) => Ok(Opened {
                    node: node as u32,
                    body: Body::of(bytes.to_vec()),
                    handles: Vec::new(),
                }),
                Returned::Other(Ok(opened)) => Ok(opened.take()),
                Returned::Other(reply) => Err(taken(reply)),
            };
            // Who is gone needs no answer.
            drop(sender.send(reply));
        };
        Some(Continuation::new(send))
    });
    async move {
        // Nobody sends if the runtime has gone.
        let reply = receiver.await.unwrap_or(Err(CallError::Unknown { node }));
        let Opened {
            body, mut handles, ..
        } = reply?;
        let decoded = match body.is_large() {
            true => crate::unblock::unblock(move || codec::decode_large(&body, &mut handles)).await,
            false => codec::decode_contained(&body, &mut handles),
        };
        decoded.map_err(|source| CallError::Result { source })
    }
}

/// Issues a call from wherever this thread is; what is then to be done is made on the worker.
pub(crate) fn issue(
    shared: &Arc<Shared>,
    outbound: Outbound,
    then: impl FnOnce() -> Option<Continuation> + Send + 'static,
) {
    Worker::with_runtime(shared.id(), |worker| {
        if let Some(worker) = worker {
            return worker.rack_issue(outbound, then());
        }
        // All of one thread's for one trustee by one worker: that keeps their order.
        let workers = shared.workers();
        let by = &workers[outbound.question.to.worker as usize % workers.len()];
        let issue = move |worker: &Worker| worker.rack_issue(outbound, then());
        // If the worker has ended, the message and with it the sender is dropped.
        drop(by.send(Message::Settle(Box::new(issue))));
    });
}
