//! The connection that a route writes, and how: at once while the system takes it, else by a task
//! that waits until it does.
//!
//! ```text
//!        begin_opening          begin_writing            it has no room
//!   None ─────────────► Opening ─────────────► Idle ◄──────────────────► Waiting
//!     └──────────── begin_writing ──────────────▲    all of it is written
//! ```
//!
//! What is to be written lies in the route, in order, and whoever writes takes it from the front. So
//! nothing overtakes anything, whether a flush writes it or the task does.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use futures::AsyncWrite;

use crate::net::TcpStream;
use crate::rack::join::Cause;
use crate::rack::route::{Fabric, Route};
use crate::rack::side::RackSide;
use crate::worker::Worker;

/// What a route writes to.
#[derive(Default)]
pub(crate) enum Connection {
    /// Nothing was to be written yet.
    #[default]
    None,
    /// It is being made.
    Opening,
    /// It is open, and its task waits for something to be left to it.
    Idle(Rc<TcpStream>, Waker),
    /// It is open, and its task is what writes next.
    Waiting,
}

impl Connection {
    /// Whether the caller is to make one, which it then says is being made.
    pub(crate) fn begin_opening(&mut self) -> bool {
        let is_none = matches!(self, Self::None);
        if is_none {
            *self = Self::Opening;
        }
        is_none
    }

    /// Whether there is one that is written.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Idle(..) | Self::Waiting)
    }

    /// Its task writes what there is, or ends if that is nothing any more. Waking it runs no foreign
    /// code.
    pub(crate) fn leave_to_task(&mut self) {
        if let Self::Idle(_, task) = std::mem::replace(self, Self::Waiting) {
            task.wake();
        }
    }
}

impl Route {
    /// Whether what is to be written waits for what the next turn adds to it: something has come on
    /// which this worker acts then, and there is little yet.
    pub(crate) fn is_gathering(&mut self) -> bool {
        let Fabric::Tcp(channel) = &self.fabric else {
            return false;
        };
        if channel.chunk().len() >= GATHERED_BYTES || !self.has_arrived() {
            return false;
        }
        let now = Instant::now();
        now.saturating_duration_since(*self.gathers_since.get_or_insert(now)) < GATHERING_TIME
    }

    /// Writes what is to be written, as far as the system takes it at once; the rest is left to the
    /// connection's task, and errors, too. Whether the route is dirty then.
    #[must_use]
    pub(crate) fn write_at_once(&mut self, wrote: impl FnOnce(usize)) -> bool {
        let Connection::Idle(stream, _) = &self.connection else {
            return false;
        };
        if let Ok(count) = stream.try_write(self.chunk()) {
            wrote(count);
            self.consume(count);
        }
        if !self.chunk().is_empty() {
            self.connection.leave_to_task();
        }
        self.is_dirty
    }

    /// Writes what is left to the task of a connection, whose waker is that of `cx`: cloning it and
    /// dropping it is no foreign code. Ends when nothing is to be written any more.
    fn poll_write(
        &mut self,
        stream: &Rc<TcpStream>,
        cx: &mut Context<'_>,
        mut wrote: impl FnMut(usize),
    ) -> Poll<io::Result<()>> {
        loop {
            if self.is_dead {
                return Poll::Ready(Ok(()));
            }
            if self.chunk().is_empty() {
                self.connection = Connection::Idle(Rc::clone(stream), cx.waker().clone());
                return Poll::Pending;
            }
            let count = ready!(Pin::new(&mut &**stream).poll_write(cx, self.chunk()))?;
            wrote(count);
            self.consume(count);
        }
    }
}

impl RackSide {
    /// What is for a node is written to this connection from now on, unless it is written to
    /// another already, or to none any more.
    pub(super) fn begin_writing(&self, worker: &Worker, node: u32, stream: &Rc<TcpStream>) -> bool {
        let mut route = self.route(node).borrow_mut();
        if route.is_dead || route.connection.is_open() {
            return false;
        }
        route.connection = Connection::Waiting;
        drop(route);
        let stream = Rc::clone(stream);
        let shared = Arc::clone(worker.shared());
        drop(gossamer_executor::spawn(async move {
            if write(&stream, node).await.is_err()
                && let Some(peers) = shared.rack().peers()
            {
                peers.suspect(node, Cause::Closed);
            }
        }));
        true
    }

    /// Whether what is for a node has a connection, or needs none any more.
    pub(super) fn is_connected(&self, node: u32) -> bool {
        let route = self.route(node).borrow();
        route.is_dead || route.connection.is_open()
    }

    fn poll_write(
        &self,
        worker: &Worker,
        stream: &Rc<TcpStream>,
        node: u32,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut route = self.route(node).borrow_mut();
        let stats = worker.home().stats();
        let ended = route.poll_write(stream, cx, |bytes| stats.add_rack_write(bytes));
        if route.is_dirty {
            self.set_dirty();
        }
        ended
    }
}

/// Writes what is left to the task of a connection; ends when the node is lost.
async fn write(stream: &Rc<TcpStream>, node: u32) -> io::Result<()> {
    let write = |cx: &mut Context<'_>| {
        Worker::with(|worker| {
            let side = worker.and_then(|worker| Some(worker).zip(worker.rack()));
            match side {
                Some((worker, side)) => side.poll_write(worker, stream, node, cx),
                None => Poll::Ready(Ok(())),
            }
        })
    };
    poll_fn(write).await
}

/// So much is written without waiting for more, if more is about to come: the requests of some
/// hundred tasks, which share their headers, so that both sides work at the same time. A write takes
/// the system as long as a worker takes for a hundred requests: 256 tasks do 12 M/s instead of 4 by a
/// write a batch; by 2 KiB 64 and 256 tasks gain a fiftieth, and 1,024 lose an eighth.
const GATHERED_BYTES: usize = 3584;
/// And for so long nothing waits, whatever delegated code does meanwhile.
const GATHERING_TIME: Duration = Duration::from_micros(20);

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
