//! A delegation: one request and its future.
//!
//! ```text
//! Unissued ── first poll ──┬─ on its own worker, if nothing is in the way: run inline ─► Finished
//!     │                    ├─ on a worker of the runtime: Issued ──── result ─────────► Finished
//!     │ drop: never runs   │     └─ polled on another thread: Mailed
//!     ▼                    └─ anywhere else: Mailed ───────────────── result ─────────► Finished
//! ```
//!
//! Cost inline: one thread-local, three comparisons, two stores to the worker's own line.
//!
//! # Unsafe
//!
//! | call | who may make it | in which state |
//! |---|---|---|
//! | `Work::run` with the target's key | the target's worker, by `may_run_inline`; or its trustee, in a message; or in `Here::run`: `Here::new` has asked where it lives, `run` asserts that no delegated code runs | the target's trusts keep the property alive until the request was served: the delegation holds one, and an obituary is behind the request in every queue |
//! | `ManuallyDrop::take` of a delegation's parts | its `drop`, once | always; a part that is not taken there has nothing to drop: a finished request has no work and no mailbox, a borrowed trust is a reference |

use std::future::Future;
use std::mem::{ManuallyDrop, replace};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::{BoxFuture, FusedFuture};
use gossamer_executor::{charge, overdraw};
use gossamer_transport::Key;

use crate::contain::contain;
use crate::erase::{self, OnProperty, Work};
use crate::error::{ApplyError, Fault, Outcome};
use crate::mail::{Mail, mail};
use crate::pending::Awaited;
use crate::shared::{Message, RuntimeId, Shared};
use crate::trust::Trust;
use crate::worker::Worker;

/// Where a request goes.
pub(crate) trait Target {
    /// The runtime and the worker in it.
    fn address(&self) -> (RuntimeId, u32);
    fn key(&self) -> Key;
    /// The runtime itself, unless it has gone.
    fn shared(&self) -> Option<Arc<Shared>>;
    /// Whether a panic makes later requests to it fail, or has; asked on its worker.
    fn may_poison(&self) -> bool;
}

/// A request on its way through the states of the module's diagram.
pub(crate) struct Request<U, W> {
    /// Present while unissued. It lies beside the progress and not in it, so that taking it
    /// writes a byte and moves nothing else.
    work: Option<W>,
    progress: Progress,
    /// Where the outcome comes, if mailed.
    mailbox: Option<Mailbox<U>>,
}

/// Boxed without its type, so that the drop of a delegation without one is little code.
type Mailbox<U> = BoxFuture<'static, Option<Outcome<U>>>;

/// How far a request is that has no work any more.
#[derive(Clone, Copy)]
enum Progress {
    /// Or not begun, if there is work.
    Finished,
    /// Worker `issuer` holds it at `entry` of its table.
    Issued {
        issuer: u32,
        entry: u32,
    },
    Mailed,
}

