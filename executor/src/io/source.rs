//! [`Source`]: what is known of the readiness of one descriptor, and who waits for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use slab::Slab;

/// What a task wants to do with a descriptor.
///
/// ```
/// use gossamer_executor::io::Interest;
///
/// assert_ne!(Interest::Read, Interest::Write);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Read, accept or receive.
    Read,
    /// Write, connect or send.
    Write,
}

/// The readiness of one descriptor; told by the executor that watches it, asked from anywhere.
#[derive(Debug, Default)]
pub(crate) struct Source {
    directions: [Mutex<Direction>; 2],
}

#[derive(Debug, Default)]
struct Direction {
    /// That an executor tells of its events.
    is_watched: bool,
    /// That an operation is not worth a try until the next event.
    is_blocked: bool,
    /// That nothing more comes, or that an error waits.
    has_ended: bool,
    /// Grows with each event, so that what was seen before one does not undo it.
    edges: u64,
    /// Who polls, of whom there is one.
    poller: Option<Waker>,
    /// Futures that wait beside it.
    waiters: Slab<Waker>,
}

/// Up to which event an operation has been tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge(u64);

/// Who waits: the one that polls, or a future, which has a place while it does.
#[derive(Debug)]
pub(crate) enum Waiter<'a> {
    Poller,
    Future(&'a mut Option<usize>),
}

impl Source {
    /// An event has come; wakes all that wait for it.
    pub(crate) fn set_ready(&self, interest: Interest, has_ended: bool, wake: impl FnMut(Waker)) {
        let mut direction = self.direction(interest);
        direction.is_blocked = false;
        direction.has_ended |= has_ended;
        direction.edges += 1;
        let poller = direction.poller.take();
        // A place is given back by its future, which finds its waker gone.
        let waiters = direction.waiters.iter_mut();
        let waiters: Vec<_> = waiters
            .map(|(_, waker)| std::mem::replace(waker, Waker::noop().clone()))
            .collect();
        drop(direction);
        poller.into_iter().chain(waiters).for_each(wake);
    }

    /// Whether it is worth a try; if not, the waiter is woken when it is.
    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        waiter: &mut Waiter<'_>,
    ) -> Poll<Edge> {
        // Cloned and dropped outside the lock: both are foreign code.
        let mut new = None;
        loop {
            let mut direction = self.direction(interest);
            if !direction.is_blocked {
                let edge = Edge(direction.edges);
                drop(direction);
                return Poll::Ready(edge);
            }
            if direction
                .waker(waiter)
                .is_some_and(|waker| waker.will_wake(cx.waker()))
            {
                return Poll::Pending;
            }
            let Some(waker) = new.take() else {
                drop(direction);
                new = Some(cx.waker().clone());
                continue;
            };
            let old = direction.put(waiter, waker);
            drop(direction);
            // Another task that polls is not lost: it polls again, and takes its turn.
            if let Some(old) = old {
                old.wake();
            }
            return Poll::Pending;
        }
    }

    /// From now on somebody, or nobody, tells of the events; before the first of them.
    pub(crate) fn set_watched(&self, is_watched: bool) {
        for interest in [Interest::Read, Interest::Write] {
            self.direction(interest).is_watched = is_watched;
        }
    }

    /// An operation would have blocked, which was tried at `edge`: the next waits for an event.
    /// Returns `false`, and it does not, if there is nobody to tell of one.
    pub(crate) fn set_blocked(&self, interest: Interest, edge: Edge) -> bool {
        let mut direction = self.direction(interest);
        if direction.is_watched && direction.edges == edge.0 {
            direction.is_blocked = true;
            direction.has_ended = false;
        }
        direction.is_watched
    }

    /// An operation, tried at `edge`, got less than it could have taken: the next would block,
    /// unless that was the end. If nobody tells of events, the next is to find out.
    pub(crate) fn set_drained(&self, interest: Interest, edge: Edge) {
        let mut direction = self.direction(interest);
        if direction.edges == edge.0 && direction.is_watched && !direction.has_ended {
            direction.is_blocked = true;
        }
    }

    /// Whether an operation waits for the next event.
    pub(crate) fn is_blocked(&self, interest: Interest) -> bool {
        self.direction(interest).is_blocked
    }

    /// A future waits no more.
    pub(crate) fn leave(&self, interest: Interest, place: usize) {
        let waker = self.direction(interest).waiters.try_remove(place);
        drop(waker);
    }

    fn direction(&self, interest: Interest) -> MutexGuard<'_, Direction> {
        let direction = &self.directions[interest as usize];
        // No foreign code runs under the lock.
        direction.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Direction {
    fn waker(&self, waiter: &Waiter<'_>) -> Option<&Waker> {
        match waiter {
            Waiter::Poller => self.poller.as_ref(),
            Waiter::Future(place) => place.and_then(|place| self.waiters.get(place)),
        }
    }

    fn put(&mut self, waiter: &mut Waiter<'_>, waker: Waker) -> Option<Waker> {
        match waiter {
            Waiter::Poller => self.poller.replace(waker),
            Waiter::Future(Some(place)) => {
                Some(std::mem::replace(&mut self.waiters[*place], waker))
            }
            Waiter::Future(place) => {
                **place = Some(self.waiters.insert(waker));
                None
            }
        }
    }
}
