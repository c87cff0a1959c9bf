//! Where connections are accepted, and stay until they have proved that they know the key.
//!
//! **Invariant:** strangers cost bounded memory and time, and one thread: [`GUESTS_MAX`] are there
//! at most, each for [`STRANGER_TIME`](crate::control::handshake::STRANGER_TIME). When one more
//! comes, the oldest of the source with the most has to go, of those that have said nothing that only
//! who knows the key can say; whoever had to go comes again.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv6Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::refusals::Reason;
use crate::control::frame::{Opener, Sealer};
use crate::control::handshake::{Acceptor, Progress};
use crate::key::RackKey;

/// Who has not proved anything yet.
struct Guest {
    stream: TcpStream,
    source: IpAddr,
    acceptor: Acceptor,
}

/// One that knows the key.
pub(crate) struct Proven {
    pub(crate) stream: TcpStream,
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
}

/// What becomes of a guest.
enum Stay {
    Stays(Guest),
    Proven(Proven),
    Goes(IpAddr, Reason),
}

/// Accepts connections for ever; returns if that cannot go on.
pub(crate) fn attend(
    listener: &TcpListener,
    key: &RackKey,
    mut let_in: impl FnMut(Proven),
    mut refuse: impl FnMut(IpAddr, Reason),
) -> io::Error {
    let mut guests: Vec<Guest> = Vec::new();
    loop {
        if let Err(error) = wait(listener, &guests) {
            return error;
        }
        let now = Instant::now();
        for guest in std::mem::take(&mut guests) {
            match guest.advance(now) {
                Stay::Stays(guest) => guests.push(guest),
                Stay::Proven(proven) => let_in(proven),
                Stay::Goes(source, reason) => refuse(source, reason),
            }
        }
        for _ in 0..ACCEPTS_MAX {
            match listener.accept() {
                Ok((stream, source)) => {
                    if guests.len() >= GUESTS_MAX {
                        let crowd = guests.remove(oldest_of_most(&guests));
                        refuse(crowd.source, Reason::Crowded);
                    }
                    match Guest::new(stream, source.ip(), key, now) {
                        Ok(guest) => guests.push(guest),
                        Err(reason) => refuse(source.ip(), reason),
                    }
                }
                Err(error) if is_for_later(&error) => break,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                // Too many files are open: those that are let in will end.
                Err(_) => {
                    std::thread::sleep(PAUSE);
                    break;
                }
            }
        }
    }
}

impl Guest {
    fn new(stream: TcpStream, source: IpAddr, key: &RackKey, now: Instant) -> Result<Self, Reason> {
        let prepared = stream.set_nonblocking(true);
        let prepared = prepared.and_then(|()| stream.set_nodelay(true));
        prepared.map_err(|_| Reason::Gone)?;
        Ok(Self {
            stream,
            source,
            acceptor: Acceptor::new(key, now)?,
        })
    }

    fn advance(mut self, now: Instant) -> Stay {
        match self.read() {
            Ok(Some((sealer, opener))) => match self.stream.set_nonblocking(false) {
                Ok(()) => Stay::Proven(Proven {
                    stream: self.stream,
                    sealer,
                    opener,
                }),
                Err(_) => Stay::Goes(self.source, Reason::Gone),
            },
            Ok(None) => match self.acceptor.handle_timeout(now) {
                Ok(()) => Stay::Stays(self),
                Err(error) => Stay::Goes(self.source, error.into()),
            },
            Err(reason) => Stay::Goes(self.source, reason),
        }
    }

    fn read(&mut self) -> Result<Option<(Sealer, Opener)>, Reason> {
        // Larger than any part of the handshake.
        let mut buffer = [0; 64];
        loop {
            let wanted = self.acceptor.wanted().min(buffer.len());
            let read = match self.stream.read(&mut buffer[..wanted]) {
                Ok(0) => return Err(Reason::Gone),
                Ok(read) => read,
                Err(error) if is_for_later(&error) => return Ok(None),
                Err(_) => return Err(Reason::Gone),
            };
            match self.acceptor.handle_bytes(&buffer[..read])? {
                Progress::Waits => {}
                // The first that is sent: it fits into the system's memory.
                Progress::Answers(answer) => {
                    self.stream.write_all(&answer).map_err(|_| Reason::Gone)?;
                }
                Progress::Proven(sealer, opener) => return Ok(Some((sealer, opener))),
            }
        }
    }
}

/// The guest that has to go; they are in the order in which they came.
fn oldest_of_most(guests: &[Guest]) -> usize {
    let of = |guest: &Guest| (network(guest.source), guest.acceptor.is_answered());
    crowd(&guests.iter().map(of).collect::<Vec<_>>())
}

/// Of those that were not answered yet, if there are any.
fn crowd(guests: &[(IpAddr, bool)]) -> usize {
    let has_unanswered = guests.iter().any(|(_, is_answered)| !is_answered);
    let may_go = |is_answered: bool| !(has_unanswered && is_answered);
    let mut counts = HashMap::new();
    for (source, _) in guests.iter().filter(|guest| may_go(guest.1)) {
        *counts.entry(source).or_insert(0) += 1;
    }
    let most = counts.values().max().copied().unwrap_or(0);
    let is_of_most =
        |(source, is_answered): &(IpAddr, bool)| may_go(*is_answered) && counts[source] == most;
    guests.iter().position(is_of_most).unwrap_or(0)
}

/// The addresses that one host may have as many of as it likes count as one.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

fn wait(listener: &TcpListener, guests: &[Guest]) -> io::Result<()> {
    let deadline = guests
        .iter()
        .map(|guest| guest.acceptor.poll_timeout())
        .min();
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let left = left.and_then(|left| Timespec::try_from(left).ok());
    let mut interests = vec![PollFd::new(listener, PollFlags::IN)];
    interests.extend(
        guests
            .iter()
            .map(|guest| PollFd::new(&guest.stream, PollFlags::IN)),
    );
    match poll(&mut interests, left.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

const GUESTS_MAX: usize = 64;

/// Between two looks at the guests.
const ACCEPTS_MAX: usize = 16;

const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn the_crowd_makes_room() {
        let from = |numbers: &[u8]| -> Vec<(IpAddr, bool)> {
            let address = |number: &u8| (Ipv4Addr::new(10, 0, 0, *number).into(), false);
            numbers.iter().map(address).collect()
        };
        assert_eq!(crowd(&from(&[1, 2, 3])), 0, "the oldest of all");
        assert_eq!(crowd(&from(&[1, 2, 3, 2])), 1);
        assert_eq!(crowd(&from(&[1, 3, 3, 2, 2, 2])), 3);
        let mut guests = from(&[2, 2, 1, 3, 3]);
        (guests[0].1, guests[1].1, guests[3].1) = (true, true, true);
        assert_eq!(crowd(&guests), 2, "not those that were answered");
        guests.iter_mut().for_each(|guest| guest.1 = true);
        assert_eq!(crowd(&guests), 0);
    }

    #[test]
    fn many_addresses_of_one_host() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:0:0:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