impl<U: Send + 'static, W: Work<U>> Request<U, W> {
    pub(crate) fn new(work: W) -> Self {
        Self {
            work: Some(work),
            progress: Progress::Finished,
            mailbox: None,
        }
    }

    /// Moves the request on; `CATCH` says whether a panic of inline code is caught here.
    #[inline(always)]
    pub(crate) fn poll<const CATCH: bool>(
        &mut self,
        target: &impl Target,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<U>> {
        let (runtime, to) = target.address();
        Worker::with_runtime(runtime, |worker| {
            let Some(worker) = worker else {
                return self.poll_elsewhere(target, cx);
            };
            if self.work.is_none() {
                return self.poll_issued(worker, target, cx);
            }
            if !worker.may_run_inline(to) {
                return self.issue(worker, to, target.key(), cx);
            }
            if !charge() {
                return self.poll_without_budget(worker, target, cx);
            }
            Poll::Ready(self.run_inline::<CATCH>(worker, target))
        })
    }

    /// Gives the request up: what was not issued never runs, what was runs without an audience.
    #[inline(always)]
    pub(crate) fn abandon(&mut self, target: &impl Target) {
        if let Progress::Issued { issuer, entry } = self.progress {
            self.progress = Progress::Finished;
            let runtime = (target.address().0, || target.shared());
            abandon_issued::<U>(runtime, (issuer, entry));
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.work.is_none() && matches!(self.progress, Progress::Finished)
    }

    #[inline(always)]
    fn run_inline<const CATCH: bool>(
        &mut self,
        worker: &Worker,
        target: &impl Target,
    ) -> Outcome<U> {
        let work = self.work.take().expect("the caller looked");
        let key = target.key();
        worker.home().stats().add_inline();
        let _delegated = worker.enter_delegated(erase::call::<U, W>());
        // What a poisoned property raises is not for users to see as it is.
        if CATCH || target.may_poison() {
            // SAFETY: the row of the table.
            let caught = catch_unwind(AssertUnwindSafe(|| unsafe { work.run(key) }));
            return caught.map_err(Fault::Panicked);
        }
        // SAFETY: the row of the table.
        Ok(unsafe { work.run(key) })
    }

    /// The first poll of a local request of a task that has no budget left. After it the request
    /// is to run whatever becomes of the future, and the task is to wait for its next turn: so it
    /// runs now, and has its outcome then. Only one in each poll may; others take a slot.
    #[cold]
    fn poll_without_budget(
        &mut self,
        worker: &Worker,
        target: &impl Target,
        cx: &Context<'_>,
    ) -> Poll<Outcome<U>> {
        if !overdraw() {
            return self.issue(worker, worker.index(), target.key(), cx);
        }
        let outcome = self.run_inline::<true>(worker, target);
        let entry = worker.client.pending().insert_settled(outcome);
        self.progress = Progress::Issued {
            issuer: worker.index(),
            entry,
        };
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    #[inline(always)]
    fn issue(&mut self, worker: &Worker, to: u32, key: Key, cx: &Context<'_>) -> Poll<Outcome<U>> {
        let work = self.work.take().expect("the caller looked");
        if worker.client.is_closed() {
            return Poll::Ready(Err(Fault::Closed));
        }
        worker.client.prepare(to);
        let entry = worker.client.pending().insert::<U>(cx.waker().clone());
        self.progress = Progress::Issued {
            issuer: worker.index(),
            entry,
        };
        worker
            .client
            .issue::<U, W, Awaited>(to, key, work, Awaited(entry));
        Poll::Pending
    }

    #[inline(always)]
    fn poll_issued(
        &mut self,
        worker: &Worker,
        target: &impl Target,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<U>> {
        match self.progress {
            Progress::Issued { issuer, entry } if issuer == worker.index() => {
                let pending = worker.client.pending();
                let outcome = match pending.take::<U>(entry) {
                    Some(result) => Ok(result),
                    None => ready!(pending.poll_not_done::<U>(entry, cx)),
                };
                self.progress = Progress::Finished;
                Poll::Ready(outcome)
            }
            _ => self.poll_elsewhere(target, cx),
        }
    }

    /// The poll of a thread that no table can wake: from here on the outcome comes by a channel.
    #[cold]
    fn poll_elsewhere(&mut self, target: &impl Target, cx: &mut Context<'_>) -> Poll<Outcome<U>> {
        let mut mailbox = match self.mailbox.take() {
            Some(mailbox) => mailbox,
            None => Box::pin(self.mail(target)),
        };
        let Poll::Ready(received) = mailbox.as_mut().poll(cx) else {
            self.mailbox = Some(mailbox);
            return Poll::Pending;
        };
        self.progress = Progress::Finished;
        // Nobody sends if the message was one that no worker handled.
        let outcome = received.unwrap_or(Err(Fault::Closed));
        Poll::Ready(outcome)
    }

    fn mail(&mut self, target: &impl Target) -> Mail<Outcome<U>> {
        let (sender, mail) = mail(target);
        match (
            self.work.take(),
            replace(&mut self.progress, Progress::Mailed),
        ) {
            (Some(work), _) => post_foreign(target, work, move |outcome| sender.send(outcome)),
            (None, Progress::Issued { issuer, entry }) => {
                settle(target.shared(), issuer, move |worker| {
                    let redirect = move |outcome| sender.send(outcome);
                    worker
                        .client
                        .pending()
                        .redirect::<U>(entry, Box::new(redirect));
                });
            }
            (None, _) => {
                self.progress = Progress::Finished;
                panic!("a delegation was polled after it had finished");
            }
        }
        mail
    }
}

/// Nobody waits any more for what worker `issuer` of the runtime holds at `entry` of its table.
#[cold]
pub(crate) fn abandon_issued<U: 'static>(
    (runtime, shared): (RuntimeId, impl FnOnce() -> Option<Arc<Shared>>),
    (issuer, entry): (u32, u32),
) {
    Worker::with_runtime(runtime, |worker| match worker {
        Some(worker) if worker.index() == issuer => {
            // The result may be there: its drop is foreign code, and not the caller's.
            let abandon = || worker.client.pending().abandon::<U>(entry);
            contain(abandon, |panic| worker.report(panic));
        }
        _ => settle(shared(), issuer, move |worker| {
            worker.client.pending().abandon::<U>(entry);
        }),
    });
}

/// A property of this worker, for a client that is none of this runtime: it is polled beside the
/// trustee, or is a task.
pub(crate) struct Here<'p, T: 'static> {
    worker: &'p Worker,
    trust: &'p Trust<T>,
}

impl<T> Clone for Here<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Here<'_, T> {}

impl<'p, T: 'static> Here<'p, T> {
    /// None if the property lives elsewhere.
    #[inline(always)]
    pub(crate) fn new(worker: &'p Worker, trust: &'p Trust<T>) -> Option<Self> {
        let is_here = trust.address() == (worker.runtime(), worker.index());
        is_here.then_some(Self { worker, trust })
    }

    /// Runs `f` on it.
    ///
    /// # Panics
    /// As `f` does, and in delegated code.
    #[inline(always)]
    pub(crate) fn run<U: 'static>(
        self,
        f: impl FnOnce(&mut T) -> U + Send + 'static,
    ) -> Outcome<U> {
        let Self { worker, trust } = self;
        assert!(!worker.is_delegated(), "run in no other delegated code");
        if worker.client.is_closed() {
            return Err(Fault::Closed);
        }
        let (key, work) = (trust.key(), OnProperty::<T, _>::new(f));
        let _delegated = worker.enter_delegated(call_of(&work));
        // SAFETY: row 1 of the table: asserted above, and asked in `new`; the trust keeps the
        // property.
        Ok(unsafe { work.run(key) })
    }
}

