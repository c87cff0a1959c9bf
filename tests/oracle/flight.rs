//! A delegation in the hands of a program: polled, moved, dropped or forgotten in every state.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures::future::FusedFuture;
use gossamer::ApplyError;

use crate::answer::{Answer, Cargo};
use crate::coverage::{Situation, reached};
use crate::held::{Counted, Held};
use crate::job::Job;
use crate::listener::Listener;
use crate::log::WORKERS;
use crate::request::{Bang, End, Ending, Request, Stage, Thrown};
use crate::thread::Thread;

pub(crate) struct Flight {
    request: Arc<Request>,
    stage: Stage,
    future: Option<Awaited>,
    /// Who is woken since the last poll.
    listener: Option<Arc<Listener>>,
}

/// What a delegation ends in.
pub(crate) enum Landing {
    Value(Option<Held>),
    Panicked,
    Closed,
}

/// Which call of the library it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Borrowed,
    Owned,
    Tried,
}

type Awaited = Pin<Box<dyn Future<Output = Outcome> + Send>>;
type Outcome = Result<Option<Held>, Failure>;

enum Failure {
    Panicked(Box<dyn Any + Send>),
    Closed,
}

impl Flight {
    pub(crate) fn new<C: Cargo, R: Cargo>(call: Call, held: Held, job: Job) -> Self {
        let request = Arc::clone(job.request());
        let closure = job.closure::<C, R>();
        let future: Awaited = match call {
            Call::Borrowed => Box::pin(async move { Ok(held.trust().apply(closure).await.open()) }),
            Call::Owned => {
                let (trust, _count) = held.into_parts();
                Box::pin(Owned {
                    _count,
                    delegation: trust.apply_owned(closure),
                })
            }
            Call::Tried => Box::pin(async move {
                match held.trust().try_apply(closure).await {
                    Ok(answer) => Ok(answer.open()),
                    Err(ApplyError::Panicked(panic)) => {
                        Err(Failure::Panicked(panic.into_payload()))
                    }
                    Err(ApplyError::Closed) => Err(Failure::Closed),
                    Err(error) => panic!("{error}"),
                }
            }),
        };
        Self {
            request,
            stage: Stage::Unpolled,
            future: Some(future),
            listener: None,
        }
    }

    pub(crate) fn request(&self) -> &Arc<Request> {
        &self.request
    }

    pub(crate) fn is_polled(&self) -> bool {
        self.stage != Stage::Unpolled
    }

