//! A control connection, with what is heard and said on it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use super::encounter::Sealed;
use super::joined::ControlLink;
use super::liveness::{Cause, Liveness};
use super::message::{Control, Message};
use super::wire::is_for_later;

/// ```text
///                transition_to_parting            end of the peer, or time
///      Open ─────────────────────────────► Parting ─────────────────────► Closed
///        └────────────────── end of the peer, damage, too much to say ──────┘
/// ```
pub(super) struct Link {
    node: u32,
    stream: TcpStream,
    sealed: Sealed,
    output: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The peer was told that it is dead. It is not heard any more, but the connection is kept
    /// until it has had time to read that: a connection with unread input loses its output, too,
    /// when it is closed.
    Parting {
        until: Instant,
        is_shut: bool,
    },
    Closed,
}

impl Link {
    pub(super) fn new(link: ControlLink) -> Self {
        Self {
            node: link.node,
            stream: link.stream,
            sealed: link.sealed,
            output: Vec::new(),
            state: State::Open,
        }
    }

    pub(super) fn node(&self) -> u32 {
        self.node
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Takes all that has come, within reason, and tells `liveness` of it.
    pub(super) fn hear(&mut self, now: Instant, liveness: &mut Liveness) {
        if self.state == State::Open && self.output.len() > OUTPUT_BYTES_MAX {
            liveness.handle_closed(now, self.node, Cause::Silent);
            self.state = State::Closed;
        }
        let mut buffer = [0; READ_BYTES];
        for _ in 0..READS_MAX {
            if self.state == State::Closed {
                return;
            }
            let ended = match self.stream.read(&mut buffer) {
                Ok(0) => Some(Cause::Closed),
                Ok(bytes) => self.hear_bytes(now, &buffer[..bytes], liveness).err(),
                Err(error) if is_for_later(&error) => return,
                Err(_) => Some(Cause::Closed),
            };
            if let Some(cause) = ended {
                if self.state == State::Open {
                    liveness.handle_closed(now, self.node, cause);
                }
                self.state = State::Closed;
            }
        }
    }

    fn hear_bytes(
        &mut self,
        now: Instant,
        bytes: &[u8],
        liveness: &mut Liveness,
    ) -> Result<(), Cause> {
        if self.state != State::Open {
            return Ok(());
        }
        liveness.handle_heard(now, self.node);
        self.sealed.opener.handle_bytes(bytes);
        while let Some(frame) = self.sealed.opener.poll_frame().map_err(damaged)? {
            match Message::from_bytes(&frame) {
                Ok(Message::Control(control)) => liveness.handle_control(now, self.node, control),
                Ok(_) | Err(_) => return Err(Cause::Damaged),
            }
        }
        Ok(())
    }

    pub(super) fn say(&mut self, control: Control) {
        let message = Message::Control(control).to_bytes();
        self.sealed.sealer.seal(&message, &mut self.output);
    }

    pub(super) fn transition_to_parting(&mut self, until: Instant) {
        if self.state == State::Open {
            let is_shut = false;
            self.state = State::Parting { until, is_shut };
        }
    }

    /// Sends what goes; says whether the connection is to be kept.
    pub(super) fn send(&mut self, now: Instant) -> bool {
        while !self.output.is_empty() && self.state != State::Closed {
            match self.stream.write(&self.output) {
                Ok(bytes) => drop(self.output.drain(..bytes)),
                Err(error) if is_for_later(&error) => break,
                // What came before the end may still be there to be read, and then its end.
                Err(_) => self.output.clear(),
            }
        }
        match &mut self.state {
            State::Open => true,
            State::Parting { until, is_shut } => {
                if self.output.is_empty() && !std::mem::replace(is_shut, true) {
                    // If it fails, the peer has gone.
                    let _ = self.stream.shutdown(Shutdown::Write);
                }
                now < *until
            }
            State::Closed => false,
        }
    }

    pub(super) fn is_sent(&self) -> bool {
        self.output.is_empty()
    }

    /// When a peer that was told that it is dead has had time enough.
    pub(super) fn parts_at(&self) -> Option<Instant> {
        match self.state {
            State::Parting { until, .. } => Some(until),
            State::Open | State::Closed => None,
        }
    }
}

fn damaged(_: super::sealed::FrameError) -> Cause {
    Cause::Damaged
}

const READ_BYTES: usize = 4096;

/// How much of one node is heard before the others are.
const READS_MAX: usize = 16;

/// What waits for a node that does not read: months of heartbeats.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