fn call_of<U, W: Work<U>>(_: &W) -> &'static gossamer_transport::Call {
    erase::call::<U, W>()
}

/// Sends work to the target's trustee from a thread that is no worker of its runtime.
pub(crate) fn post_foreign<U: 'static, W: Work<U>>(
    target: &impl Target,
    work: W,
    done: impl FnOnce(Outcome<U>) + Send + 'static,
) {
    let Some(shared) = target
        .shared()
        .filter(|shared| !shared.shutdown.has_begun())
    else {
        return;
    };
    let key = target.key();
    let request = move || {
        // SAFETY: the row of the table: messages are run by the trustee, one by one.
        let caught = catch_unwind(AssertUnwindSafe(|| unsafe { work.run(key) }));
        done(caught.map_err(Fault::Panicked));
    };
    let to = target.address().1 as usize;
    // If the worker has ended, the message and with it the work is dropped here, unrun.
    let message = Message::Run(erase::call::<U, W>(), Box::new(request));
    drop(shared.workers()[to].send(message));
}

/// Sends word of an issued request to its issuer.
#[cold]
pub(crate) fn settle(
    shared: Option<Arc<Shared>>,
    issuer: u32,
    f: impl FnOnce(&Worker) + Send + 'static,
) {
    if let Some(shared) = shared {
        // If the worker has ended, it has dropped the result, or never got one.
        drop(shared.workers()[issuer as usize].send(Message::Settle(Box::new(f))));
    }
}

/// The future of [`Trust::apply`] and [`Trust::apply_owned`].
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// let trust = gossamer::entrust(1);
/// let delegation = trust.apply(|n| *n + 1); // nothing has happened yet
/// assert_eq!(delegation.await, 2);
/// # }
/// ```
///
/// # Cancel safety
/// Dropped before its first poll, the closure never runs. Dropped later, it runs exactly once
/// all the same, and the result is dropped by the worker that polled first.
#[must_use = "a delegation does nothing until it is awaited; `post` is the eager form"]
pub struct Delegation<'a, T: 'static, F: FnOnce(&mut T) -> U + Send + 'static, U: Send + 'static> {
    // Neither is dropped but by `drop_parts`: most delegations end with nothing to drop in them,
    // which is seen by two comparisons.
    request: ManuallyDrop<Request<U, OnProperty<T, F>>>,
    trust: ManuallyDrop<TrustRef<'a, T>>,
}

