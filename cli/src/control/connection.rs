//! Control connections over TCP, on threads that wait.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frame::{FrameError, Opener, PIECE_BYTES_MAX, Sealer};
use super::handshake::{Dialer, OPENING_BYTES, STRANGER_TIME, StrangerError};
use super::message::{Bytes, Chunk, MessageError, decode, encode};
use crate::key::RackKey;

/// The half that sends; several threads may share it.
#[derive(Debug)]
pub(crate) struct Sender {
    stream: TcpStream,
    sealing: Mutex<Sealing>,
}

#[derive(Debug)]
struct Sealing {
    sealer: Sealer,
    /// Empty between two messages; kept for its memory.
    sealed: Vec<u8>,
}

/// The half that receives.
#[derive(Debug)]
pub(crate) struct Receiver {
    stream: io::BufReader<TcpStream>,
    opener: Opener,
    message: Vec<u8>,
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DialError {
    #[error("{0}")]
    Unreachable(#[from] io::Error),
    #[error("it has another key, or another version of gossamer, or is no daemon")]
    Key,
}

/// Why nothing more comes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ReceiveError {
    #[error("it has closed its connection")]
    Closed,
    #[error("nothing was heard of it in time")]
    Silent,
    #[error("its connection broke: {0}")]
    Broken(io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Message(#[from] MessageError),
}

/// Connects, and proves to each other that both know the key.
pub(crate) fn dial(
    address: SocketAddr,
    key: &RackKey,
    limit: Duration,
) -> Result<(Sender, Receiver), DialError> {
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(limit.min(STRANGER_TIME)))?;
    let (dialer, opening) = Dialer::new(key).map_err(no_answer)?;
    stream.write_all(&opening)?;
    let mut answer = [0; OPENING_BYTES];
    stream.read_exact(&mut answer).map_err(|error| {
        match error.kind() {
            // As daemons do with strangers.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => DialError::Key,
            _ => error.into(),
        }
    })?;
    let answered = dialer.handle_answer(&answer);
    let (proof, sealer, opener) = answered.map_err(|_| DialError::Key)?;
    stream.write_all(&proof)?;
    stream.set_read_timeout(None)?;
    Ok(halves(stream, sealer, opener)?)
}

fn no_answer(_: StrangerError) -> io::Error {
    io::Error::other("the system gives no random numbers")
}

/// Of a connection that was proven.
pub(crate) fn halves(
    stream: TcpStream,
    sealer: Sealer,
    opener: Opener,
) -> io::Result<(Sender, Receiver)> {
    let sender = Sender {
        stream: stream.try_clone()?,
        sealing: Mutex::new(Sealing {
            sealer,
            sealed: Vec::new(),
        }),
    };
    let receiver = Receiver {
        stream: io::BufReader::with_capacity(READ_BYTES, stream),
        opener,
        message: Vec::new(),
    };
    Ok((sender, receiver))
}

impl Sender {
    pub(crate) fn send(&self, message: &impl Serialize) -> io::Result<()> {
        self.send_bytes(&encode(message))
    }

    /// Some bytes as they are.
    pub(crate) fn send_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut sealing = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        let Sealing { sealer, sealed } = &mut *sealing;
        sealed.clear();
        sealer.seal(bytes, sealed);
        (&self.stream).write_all(sealed)
    }

    /// Ends the connection, of both halves: whoever waits for it goes on.
    pub(crate) fn close(&self) {
        // It may have ended already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Sends nothing more: the other end finds the end behind all that was sent.
    pub(crate) fn finish(&self) {
        // It may have ended already.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }
}

impl Receiver {
    /// The next message.
    pub(crate) fn receive<M: DeserializeOwned>(&mut self) -> Result<M, ReceiveError> {
        Ok(decode(self.receive_bytes()?)?)
    }

    /// The next message, as it is.
    pub(crate) fn receive_bytes(&mut self) -> Result<&[u8], ReceiveError> {
        self.message.clear();
        let mut piece = [0; u16::MAX as usize];
        loop {
            let mut length = [0; 2];
            self.stream.read_exact(&mut length).map_err(of_read)?;
            let piece = &mut piece[..u16::from_le_bytes(length).into()];
            self.stream.read_exact(piece).map_err(of_read)?;
            if self.opener.open(piece, &mut self.message)? {
                return Ok(&self.message);
            }
        }
    }

    /// From now on, for how long nothing may come.
    pub(crate) fn set_silence_max(&self, silence: Option<Duration>) -> io::Result<()> {
        self.stream.get_ref().set_read_timeout(silence)
    }
}

fn of_read(error: io::Error) -> ReceiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => ReceiveError::Closed,
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ReceiveError::Silent,
        _ => ReceiveError::Broken(error),
    }
}

/// Some pieces at once.
const READ_BYTES: usize = 256 << 10;

/// How much of a stream goes into one message.
pub(crate) const CHUNK_BYTES_MAX: usize = PIECE_BYTES_MAX - 64;

/// The end of a stream.
pub(crate) fn end_of(node: u32, stream: crate::output::Stream) -> Chunk {
    let bytes = Bytes(Vec::new());
    Chunk {
        node,
        stream,
        bytes,
    }
}
