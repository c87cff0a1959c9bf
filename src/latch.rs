//! A latch: lets async closures hold a property across their awaits, first come first served.
//!
//! The latch and the value live in the property behind an `Rc`, so no code of a user ever gets a
//! `&mut` to the latch that it could move out of. Whoever holds the latch is a task beside the
//! trustee, on its worker; nothing here leaves that thread but what is sent back.
//!
//! # Unsafe
//!
//! | field | who may touch it | in which state |
//! |---|---|---|
//! | `value` | the one `Hold` of the latch | while `is_held`, until the hold is dropped |

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::FutureExt;

use crate::error::{ApplyError, Fault, Outcome};
use crate::mail::{Mail, mail};
use crate::shared::{RuntimeId, Shared};
use crate::trust::Trust;
use crate::trustee_handle::Trustee;

/// A handle to a property behind a latch, which async closures hold across awaits.
///
/// ```
/// # #[gossamer::main(workers = 2)]
/// # async fn main() {
/// let log = gossamer::trustee(1).entrust_latched(Vec::new());
/// log.launch(async |log: &mut Vec<_>| {
///     log.push("begin");
///     gossamer::yield_now().await;
///     log.push("end");
/// })
/// .await;
/// assert_eq!(log.apply(|log| log.clone()).await, ["begin", "end"]);
/// # }
/// ```
pub struct LatchTrust<T: 'static>(Trust<Latched<T>>);

/// What lies in the property.
pub(crate) struct Latched<T>(State<T>);

enum State<T> {
    /// As it was sent: the `Rc` is made on the trustee.
    Sent(Option<T>),
    Here(Rc<Latch<T>>),
}

impl<T: 'static> LatchTrust<T> {
    pub(crate) fn new(
        runtime: RuntimeId,
        shared: Option<Arc<Shared>>,
        worker: u32,
        value: T,
    ) -> Self
    where
        T: Send,
    {
        Self(Trust::new(runtime, shared, worker, Latched::new(value)))
    }

    pub(crate) fn from_trust(trust: Trust<Latched<T>>) -> Self {
        Self(trust)
    }

    pub(crate) fn into_trust(self) -> Trust<Latched<T>> {
        self.0
    }

    /// Runs `f` on the property as soon as nobody before it holds the latch.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let account = gossamer::local_trustee().entrust_latched(100);
    /// assert_eq!(account.apply(|balance| *balance).await, 100);
    /// # }
    /// ```
    ///
    /// # Panics
    /// With the panic of `f`; if the runtime has shut down.
    ///
    /// # Cancel safety
    /// As [`Trust::apply`].
    pub async fn apply<F, U>(&self, f: F) -> U
    where
        F: FnOnce(&mut T) -> U + Send + 'static,
        U: Send + 'static,
    {
        self.outcome_of_apply(f)
            .await
            .unwrap_or_else(|fault| fault.raise())
    }

    /// As [`apply`](Self::apply), with failures as values.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let latched = gossamer::local_trustee().entrust_latched(1);
    /// assert!(latched.try_apply(|_| -> () { panic!("in the closure") }).await.is_err());
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Trust::try_apply`].
    pub async fn try_apply<F, U>(&self, f: F) -> Result<U, ApplyError>
    where
        F: FnOnce(&mut T) -> U + Send + 'static,
        U: Send + 'static,
    {
        self.outcome_of_apply(f).await.map_err(Fault::into_error)
    }

    /// Runs an async closure on the property, as a task on its trustee's worker that holds the
    /// latch from its first poll to its end.
    ///
    /// Launches and applies take the latch in the order in which they reach the trustee. A launch
    /// keeps the property alive. Two launches that each wait for the other's latch wait for ever:
    /// take latches in one order everywhere.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let from = gossamer::local_trustee().entrust_latched(100);
    /// let to = gossamer::local_trustee().entrust_latched(0);
    /// let target = to.clone();
    /// from.launch(async move |balance: &mut i32| {
    ///     *balance -= 40;
    ///     target.apply(|balance| *balance += 40).await;
    /// })
    /// .await;
    /// assert_eq!(to.apply(|balance| *balance).await, 40);
    /// # }
    /// ```
    ///
    /// # Panics
    /// With the panic of `f`; if the runtime shuts down before it has ended.
    ///
    /// # Cancel safety
    /// Dropped before its first poll, `f` never runs; later, it runs to its end all the same.
    pub async fn launch<F, U>(&self, f: F) -> U
    where
        F: AsyncFnOnce(&mut T) -> U + Send + 'static,
        U: Send + 'static,
    {
        self.outcome_of_launch(f)
            .await
            .unwrap_or_else(|fault| fault.raise())
    }

    /// As [`launch`](Self::launch), with failures as values.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let latched = gossamer::local_trustee().entrust_latched(1);
    /// let launched = latched.try_launch(async |_: &mut i32| panic!("while holding")).await;
    /// assert!(launched.is_err());
    /// assert_eq!(latched.apply(|n| *n).await, 1); // the latch is free again
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Trust::try_apply`].
    pub async fn try_launch<F, U>(&self, f: F) -> Result<U, ApplyError>
    where
        F: AsyncFnOnce(&mut T) -> U + Send + 'static,
        U: Send + 'static,
    {
        self.outcome_of_launch(f).await.map_err(Fault::into_error)
    }

    /// The trustee that the property lives on.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let here = gossamer::local_trustee();
    /// assert_eq!(here.entrust_latched(1).trustee(), here);
    /// # }
    /// ```
    pub fn trustee(&self) -> Trustee {
        self.0.trustee()
    }

    async fn outcome_of_apply<F, U>(&self, f: F) -> Outcome<U>
    where
        F: FnOnce(&mut T) -> U + Send + 'static,
        U: Send + 'static,
    {
        self.begin_apply(f).await.unwrap_or(Err(Fault::Closed))
    }

    /// Takes its place behind whoever reached the trustee before; the outcome comes by mail.
    pub(crate) fn begin_apply<F, U>(&self, f: F) -> Mail<Outcome<U>>
    where
        F: FnOnce(&mut T) -> U + Send + 'static,
        U: Send + 'static,
    {
        let (sender, mail) = mail(&self.0);
        self.0.post(move |latched| {
            let latch = latched.latch();
            if let Some(hold) = latch.try_lock() {
                sender.send(hold.apply(f));
                return;
            }
            let turn = latch.queue();
            drop(gossamer_executor::spawn(async move {
                let hold = turn.await;
                sender.send(hold.apply(f));
            }));
        });
        mail
    }

    async fn outcome_of_launch<F, U>(&self, f: F) -> Outcome<U>
    where
        F: AsyncFnOnce(&mut T) -> U + Send + 'static,
        U: Send + 'static,
    {
        self.begin_launch(f).await.unwrap_or(Err(Fault::Closed))
    }

    /// As [`begin_apply`](Self::begin_apply), for an async closure.
    pub(crate) fn begin_launch<F, U>(&self, f: F) -> Mail<Outcome<U>>
    where
        F: AsyncFnOnce(&mut T) -> U + Send + 'static,
        U: Send + 'static,
    {
        let (sender, mail) = mail(&self.0);
        let trust = self.clone();
        self.0.post(move |latched| {
            let latch = latched.latch();
            let turn = latch.queue();
            drop(gossamer_executor::spawn(async move {
                let mut hold = turn.await;
                let launch = async { f(hold.value()).await };
                let launched = AssertUnwindSafe(launch).catch_unwind().await;
                drop(hold);
                sender.send(launched.map_err(Fault::Panicked));
                drop(trust);
            }));
        });
        mail
    }
}