/// The trust of a delegation.
pub(crate) enum TrustRef<'a, T: 'static> {
    Borrowed(&'a Trust<T>),
    Owned(Trust<T>),
}

impl<'a, T: 'static, F: FnOnce(&mut T) -> U + Send + 'static, U: Send + 'static>
    Delegation<'a, T, F, U>
{
    pub(crate) fn new(trust: TrustRef<'a, T>, f: F) -> Self {
        Self {
            request: ManuallyDrop::new(Request::new(OnProperty::new(f))),
            trust: ManuallyDrop::new(trust),
        }
    }

    #[inline(always)]
    fn poll_outcome<const CATCH: bool>(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<U>> {
        self.request.poll::<CATCH>(self.trust.trust(), cx)
    }
}

impl<T> TrustRef<'_, T> {
    #[inline(always)]
    fn trust(&self) -> &Trust<T> {
        match self {
            Self::Borrowed(trust) => trust,
            Self::Owned(trust) => trust,
        }
    }
}

impl<T: 'static, F: FnOnce(&mut T) -> U + Send + 'static, U: Send + 'static> Future
    for Delegation<'_, T, F, U>
{
    type Output = U;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<U> {
        match ready!(self.poll_outcome::<false>(cx)) {
            Ok(result) => Poll::Ready(result),
            Err(fault) => fault.raise(),
        }
    }
}

impl<T: 'static, F: FnOnce(&mut T) -> U + Send + 'static, U: Send + 'static> FusedFuture
    for Delegation<'_, T, F, U>
{
    fn is_terminated(&self) -> bool {
        self.request.is_finished()
    }
}

// Nothing in it is ever pinned: `f` is moved, not polled.
impl<T: 'static, F: FnOnce(&mut T) -> U + Send + 'static, U: Send + 'static> Unpin
    for Delegation<'_, T, F, U>
{
}

impl<T: 'static, F: FnOnce(&mut T) -> U + Send + 'static, U: Send + 'static> Drop
    for Delegation<'_, T, F, U>
{
    #[inline(always)]
    fn drop(&mut self) {
        if !self.request.is_finished() || matches!(*self.trust, TrustRef::Owned(_)) {
            self.drop_parts();
        }
    }
}

impl<T: 'static, F: FnOnce(&mut T) -> U + Send + 'static, U: Send + 'static>
    Delegation<'_, T, F, U>
{
    #[inline(never)]
    fn drop_parts(&mut self) {
        // SAFETY: row 2 of the table.
        let trust = unsafe { ManuallyDrop::take(&mut self.trust) };
        // SAFETY: row 2 of the table.
        let mut request = unsafe { ManuallyDrop::take(&mut self.request) };
        request.abandon(trust.trust());
    }
}

/// The future of [`Trust::try_apply`]; as [`Delegation`], with every failure as a value.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// let trust = gossamer::entrust(1);
/// assert!(trust.try_apply(|_| -> () { panic!("in the closure") }).await.is_err());
/// # }
/// ```
#[must_use = "a delegation does nothing until it is awaited; `post` is the eager form"]
pub struct TryDelegation<'a, T: 'static, F: FnOnce(&mut T) -> U + Send + 'static, U: Send + 'static>(
    pub(crate) Delegation<'a, T, F, U>,
);

impl<T: 'static, F: FnOnce(&mut T) -> U + Send + 'static, U: Send + 'static> Future
    for TryDelegation<'_, T, F, U>
{
    type Output = Result<U, ApplyError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_outcome::<true>(cx).map_err(Fault::into_error)
    }
}

impl<T: 'static, F: FnOnce(&mut T) -> U + Send + 'static, U: Send + 'static> FusedFuture
    for TryDelegation<'_, T, F, U>
{
    fn is_terminated(&self) -> bool {
        self.0.request.is_finished()
    }
}
