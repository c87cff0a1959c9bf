//! Node 0 gathers the others: it listens, lets each prove itself, and tells all when all are there.
//!
//! **Invariant:** strangers cost bounded memory and time, and never keep a node out: when too many
//! are there, the one that came first has to go, and a node that had to go comes again.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::card::{Card, Difference};
use super::encounter::{Encounter, EncounterError};
use super::error::JoinError;
use super::failure::StartFailure;
use super::host;
use super::joined::ControlLink;
use super::key::RunKey;
use super::membership::Membership;
use super::message::Message;
use super::roll::Roll;
use super::wire::{Wire, WireError, is_for_later, wait};

pub(super) struct Gathering<'a> {
    key: &'a RunKey,
    card: Card,
    roll: Roll,
    guests: Vec<Guest>,
    /// How many connections ended before they proved themselves.
    strangers: u32,
}

/// A connection that was accepted.
struct Guest {
    wire: Wire,
    peer: SocketAddr,
    /// Which node it is, once it is in the roll.
    node: Option<u32>,
}

/// What becomes of a guest.
enum Stay {
    Stays,
    /// It was a stranger.
    Goes,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(key: &'a RunKey, card: Card, roll: Roll) -> Self {
        Self {
            key,
            card,
            roll,
            guests: Vec::new(),
            strangers: 0,
        }
    }

    /// Waits until all are there, or the limit has passed, or somebody does not fit.
    pub(super) fn gather(
        mut self,
        listener: &TcpListener,
        limit: Duration,
    ) -> Result<(Membership, Vec<ControlLink>), JoinError> {
        match self.fill(listener, limit) {
            Ok(()) => self.complete(),
            Err(error) => {
                let failure = match &error {
                    JoinError::Start(failure) => failure.clone(),
                    _ => StartFailure::Failed,
                };
                tell(&mut self.guests, &Message::Failed(failure));
                Err(error)
            }
        }
    }

    fn fill(&mut self, listener: &TcpListener, limit: Duration) -> Result<(), JoinError> {
        let began = Instant::now();
        while !self.roll.is_complete() {
            self.wait(listener, began + limit)
                .map_err(JoinError::system("connections cannot be waited for"))?;
            let now = Instant::now();
            self.attend(now)?;
            self.accept(listener)?;
            if !self.roll.is_complete() && now >= began + limit {
                return Err(self.roll.missing(limit, self.strangers).into());
            }
        }
        Ok(())
    }

    fn wait(&mut self, listener: &TcpListener, limit: Instant) -> io::Result<()> {
        let timeouts = self.guests.iter().map(|guest| &guest.wire.encounter);
        let first = timeouts.filter_map(Encounter::poll_timeout).min();
        let deadline = first.map_or(limit, |first| first.min(limit));
        let mut interests = vec![PollFd::new(listener, PollFlags::IN)];
        interests.extend(self.guests.iter_mut().map(|guest| {
            let interest = guest.wire.interest();
            PollFd::new(&guest.wire.stream, interest)
        }));
        wait(&mut interests, deadline)
    }

