//! [`Watch`]: a descriptor that tasks wait for.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use super::reactor::{Reactor, Registration};
use super::source::{Interest, Source, Waiter};
use crate::budget::poll_charge_units;
use crate::current::with_current;

/// A descriptor whose readiness an executor watches: a socket, a pipe, anything that epoll takes.
///
/// It must not block (`O_NONBLOCK`). The executor whose task first has to wait for it watches it
/// from then on, or the one on whose thread it was made, if first a thread waits that runs none; it
/// may be used from any thread, and on any executor.
///
/// ```
/// use gossamer_executor::io::{Interest, Watch};
/// use gossamer_executor::{Claim, Config, Executor, spawn};
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// let (ours, mut theirs) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let read = executor.run_until(async move {
///     let ours = Watch::new(ours);
///     let reader = spawn(async move {
///         let mut byte = [0];
///         ours.io(Interest::Read, |mut ours| ours.read(&mut byte)).await.map(|_| byte)
///     });
///     theirs.write_all(b"!")?;
///     reader.await.unwrap()
/// })?;
/// assert_eq!(read, *b"!");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Every operation: those of the descriptor; what `epoll_ctl` says, if it is none that can be
/// watched; and [`ErrorKind::Unsupported`] if it is to be waited for on a thread that runs no
/// executor, none watches it, and it was made on such a thread as well.
#[derive(Debug)]
pub struct Watch<T: AsFd> {
    /// There until `into_inner` or the drop.
    io: Option<T>,
    source: Arc<Source>,
    /// What watches for the executor that it was made on.
    home: Option<Arc<Reactor>>,
    registration: Mutex<Option<Registration>>,
}

impl<T: AsFd> Watch<T> {
    /// Nothing is registered before something has to wait.
    pub fn new(io: T) -> Self {
        Self {
            io: Some(io),
            source: Arc::default(),
            // Without descriptors for it there is none; who waits is told so.
            home: with_current(|executor| executor.and_then(|executor| executor.reactor().ok())),
            registration: Mutex::default(),
        }
    }

    /// What is watched.
    pub fn get_ref(&self) -> &T {
        self.io.as_ref().expect("there until it is taken out")
    }

    /// Watches it no more, and gives it back.
    pub fn into_inner(mut self) -> T {
        self.unwatch();
        self.io.take().expect("there until it is taken out")
    }

    /// Polls an operation: tries it if the descriptor may be ready, and else has the task woken
    /// when it is. One task a direction can poll; any number can await [`io`](Self::io) beside it.
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        mut operate: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll(cx, interest, &mut Waiter::Poller, &mut operate, |_| false)
    }

    /// As [`poll_io`](Self::poll_io) for a stream of bytes: an operation that has moved fewer than
    /// `most` has found the end of what is ready, and is not tried again before there is more.
    pub fn poll_bytes(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        most: usize,
        mut operate: impl FnMut(&T) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let is_short = |moved: &usize| (1..most).contains(moved);
        self.poll(cx, interest, &mut Waiter::Poller, &mut operate, is_short)
    }

    /// Awaits an operation; any number of tasks may, and each tries when the descriptor is ready.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has done nothing that lasts.
    pub async fn io<R>(
        &self,
        interest: Interest,
        mut operate: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut place = Place {
            source: &self.source,
            interest,
            at: None,
        };
        poll_fn(|cx| {
            let mut waiter = Waiter::Future(&mut place.at);
            self.poll(cx, interest, &mut waiter, &mut operate, |_| false)
        })
        .await
    }

    /// Waits until an operation may be worth a try, and tries none.
    ///
    /// It comes at once as long as none has found that it would have to wait, and it may come for
    /// nothing: the next operation may still have to.
    ///
    /// ```
    /// # use gossamer_executor::io::{Interest, Watch};
    /// # use gossamer_executor::{Claim, Config, Executor};
    /// # use std::io::Read;
    /// # use std::os::unix::net::UnixStream;
    /// # let claim = Claim::new()?;
    /// # let executor = Executor::new(claim.remote(), Config::default());
    /// # let (ours, theirs) = UnixStream::pair()?;
    /// # ours.set_nonblocking(true)?;
    /// # let read = executor.run_until(async move {
    /// # let ours = Watch::new(ours);
    /// # drop(theirs);
    /// ours.ready(Interest::Read).await;
    /// ours.io(Interest::Read, |mut ours| ours.read(&mut [0])).await
    /// # })?;
    /// # assert_eq!(read, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has done nothing that lasts.
    pub async fn ready(&self, interest: Interest) {
        let mut place = Place {
            source: &self.source,
            interest,
            at: None,
        };
        poll_fn(|cx| {
            let mut waiter = Waiter::Future(&mut place.at);
            self.source.poll_ready(cx, interest, &mut waiter).map(drop)
        })
        .await;
    }

    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        waiter: &mut Waiter<'_>,
        operate: &mut impl FnMut(&T) -> io::Result<R>,
        is_short: impl Fn(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        let mut is_charged = false;
        loop {
            let edge = ready!(self.source.poll_ready(cx, interest, waiter));
            // Not for waiting: else a task that waits for many would never come to the last.
            if !is_charged {
                ready!(poll_charge_units(cx, UNITS_PER_OPERATION));
                is_charged = true;
            }
            match operate(self.get_ref()) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Registered, it is tried once more: what came before is then no event missed.
                    if !self.source.set_blocked(interest, edge) {
                        self.watch()?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(result) if is_short(&result) => {
                    self.source.set_drained(interest, edge);
                    return Poll::Ready(Ok(result));
                }
                result => return Poll::Ready(result),
            }
        }
    }

    /// Sees to it that an executor watches the descriptor.
    fn watch(&self) -> io::Result<()> {
        let mut registration = self.registration();
        if registration.as_ref().is_some_and(|old| !old.is_closed()) {
            return Ok(());
        }
        let fd = self.get_ref().as_fd();
        if let Some(old) = registration.take() {
            old.end(fd);
        }
        let reactor = with_current(|executor| executor.map(|executor| executor.reactor()));
        let home = || self.home.clone().ok_or_else(no_executor);
        let reactor = reactor.unwrap_or_else(home)?;
        *registration = Some(reactor.register(fd, Arc::clone(&self.source))?);
        Ok(())
    }

    fn unwatch(&mut self) {
        let registration = self.registration().take();
        if let (Some(registration), Some(io)) = (registration, &self.io) {
            registration.end(io);
        }
    }

    fn registration(&self) -> std::sync::MutexGuard<'_, Option<Registration>> {
        // No foreign code runs under the lock but `as_fd`.
        let registration = self.registration.lock();
        registration.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: AsFd> AsFd for Watch<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> Drop for Watch<T> {
    fn drop(&mut self) {
        self.unwatch();
    }
}

/// An operation is a system call, and takes as long as so many delegations. So a worker whose tasks
/// all have something to read still serves its trustee every few: under `wrk`, `examples/http`
/// answers up to 1.08 times as many requests a processor second as with one unit.
const UNITS_PER_OPERATION: u64 = 8;

/// The place of a future among those that wait.
struct Place<'a> {
    source: &'a Source,
    interest: Interest,
    at: Option<usize>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            self.source.leave(self.interest, at);
        }
    }
}

fn no_executor() -> io::Error {
    let advice = "no worker watches this descriptor yet: make it, or wait for it first, in a task \
                  of a worker (spawn_on, block_on or #[gossamer::main])";
    io::Error::new(ErrorKind::Unsupported, advice)
}
