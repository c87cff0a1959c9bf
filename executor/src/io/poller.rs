//! [`Poller`]: epoll, at one system call a wait.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

/// An epoll instance, and a bell that ends its wait from any thread.
///
/// The bell is a pipe. Who writes to one is taken to sleep soon, as who writes to a socket, which is
/// not said of an `eventfd`. So where no core is free, the one that is woken comes to the core of
/// the one that wakes it, and not behind what has taken its own meanwhile.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    bell: OwnedFd,
    /// Rings the bell.
    rope: OwnedFd,
}

/// What has become of a descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) key: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// Nothing more comes, or an error waits: it stays ready whatever an operation finds.
    pub(crate) read_ended: bool,
    pub(crate) write_ended: bool,
}

/// Room for what one wait reports.
#[derive(Default)]
pub(crate) struct Events(Vec<epoll::Event>);

impl Events {
    /// What the last wait has reported; the bell is left out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> {
        self.0.iter().filter_map(|event| {
            let (data, flags) = (event.data, event.flags);
            let key = usize::try_from(data.u64()).ok()?;
            (key != BELL).then(|| Event {
                key,
                readable: flags.intersects(READABLE),
                writable: flags.intersects(WRITABLE),
                read_ended: flags.intersects(ENDED | EventFlags::RDHUP),
                write_ended: flags.intersects(ENDED),
            })
        })
    }
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let (bell, rope) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        epoll::add(
            &epoll,
            &bell,
            EventData::new_u64(BELL as u64),
            EventFlags::IN | EventFlags::ET,
        )?;
        Ok(Self { epoll, bell, rope })
    }

    /// Watches a descriptor for both directions, by edges. What it is ready for already is an edge.
    pub(crate) fn add(&self, source: impl AsFd, key: usize) -> io::Result<()> {
        let data = EventData::new_u64(key as u64);
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP;
        Ok(epoll::add(
            &self.epoll,
            source,
            data,
            flags | EventFlags::ET,
        )?)
    }

    pub(crate) fn delete(&self, source: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, source)?)
    }

    /// Waits for events, for ever if there is no timeout; a signal may end it early.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.0.clear();
        events.0.reserve(EVENTS_PER_WAIT);
        // One that is too long for the system is as good as none.
        let exact = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match epoll::wait(&self.epoll, spare_capacity(&mut events.0), exact.as_ref()) {
            Ok(_) | Err(Errno::INTR) => self.hush(events),
            // A system before Linux 5.11, or a sandbox, that knows whole milliseconds only.
            Err(Errno::NOSYS | Errno::PERM) if timeout.is_some() => {
                return self.wait_whole_millis(events, timeout.unwrap_or_default());
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Waits for as many milliseconds as are not less; a wait may end early, so a day will do.
    fn wait_whole_millis(&self, events: &mut Events, timeout: Duration) -> io::Result<()> {
        let millis = timeout.as_nanos().div_ceil(1_000_000).min(86_400_000) as u64;
        let whole = Timespec::try_from(Duration::from_millis(millis)).ok();
        match epoll::wait(&self.epoll, spare_capacity(&mut events.0), whole.as_ref()) {
            Ok(_) | Err(Errno::INTR) => self.hush(events),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Empties the bell if it was heard, so that the next ring is an edge. Never before a wait, which
    /// would take the ring that is to end it.
    fn hush(&self, events: &Events) {
        let mut rings = [0; 64];
        if events.0.iter().any(|event| event.data.u64() == BELL as u64) {
            while rustix::io::read(&self.bell, &mut rings) == Ok(rings.len()) {}
        }
    }

    /// Ends the wait that is under way, or else the next one.
    pub(crate) fn ring(&self) {
        // It fails only when it is full, and is then loud enough.
        let _ = rustix::io::retry_on_intr(|| rustix::io::write(&self.rope, &[1]));
    }
}

const ENDED: EventFlags = EventFlags::HUP.union(EventFlags::ERR);
const READABLE: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(ENDED);
const WRITABLE: EventFlags = EventFlags::OUT.union(ENDED);
const EVENTS_PER_WAIT: usize = 256;
/// The key of the bell, which no source has.
const BELL: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn keys(poller: &Poller, timeout: Option<Duration>) -> Vec<(usize, bool, bool)> {
        let mut events = Events::default();
        poller.wait(&mut events, timeout).expect("a wait");
        let all = events.iter();
        all.map(|event| (event.key, event.readable, event.writable))
            .collect()
    }

    #[test]
    fn every_ring_ends_one_wait_and_is_no_event() {
        let poller = Poller::new().expect("a poller");
        for _ in 0..3 {
            poller.ring();
            assert_eq!(keys(&poller, None), []);
        }
        assert_eq!(keys(&poller, Some(Duration::ZERO)), []);
    }

    /// Else the system need not report the next ring, which adds to what is there or finds no room.
    #[test]
    fn a_bell_that_was_heard_is_empty() {
        let poller = Poller::new().expect("a poller");
        for rings in [1, 100_000] {
            (0..rings).for_each(|_| poller.ring());
            assert_eq!(keys(&poller, None), []);
            let left = rustix::io::read(&poller.bell, &mut [0]);
            assert_eq!(left, Err(Errno::AGAIN));
        }
    }

    #[test]
    fn whole_milliseconds_are_not_less() {
        let poller = Poller::new().expect("a poller");
        let mut events = Events::default();
        let looked = poller.wait(&mut events, Some(Duration::ZERO)); // makes room
        looked.expect("a look");
        for micros in [0, 1, 1_001] {
            let (timeout, before) = (Duration::from_micros(micros), std::time::Instant::now());
            let waited = poller.wait_whole_millis(&mut events, timeout);
            waited.expect("a wait");
            assert!(before.elapsed() >= timeout);
        }
        poller.ring();
        let waited = poller.wait_whole_millis(&mut events, Duration::MAX);
        waited.expect("rung");
    }

    #[test]
    fn reports_edges_once() {
        let poller = Poller::new().expect("a poller");
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        poller.add(&theirs, 7).expect("added");
        assert_eq!(keys(&poller, None), [(7, false, true)]);
        assert_eq!(keys(&poller, Some(Duration::ZERO)), []);
        ours.write_all(b"x").expect("written");
        assert_eq!(keys(&poller, None), [(7, true, true)]);
        poller.delete(&theirs).expect("deleted");
        ours.write_all(b"x").expect("written");
        assert_eq!(keys(&poller, Some(Duration::ZERO)), []);
    }
}
