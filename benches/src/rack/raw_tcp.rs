//! The limits of TCP: what plain sockets of two processes do over loopback.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use serde::{Deserialize, Serialize};

use super::process::{Done, Part, pair, say};
use crate::harness::machine::{Machine, pin};
use crate::harness::meter::{Clock, cpu_time};

/// How a side waits for bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Wait {
    /// Asleep in the system.
    Blocking,
    /// By asking again and again.
    Spinning,
}

/// One side of a ping-pong: a message there, a message back, then the next.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct PingPong {
    /// Where the other side listens; without it this one does.
    peer: Option<SocketAddr>,
    core: usize,
    wait: Wait,
    /// Of each message.
    bytes: usize,
    millis: u64,
}

/// One side of a stream: the first reads, the second writes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Stream {
    peer: Option<SocketAddr>,
    core: usize,
    /// Of one system call.
    write_bytes: usize,
    millis: u64,
}

/// Round trips a second of messages like one with so many small requests.
pub(super) fn ping_pong(machine: &Machine, wait: Wait, requests: usize, millis: u64) -> f64 {
    let bytes = FRAME_BYTES + requests * REQUEST_BYTES;
    let cores = machine.pair();
    let [asks, _] = pair(|side, peer| {
        Part::PingPong(PingPong {
            peer,
            core: cores[1 - side],
            wait,
            bytes,
            millis,
        })
    });
    asks.rate()
}

/// Bytes for each second of processor time of both sides.
pub(super) fn bytes_a_cpu_second(machine: &Machine, write_bytes: usize, millis: u64) -> f64 {
    let cores = machine.pair();
    let [writes, reads] = pair(|side, peer| {
        Part::Stream(Stream {
            peer,
            core: cores[1 - side],
            write_bytes,
            millis,
        })
    });
    assert_eq!(writes.count, reads.count, "what is written is read");
    writes.count as f64 / (writes.cpu + reads.cpu)
}

impl PingPong {
    /// Does this side's part.
    pub(super) fn play(self) -> Done {
        pin(self.core);
        let mut stream = meet(self.peer).expect("loopback works");
        stream.set_nodelay(true).expect("it is open");
        let is_spinning = matches!(self.wait, Wait::Spinning);
        stream.set_nonblocking(is_spinning).expect("it is open");
        let clock = Clock::start(self.millis);
        let mut count = 0_u64;
        let mut message = vec![0; self.bytes];
        if self.peer.is_none() {
            // It ends when the other side goes.
            while read_exact(&mut stream, &mut message).is_ok() {
                write_all(&mut stream, &message).expect("it is open");
            }
            return Done::default();
        }
        while !count.is_multiple_of(16) || !clock.is_over() {
            message[..8].copy_from_slice(&count.to_le_bytes());
            write_all(&mut stream, &message).expect("it is open");
            read_exact(&mut stream, &mut message).expect("it is open");
            assert_eq!(message[..8], count.to_le_bytes());
            count += 1;
        }
        Done {
            count,
            seconds: clock.elapsed(),
            cpu: cpu_time().as_secs_f64(),
        }
    }
}

impl Stream {
    /// Does this side's part.
    pub(super) fn play(self) -> Done {
        pin(self.core);
        let mut stream = meet(self.peer).expect("loopback works");
        stream.set_nodelay(true).expect("it is open");
        let mut bytes = vec![7; self.write_bytes.max(READ_BYTES)];
        let cpu = cpu_time();
        let clock = Clock::start(self.millis);
        let mut count = 0_u64;
        if self.peer.is_none() {
            loop {
                match stream.read(&mut bytes[..READ_BYTES]).expect("it is open") {
                    0 => break,
                    some => count += some as u64,
                }
            }
        } else {
            while !clock.is_over() {
                for _ in 0..16 {
                    stream
                        .write_all(&bytes[..self.write_bytes])
                        .expect("it is open");
                    count += self.write_bytes as u64;
                }
            }
        }
        Done {
            count,
            seconds: clock.elapsed(),
            cpu: (cpu_time() - cpu).as_secs_f64(),
        }
    }
}

/// A connection with the other side, which is told where this one listens if that is not known.
pub(super) fn meet(peer: Option<SocketAddr>) -> io::Result<TcpStream> {
    if let Some(peer) = peer {
        return TcpStream::connect(peer);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    say(&listener.local_addr()?);
    Ok(listener.accept()?.0)
}

/// As [`Read::read_exact`], also if the socket says that there is nothing yet.
fn read_exact(stream: &mut TcpStream, mut into: &mut [u8]) -> io::Result<()> {
    while !into.is_empty() {
        match stream.read(into) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => into = &mut into[bytes..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn write_all(stream: &mut TcpStream, mut from: &[u8]) -> io::Result<()> {
    while !from.is_empty() {
        match stream.write(from) {
            Ok(bytes) => from = &from[bytes..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// About what a frame takes, and each small request in it.
const FRAME_BYTES: usize = 48;
const REQUEST_BYTES: usize = 16;
/// As much as the rack's own reader takes at once.
const READ_BYTES: usize = 320 << 10;
