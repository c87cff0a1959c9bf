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
    lone: Lone,
    is_closed: bool,
}

/// The one whose events have come without those of others.
#[derive(Debug, Default)]
struct Lone {
    key: usize,
    /// So many in a row.
    events: u32,
    /// Looks at it alone since the last of them.
    looks: u32,
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
            let mut table = self.table();
            table.lone.count(event.key);
            // One whose descriptor has just gone, or whose place another has taken: that one looks
            // once more than it need.
            let Some(source) = table.sources.get(event.key).cloned() else {
                continue;
            };
            drop(table);
            if event.readable {
                source.set_ready(Interest::Read, event.read_ended, &mut wake);
            }
            if event.writable {
                source.set_ready(Interest::Write, event.write_ended, &mut wake);
            }
        }
        any
    }

    /// As [`wait`](Self::wait) without waiting, for who has nothing else to do. If the events come
    /// from one descriptor alone, most looks have it read instead, whether there is something or
    /// not.
    ///
    /// A read in vain takes the system as long as to report an event and to have it fetched, but
    /// what has come is there one call earlier. It is reported all the same at the next look at
    /// all, which costs another read in vain.
    pub(crate) fn look(&self, events: &mut Events, wake: impl FnMut(Waker)) -> bool {
        let Some(source) = self.table().take_lone() else {
            return self.wait(events, Some(Duration::ZERO), wake);
        };
        source.set_ready(Interest::Read, false, wake);
        true
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

impl Table {
    /// The source that is to be read without asking, if this look is such a one.
    fn take_lone(&mut self) -> Option<Arc<Source>> {
        let source = self.sources.get(self.lone.key)?;
        // Else nobody waits for it, and it may be ready for ever.
        let is_next = source.is_blocked(Interest::Read) && self.lone.is_next();
        is_next.then(|| Arc::clone(source))
    }
}

impl Lone {
    /// An event has come of this key.
    fn count(&mut self, key: usize) {
        if self.key != key {
            *self = Self {
                key,
                ..Self::default()
            };
        }
        self.events = self.events.saturating_add(1);
        self.looks = 0;
    }

    /// Whether the next look is at it alone.
    fn is_next(&mut self) -> bool {
        if self.events < EVENTS_ALONE || self.looks == LOOKS_ALONE_MAX {
            return false;
        }
        self.looks += 1;
        !self.looks.is_multiple_of(LOOKS_PER_WAIT)
    }
}

/// A descriptor is read without asking when so many events in a row were its own.
const EVENTS_ALONE: u32 = 8;
/// One in so many looks is at all descriptors: they then wait five microseconds longer at most.
const LOOKS_PER_WAIT: u32 = 16;
/// After so many looks without an event all look at all, about 20 microseconds.
const LOOKS_ALONE_MAX: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the next looks are at it alone.
    fn looks_alone(lone: &mut Lone, looks: u32) -> usize {
        (0..looks).filter(|_| lone.is_next()).count()
    }

    #[test]
    fn a_descriptor_is_read_without_asking_once_it_is_alone() {
        let mut lone = Lone::default();
        for _ in 1..EVENTS_ALONE {
            lone.count(3);
            assert!(!lone.is_next());
        }
        lone.count(3);
        assert!(lone.is_next());
    }

    #[test]
    fn all_are_looked_at_now_and_then_and_after_a_while_always() {
        let mut lone = Lone::default();
        (0..EVENTS_ALONE).for_each(|_| lone.count(3));
        for _ in 0..LOOKS_ALONE_MAX / LOOKS_PER_WAIT {
            let at_one = looks_alone(&mut lone, LOOKS_PER_WAIT);
            assert_eq!(at_one, LOOKS_PER_WAIT as usize - 1);
        }
        assert_eq!(looks_alone(&mut lone, 1000), 0);
        lone.count(3);
        assert!(lone.is_next(), "it is alone still");
    }

    #[test]
    fn an_event_of_another_ends_it() {
        let mut lone = Lone::default();
        (0..EVENTS_ALONE).for_each(|_| lone.count(3));
        lone.count(4);
        lone.count(3);
        assert_eq!(looks_alone(&mut lone, 1000), 0);
    }
}
