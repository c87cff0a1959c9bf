//! A socket and the encounter that it carries, without waiting; and what waits for many of them.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::encounter::{Encounter, EncounterError};

/// One end of a connection between nodes.
pub(super) struct Wire {
    pub(super) stream: TcpStream,
    pub(super) encounter: Encounter,
}

/// Why a connection is of no use any more.
#[derive(Debug)]
pub(super) enum WireError {
    Closed(io::Error),
    Encounter(EncounterError),
}

impl Wire {
    pub(super) fn new(stream: TcpStream, encounter: Encounter) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, encounter })
    }

    /// Takes what has come, and sends what there is to send, as far as it goes now.
    ///
    /// Frames that came before an end or an error are there in either case.
    pub(super) fn advance(&mut self) -> Result<(), WireError> {
        let received = self.receive();
        // Also after an error: the peer may need it to find the same one.
        let sent = self.send();
        received?;
        sent.map_err(WireError::Closed)
    }

    /// One read, so that nobody who sends much keeps from the others.
    fn receive(&mut self) -> Result<(), WireError> {
        let mut buffer = [0; READ_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(WireError::Closed(io::ErrorKind::UnexpectedEof.into())),
            Ok(bytes) => self
                .encounter
                .handle_bytes(&buffer[..bytes])
                .map_err(WireError::Encounter),
            Err(error) if is_for_later(&error) => Ok(()),
            Err(error) => Err(WireError::Closed(error)),
        }
    }

    fn send(&mut self) -> io::Result<()> {
        let output = self.encounter.output();
        while !output.is_empty() {
            match self.stream.write(output) {
                Ok(bytes) => drop(output.drain(..bytes)),
                Err(error) if is_for_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends all of it, and waits for that until the deadline.
    pub(super) fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        loop {
            self.send()?;
            if self.encounter.output().is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let mut interests = [PollFd::new(&self.stream, PollFlags::OUT)];
            wait(&mut interests, deadline)?;
        }
    }

    /// What is to be waited for.
    pub(super) fn interest(&mut self) -> PollFlags {
        match self.encounter.output().is_empty() {
            true => PollFlags::IN,
            false => PollFlags::IN | PollFlags::OUT,
        }
    }
}

/// Waits for a single connection.
pub(super) fn wait_for(wire: &mut Wire, deadline: Instant) -> io::Result<()> {
    let interest = wire.interest();
    wait(
        &mut [PollFd::from_borrowed_fd(wire.stream.as_fd(), interest)],
        deadline,
    )
}

/// Waits until one of them is ready, or the deadline has passed, or a signal has come.
pub(super) fn wait(interests: &mut [PollFd<'_>], deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = Timespec::try_from(left).ok();
    match poll(interests, left.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Of an operation that did not wait.
pub(super) fn is_for_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

const READ_BYTES: usize = 16 << 10;
