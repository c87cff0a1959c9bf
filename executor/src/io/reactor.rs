//! [`Reactor`]: the descriptors that one executor watches.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use slab::Slab;

use super::poller::{Events, Poller};
use super::source::{Interest, Source};

/// Watches descriptors; its executor waits for their events, any thread adds and removes.
#[derive(Debug)]
pub(crate) struct Reactor {
    poller: Poller,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    sources: Slab<Arc<Source>>,
    is_closed: bool,
}

/// A descriptor that a reactor watches.
#[derive(Debug)]
pub(crate) struct Registration {
    reactor: Arc<Reactor>,
    key: usize,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
            table: Mutex::default(),
        })
    }

    /// Watches a descriptor until the registration is [ended](Registration::end).
    pub(crate) fn register(
        self: &Arc<Self>,
        fd: impl AsFd,
        source: Arc<Source>,
    ) -> io::Result<Registration> {
        let key = {
            let mut table = self.table();
            if table.is_closed {
                // In what the executor's own end has run.
                let ended = "the worker ends, and watches no more descriptors";
                return Err(io::Error::new(io::ErrorKind::Unsupported, ended));
            }
            source.set_watched(true);
            table.sources.insert(Arc::clone(&source))
        };
        if let Err(error) = self.poller.add(fd, key) {
            source.set_watched(false);
            self.table().sources.try_remove(key);
            return Err(error);
        }
        Ok(Registration {
            reactor: Arc::clone(self),
            key,
        })
    }

    /// Waits for events and wakes who waits for them; returns whether there were any.
    ///
    /// # Panics
    ///
    /// If the system refuses to wait: then somebody has closed a descriptor that is not theirs.
    pub(crate) fn wait(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
        mut wake: impl FnMut(Waker),
    ) -> bool {
        self.poller
            .wait(events, timeout)
            .expect("epoll_wait: its descriptor was closed by foreign code");
        let mut any = false;
        for event in events.iter() {
            any = true;
            // One whose descriptor has just gone, or whose place another has taken: that one looks
            // once more than it need.
            let Some(source) = self.table().sources.get(event.key).cloned() else {
                continue;
            };
            if event.readable {
                source.set_ready(Interest::Read, event.read_ended, &mut wake);
            }
            if event.writable {
                source.set_ready(Interest::Write, event.write_ended, &mut wake);
            }
        }
        any
    }

    /// Ends the wait that is under way, or else the next one; from any thread.
    pub(crate) fn ring(&self) {
        self.poller.ring();
    }

    /// Its executor ends: nothing is told of any more. Who waits is woken, to look for another.
    pub(crate) fn close(&self, mut wake: impl FnMut(Waker)) {
        let mut table = self.table();
        table.is_closed = true;
        let sources = std::mem::take(&mut table.sources);
        drop(table);
        for (_, source) in sources {
            source.set_watched(false);
            source.set_ready(Interest::Read, false, &mut wake);
            source.set_ready(Interest::Write, false, &mut wake);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // No foreign code runs under the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// Whether nothing is told of the descriptor any more, as the executor has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.reactor.table().is_closed
    }

    /// Watches the descriptor no more; before it is closed.
    pub(crate) fn end(self, fd: impl AsFd) {
        // Refused if foreign code has closed it: then the system watches it no more either.
        let _ = self.reactor.poller.delete(fd);
        let mut table = self.reactor.table();
        if !table.is_closed {
            let source = table.sources.try_remove(self.key);
            drop(table);
            drop(source);
        }
    }
}
