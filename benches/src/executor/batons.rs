//! Batons: what two tasks hand to each other, so that each hand-over is one wake.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use futures::task::AtomicWaker;

/// Between two tasks of one thread.
#[derive(Default)]
pub(crate) struct LocalBaton {
    holder: Cell<usize>,
    wakers: [RefCell<Option<Waker>>; 2],
}

impl LocalBaton {
    /// Waits until `side` has the baton.
    pub(crate) async fn receive(&self, side: usize) {
        poll_fn(|context| {
            if self.holder.get() == side {
                return Poll::Ready(());
            }
            *self.wakers[side].borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Hands it to the other side.
    pub(crate) fn hand_over(&self, side: usize) {
        self.holder.set(1 - side);
        let waker = self.wakers[1 - side].borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Between two tasks on two threads.
#[derive(Default)]
pub(crate) struct RemoteBaton {
    holder: AtomicUsize,
    wakers: [AtomicWaker; 2],
}

impl RemoteBaton {
    /// Waits until `side` has the baton.
    pub(crate) async fn receive(&self, side: usize) {
        poll_fn(|context| {
            let has_it = || self.holder.load(Ordering::Acquire) == side;
            if has_it() {
                return Poll::Ready(());
            }
            self.wakers[side].register(context.waker());
            if has_it() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Hands it to the other side.
    pub(crate) fn hand_over(&self, side: usize) {
        self.holder.store(1 - side, Ordering::Release);
        self.wakers[1 - side].wake();
    }
}