    /// Polls it, with another waker than before if it `is_fresh`, which also wakes `outer`.
    pub(crate) fn poll(&mut self, is_fresh: bool, outer: Option<&Waker>) -> Poll<Landing> {
        let log = Arc::clone(&self.request.property.log);
        let actor = log.actor().expect("actors poll");
        let is_first = self.depart(actor);
        // The issuer wakes whoever polled last there, as soon as the result is there and no sooner.
        let last = self
            .listener
            .as_ref()
            .filter(|_| matches!(self.stage, Stage::Issued(_)));
        let was_woken = last.map(|last| last.is_woken());
        let waker = Waker::from(self.listener(is_fresh || outer.is_some(), outer));
        let future = self.future.as_mut().expect("present until it has landed");
        let mut context = Context::from_waker(&waker);
        let mut poll = || catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)));
        let polled = if is_first {
            self.request.issue(poll)
        } else {
            poll()
        };
        let is_ready = !matches!(polled, Ok(Poll::Pending));
        if was_woken.is_some_and(|was_woken| was_woken != is_ready) {
            let number = self.request.number;
            log.fault(format_args!(
                "{number} is ready: {is_ready}; was woken: {was_woken:?}"
            ));
        }
        let outcome = match polled {
            Ok(poll) => ready!(poll),
            Err(payload) if self.has_value() && payload.is::<Bang>() => Ok(None),
            // What is refused is dropped in the hands of whoever polls.
            Err(payload) if self.is_refused() && payload.is::<Bang>() => Err(Failure::Closed),
            Err(payload) => Err(Failure::of(payload)),
        };
        // Owned by the program now, so its panics are its own.
        drop(catch_unwind(AssertUnwindSafe(|| drop(self.future.take()))));
        self.stage = Stage::Landed;
        let landing = self.land(outcome);
        if is_first && !matches!(landing, Landing::Closed) {
            reached(Situation::Inline);
        }
        Poll::Ready(landing)
    }

    /// Forgets it, and what it holds.
    pub(crate) fn forget(mut self) {
        reached(match self.stage {
            Stage::Unpolled => Situation::ForgetUnpolled,
            Stage::Issued(_) => Situation::ForgetIssued,
            Stage::Mailed => Situation::ForgetMailed,
            Stage::Landed => return,
        });
        self.request.life().end = End::Forgotten { stage: self.stage };
        if self.stage == Stage::Unpolled {
            self.request.leak();
        }
        let future = self.future.take();
        self.request.property.log.forget(future);
    }

    /// Moves the stage on by a poll of `actor`; true if that issues the request.
    fn depart(&mut self, actor: usize) -> bool {
        match self.stage {
            Stage::Unpolled if actor < WORKERS => self.stage = Stage::Issued(actor),
            Stage::Unpolled => self.stage = Stage::Mailed,
            Stage::Issued(issuer) if issuer != actor => {
                let mut life = self.request.life();
                life.is_redirected = true;
                reached(match life.is_done {
                    true => Situation::RedirectAfterResult,
                    false => Situation::RedirectBeforeResult,
                });
                self.stage = Stage::Mailed;
                return false;
            }
            Stage::Issued(_) | Stage::Mailed => return false,
            Stage::Landed => unreachable!("a program lets go of what has landed"),
        }
        true
    }

    /// The listener of the last poll, or another one.
    fn listener(&mut self, is_fresh: bool, outer: Option<&Waker>) -> Arc<Listener> {
        let is_mailed = self.stage == Stage::Mailed;
        let last = self
            .listener
            .take()
            .filter(|last| !is_fresh && last.is_mailed() == is_mailed);
        let listener =
            last.unwrap_or_else(|| Listener::new(&self.request, is_mailed, outer.cloned()));
        self.listener = Some(Arc::clone(&listener));
        listener
    }

    fn has_value(&self) -> bool {
        matches!(self.request.life().end, End::Value { .. })
    }

    fn is_refused(&self) -> bool {
        self.request.property.log.has_begun() && self.request.life().runs == 0
    }

    fn land(&self, outcome: Outcome) -> Landing {
        let (request, log) = (&self.request, &self.request.property.log);
        match outcome {
            Ok(held) => Landing::Value(held),
            Err(Failure::Closed) => {
                if !log.has_begun() {
                    log.fault(format_args!(
                        "{} closed before the shutdown",
                        request.number
                    ));
                }
                request.life().end = End::Closed;
                Landing::Closed
            }
            Err(Failure::Panicked(payload)) => {
                request.life().end = End::Panicked {
                    by: Thread::current(),
                };
                if !is_due(&*payload, request) {
                    log.fault(format_args!("{} ended in a strange panic", request.number));
                }
                drop(catch_unwind(AssertUnwindSafe(|| drop(payload))));
                Landing::Panicked
            }
        }
    }

    fn count_cancel(&self, is_here: bool) {
        let life = self.request.life();
        reached(match (self.stage, is_here, life.is_done) {
            (Stage::Issued(_), true, false) => Situation::CancelInFlight,
            (Stage::Issued(_), true, true) => Situation::CancelDone,
            (Stage::Issued(_), false, false) => Situation::CancelElsewhereInFlight,
            (Stage::Issued(_), false, true) => Situation::CancelElsewhereDone,
            (Stage::Mailed, ..) if life.is_redirected => Situation::CancelRedirected,
            (Stage::Mailed, ..) => Situation::CancelMailed,
            (Stage::Unpolled | Stage::Landed, ..) => Situation::CancelUnpolled,
        });
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some(future) = self.future.take() else {
            return;
        };
        let log = &self.request.property.log;
        let is_here = matches!(self.stage, Stage::Issued(issuer) if log.actor() == Some(issuer));
        self.count_cancel(is_here);
        self.request.life().end = End::Dropped {
            stage: self.stage,
            by: Thread::current(),
        };
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
        // What an unpolled one captured, or what a mailed one has got, is its own.
        let is_contained = matches!(self.stage, Stage::Issued(_));
        if let Err(payload) = dropped
            && (is_contained || !payload.is::<Bang>())
        {
            log.fault(format_args!("the drop of {} panicked", self.request.number));
        }
    }
}

impl Failure {
    fn of(payload: Box<dyn Any + Send>) -> Self {
        let text = payload.downcast_ref::<String>();
        match text.is_some_and(|text| text.contains("has shut down")) {
            true => Self::Closed,
            false => Self::Panicked(payload),
        }
    }
}

/// Whether it is the panic that the closure of `request` ends in.
fn is_due(payload: &(dyn Any + Send), request: &Request) -> bool {
    match payload.downcast_ref::<Thrown>() {
        Some(Thrown(token)) => token.request().number == request.number,
        None => payload.is::<Bang>() && request.ending == Ending::Bangs,
    }
}

/// A delegation that holds its trust; the log's count of that goes down before it.
struct Owned<D> {
    _count: Counted,
    delegation: D,
}

impl<D, C> Future for Owned<D>
where
    D: Future<Output = Answer<C>> + FusedFuture + Unpin,
    C: Cargo,
{
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let answer = ready!(Pin::new(&mut self.delegation).poll(context));
        assert!(
            self.delegation.is_terminated(),
            "it has returned its result"
        );
        Poll::Ready(Ok(answer.open()))
    }
}