impl<T: 'static> Clone for LatchTrust<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: 'static> std::fmt::Debug for LatchTrust<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LatchTrust").field(&self.0).finish()
    }
}

impl<T> Latched<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(State::Sent(Some(value)))
    }

    fn latch(&mut self) -> Rc<Latch<T>> {
        if let State::Sent(value) = &mut self.0 {
            let value = value.take().expect("taken once, below");
            self.0 = State::Here(Rc::new(Latch::new(value)));
        }
        match &self.0 {
            State::Here(latch) => Rc::clone(latch),
            State::Sent(_) => unreachable!("replaced above"),
        }
    }
}

/// A lock between the tasks of one thread, handed from each holder to who has waited longest.
struct Latch<T> {
    is_held: Cell<bool>,
    queue: RefCell<VecDeque<Rc<Turn>>>,
    value: UnsafeCell<T>,
}

/// A place in the queue.
struct Turn {
    state: Cell<TurnState>,
    waker: RefCell<Option<Waker>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TurnState {
    Waiting,
    Granted,
    Left,
}

impl<T> Latch<T> {
    fn new(value: T) -> Self {
        let (is_held, queue) = (Cell::new(false), RefCell::default());
        Self {
            is_held,
            queue,
            value: UnsafeCell::new(value),
        }
    }

    fn try_lock(self: &Rc<Self>) -> Option<Hold<T>> {
        // Whoever frees the latch hands it on at once, so a free latch has no queue.
        (!self.is_held.replace(true)).then(|| Hold(Rc::clone(self)))
    }

    /// Stands in line from this call on.
    fn queue(self: &Rc<Self>) -> Waiting<T> {
        let turn = Turn {
            state: Cell::new(TurnState::Waiting),
            waker: RefCell::default(),
        };
        let turn = Rc::new(turn);
        if self.is_held.replace(true) {
            self.queue.borrow_mut().push_back(Rc::clone(&turn));
        } else {
            turn.state.set(TurnState::Granted);
        }
        Waiting {
            latch: Rc::clone(self),
            turn,
        }
    }

    /// Hands the latch to the first in line, or frees it.
    fn pass_on(&self) {
        let next = loop {
            let next = self.queue.borrow_mut().pop_front();
            match next {
                Some(turn) if turn.state.get() == TurnState::Left => {}
                next => break next,
            }
        };
        let Some(next) = next else {
            self.is_held.set(false);
            return;
        };
        next.state.set(TurnState::Granted);
        let waker = next.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Waits for its turn; leaving passes a granted one on.
struct Waiting<T> {
    latch: Rc<Latch<T>>,
    turn: Rc<Turn>,
}

impl<T> Future for Waiting<T> {
    type Output = Hold<T>;

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Hold<T>> {
        if self.turn.state.get() == TurnState::Granted {
            self.turn.state.set(TurnState::Left);
            return Poll::Ready(Hold(Rc::clone(&self.latch)));
        }
        let waker = cx.waker().clone();
        let before = self.turn.waker.borrow_mut().replace(waker);
        drop(before);
        Poll::Pending
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        if self.turn.state.replace(TurnState::Left) == TurnState::Granted {
            self.latch.pass_on();
        }
    }
}

/// The latch is held while this lives.
struct Hold<T>(Rc<Latch<T>>);

impl<T> Hold<T> {
    fn value(&mut self) -> &mut T {
        // SAFETY: the row of the table: there is one hold at a time, and it is borrowed.
        unsafe { &mut *self.0.value.get() }
    }

    /// Runs `f` on the value and passes the latch on.
    fn apply<U>(mut self, f: impl FnOnce(&mut T) -> U) -> Outcome<U> {
        let outcome = catch_unwind(AssertUnwindSafe(|| f(self.value())));
        drop(self);
        outcome.map_err(Fault::Panicked)
    }
}

impl<T> Drop for Hold<T> {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}