    fn accept(&mut self, listener: &TcpListener) -> Result<(), JoinError> {
        for _ in 0..ACCEPTS_MAX {
            match listener.accept() {
                Ok((stream, peer)) => self.admit(stream, peer)?,
                Err(error) if is_for_later(&error) => return Ok(()),
                // Somebody has gone before it was let in.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(source) => {
                    let doing = "no connection can be accepted";
                    return Err(JoinError::System { doing, source });
                }
            }
        }
        Ok(())
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) -> Result<(), JoinError> {
        let is_stranger = |guest: &Guest| !guest.wire.encounter.is_proven();
        if self
            .guests
            .iter()
            .filter(|guest| is_stranger(guest))
            .count()
            >= STRANGERS_MAX
            && let Some(first) = self.guests.iter().position(is_stranger)
        {
            self.guests.remove(first);
            self.strangers += 1;
        }
        let deadline = Instant::now() + STRANGER_TIME;
        let encounter = Encounter::accept(self.key, self.card, &host::nonce()?, deadline);
        if let Ok(wire) = Wire::new(stream, encounter) {
            self.guests.push(Guest {
                wire,
                peer,
                node: None,
            });
        }
        Ok(())
    }

    /// Each guest's turn, until one ends the start: it is kept, to be told so with the others.
    fn attend(&mut self, now: Instant) -> Result<(), JoinError> {
        let mut result = Ok(());
        for mut guest in std::mem::take(&mut self.guests) {
            let stay = match result {
                Ok(()) => self.turn(now, &mut guest),
                Err(_) => Ok(Stay::Stays),
            };
            if !matches!(stay, Ok(Stay::Goes)) {
                self.guests.push(guest);
            }
            result = result.and(stay.map(|_| ()));
        }
        result
    }

    fn turn(&mut self, now: Instant, guest: &mut Guest) -> Result<Stay, JoinError> {
        let advanced = guest.wire.advance();
        self.listen_to(guest)?;
        let ended = match advanced {
            Ok(()) => guest.wire.encounter.handle_timeout(now).err(),
            Err(WireError::Encounter(error)) => Some(error),
            Err(WireError::Closed(_)) => {
                return match guest.node {
                    Some(node) => Err(StartFailure::Left { node }.into()),
                    None => Ok(self.part_with(guest)),
                };
            }
        };
        match ended {
            None => Ok(Stay::Stays),
            Some(EncounterError::Stranger(_) | EncounterError::TooSlow) => {
                Ok(self.part_with(guest))
            }
            Some(EncounterError::Differs { difference, theirs }) => {
                Err(self.difference(difference, &theirs, guest.peer).into())
            }
            Some(EncounterError::Frame(_)) => match guest.node {
                Some(node) => Err(StartFailure::Left { node }.into()),
                None => Ok(Stay::Goes),
            },
        }
    }

    fn part_with(&mut self, guest: &Guest) -> Stay {
        self.strangers += u32::from(!guest.wire.encounter.is_proven());
        Stay::Goes
    }

    fn listen_to(&mut self, guest: &mut Guest) -> Result<(), JoinError> {
        // An error of the frames comes again when the encounter is asked next.
        while let Ok(Some(frame)) = guest.wire.encounter.poll_frame() {
            match Message::from_bytes(&frame)? {
                Message::Join(request) if guest.node.is_none() => {
                    let node = request.member.node;
                    self.roll.enter(request, guest.peer)?;
                    guest.node = Some(node);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(())
    }

    fn difference(&self, difference: Difference, theirs: &Card, peer: SocketAddr) -> StartFailure {
        match difference {
            Difference::Protocol => StartFailure::Protocol {
                peer,
                theirs: theirs.protocol,
                ours: self.card.protocol,
            },
            Difference::Build => StartFailure::Build {
                peer,
                theirs: theirs.build,
                ours: self.card.build,
            },
        }
    }

    fn complete(self) -> Result<(Membership, Vec<ControlLink>), JoinError> {
        let membership = self.roll.into_membership().expect("it is complete");
        let mut guests = self.guests;
        guests.retain(|guest| guest.node.is_some());
        guests.sort_by_key(|guest| guest.node);
        if let Some(node) = tell(&mut guests, &Message::Complete(membership.clone())) {
            let failure = StartFailure::Left { node };
            tell(&mut guests, &Message::Failed(failure.clone()));
            return Err(failure.into());
        }
        let links = guests.into_iter().filter_map(|guest| {
            Some(ControlLink {
                node: guest.node?,
                stream: guest.wire.stream,
                sealed: guest.wire.encounter.into_sealed()?,
            })
        });
        Ok((membership, links.collect()))
    }
}

/// Says the same to all that have proved themselves; returns a node that could not be reached.
fn tell(guests: &mut [Guest], message: &Message) -> Option<u32> {
    let message = message.to_bytes();
    let deadline = Instant::now() + ANSWER_TIME;
    for guest in &mut *guests {
        if guest.wire.encounter.is_proven() {
            guest.wire.encounter.send(&message);
        }
    }
    let mut unreached = None;
    for guest in guests {
        if guest.wire.flush(deadline).is_err() {
            unreached = unreached.or(guest.node);
        }
    }
    unreached
}

/// How many may be there at once that have not proved themselves.
const STRANGERS_MAX: usize = 256;

/// How long each of them may take.
const STRANGER_TIME: Duration = Duration::from_secs(5);

/// How long the nodes together may take to read what the start came to.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// How many are accepted before those that are there have their turn again.
const ACCEPTS_MAX: usize = 64;

#[cfg(test)]
#[path = "rendezvous_tests.rs"]
mod tests;
