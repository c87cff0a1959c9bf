//! Control connections over TCP, on threads that wait.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frame::{FrameError, LENGTH_BYTES, MESSAGE_BYTES_MAX, Opener, PIECE_BYTES_MAX, Sealer};
use super::handshake::{Dialer, OPENING_BYTES, STRANGER_TIME, StrangerError};
use super::message::{Bytes, Chunk, MessageError, Reply, Request, decode, encode};
use crate::key::RackKey;

/// The half that sends; several threads may share it.
#[derive(Debug)]
pub(crate) struct Sender {
    stream: TcpStream,
    sealer: Mutex<Sealer>,
}

/// The half that receives.
#[derive(Debug)]
pub(crate) struct Receiver {
    input: Input,
    opener: Opener,
    /// A message of several pieces.
    message: Vec<u8>,
}

/// A stream, and what was read of it beforehand.
#[derive(Debug)]
struct Input {
    stream: TcpStream,
    buffer: Box<[u8]>,
    unread: std::ops::Range<usize>,
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DialError {
    #[error("{0}")]
    Unreachable(#[from] io::Error),
    #[error("it has another key, or another version of gossamer, or is no daemon")]
    Key,
    #[error("it does not answer in time")]
    Silent,
    #[error("it has too many connections, and hangs up: try again")]
    Crowded,
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

/// Connects, proves to each other that both know the key, and waits until the other end serves;
/// again if it hangs up, as a crowd of strangers may be there.
pub(crate) fn dial(
    address: SocketAddr,
    key: &RackKey,
    limit: Duration,
) -> Result<(Sender, Receiver), DialError> {
    let mut tries = 0;
    loop {
        let dialled = dial_once(address, key, limit).and_then(|(sender, mut receiver)| {
            receiver.set_silence_max(Some(limit))?;
            let _ = sender.send(&Request::Has([0; 32])); // or nothing comes, which says why
            match receiver.receive::<Reply>() {
                Ok(_) => receiver.set_silence_max(None)?,
                Err(ReceiveError::Silent) => return Err(DialError::Silent),
                Err(_) => return Err(DialError::Crowded),
            }
            Ok((sender, receiver))
        });
        match dialled {
            Err(DialError::Key | DialError::Crowded) if tries < TRIES_MAX => tries += 1,
            dialled => return dialled,
        }
    }
}

fn dial_once(
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
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => DialError::Silent,
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
        sealer: Mutex::new(sealer),
    };
    let receiver = Receiver {
        input: Input {
            stream,
            buffer: vec![0; READ_BYTES].into(),
            unread: 0..0,
        },
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
        self.lock()
            .seal(bytes, |sealed| (&self.stream).write_all(sealed))
    }

    /// What `fill` puts where it is told to, as it is; how many bytes those were.
    pub(crate) fn send_filled(
        &self,
        fill: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut sealer = self.lock();
        let bytes = fill(sealer.room())?;
        (&self.stream).write_all(sealer.seal_room(bytes))?;
        Ok(bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Sealer> {
        self.sealer.lock().unwrap_or_else(PoisonError::into_inner)
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
        loop {
            let sealed = self.input.piece().map_err(of_read)?;
            let piece = self.opener.open(sealed)?;
            if piece.is_last && self.message.is_empty() {
                // A second look at the same piece, as the compiler cannot tell that this is the end.
                return Ok(self.opener.opened());
            }
            if self.message.len() + piece.bytes.len() > MESSAGE_BYTES_MAX {
                return Err(FrameError::TooLong.into());
            }
            self.message.extend_from_slice(piece.bytes);
            if piece.is_last {
                return Ok(&self.message);
            }
        }
    }

    /// The other end has closed its connection; what else it has said is not looked at.
    pub(crate) fn has_gone(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match rustix::net::recv(&self.input.stream, &mut [0; 1], flags) {
            Ok((_, bytes)) => bytes == 0,
            Err(error) => !matches!(error, Errno::WOULDBLOCK | Errno::INTR),
        }
    }

    /// From now on, for how long nothing may come.
    pub(crate) fn set_silence_max(&self, silence: Option<Duration>) -> io::Result<()> {
        self.input.stream.set_read_timeout(silence)
    }
}

impl Input {
    /// The next sealed piece, without its length.
    fn piece(&mut self) -> io::Result<&[u8]> {
        let length = self.take(LENGTH_BYTES)?;
        let length = u16::from_le_bytes([length[0], length[1]]);
        self.take(length.into())
    }

    /// So many bytes.
    fn take(&mut self, bytes: usize) -> io::Result<&[u8]> {
        if self.unread.start + bytes > self.buffer.len() {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        while self.unread.len() < bytes {
            match self.stream.read(&mut self.buffer[self.unread.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.unread.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let start = self.unread.start;
        self.unread.start += bytes;
        Ok(&self.buffer[start..start + bytes])
    }
}

fn of_read(error: io::Error) -> ReceiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => ReceiveError::Closed,
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ReceiveError::Silent,
        _ => ReceiveError::Broken(error),
    }
}

const TRIES_MAX: u32 = 3;

/// Some pieces at once.
const READ_BYTES: usize = 256 << 10;

const _: () = assert!(READ_BYTES >= u16::MAX as usize, "any piece fits");

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

#[cfg(test)]
pub(crate) mod tests {
    use std::net::TcpListener;
    use std::time::Instant;

    use super::*;
    use crate::control::handshake::{Acceptor, Progress};

    /// Both ends of a connection.
    pub(crate) fn connected() -> [(Sender, Receiver); 2] {
        let key = RackKey::new([7; 32]);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let accepting = std::thread::spawn(move || accept(&listener));
        let dialled = dial_once(address, &key, Duration::from_secs(60)).expect("the same key");
        let accepted = accepting.join().expect("no panic");
        [dialled, accepted]
    }

    /// One that knows the key.
    fn accept(listener: &TcpListener) -> (Sender, Receiver) {
        let (mut stream, _) = listener.accept().expect("it comes");
        let mut acceptor = Acceptor::new(&RackKey::new([7; 32]), Instant::now());
        let acceptor = acceptor.as_mut().expect("an answer");
        loop {
            let mut buffer = vec![0; acceptor.wanted()];
            stream.read_exact(&mut buffer).expect("it comes");
            match acceptor.handle_bytes(&buffer).expect("the same key") {
                Progress::Answers(answer) => stream.write_all(&answer).expect("it is read"),
                Progress::Proven(sealer, opener) => {
                    return halves(stream, sealer, opener).expect("a socket");
                }
                Progress::Waits => {}
            }
        }
    }

    #[test]
    fn messages_of_all_sizes() {
        let [(sender, _one), (_other, mut receiver)] = connected();
        let sizes = [
            0,
            1,
            PIECE_BYTES_MAX,
            PIECE_BYTES_MAX + 1,
            700_000,
            MESSAGE_BYTES_MAX,
        ];
        let sending = std::thread::spawn(move || {
            for size in sizes {
                sender
                    .send_bytes(&vec![size as u8; size])
                    .expect("it is read");
            }
            let fill = |room: &mut [u8]| {
                room[..3].copy_from_slice(b"end");
                Ok(3)
            };
            assert_eq!(sender.send_filled(fill).expect("it is read"), 3);
            sender.finish();
        });
        for size in sizes {
            let message = receiver.receive_bytes().expect("it comes");
            assert!(message == vec![size as u8; size], "{size}");
        }
        assert_eq!(receiver.receive_bytes().expect("it comes"), b"end");
        assert!(matches!(
            receiver.receive_bytes(),
            Err(ReceiveError::Closed)
        ));
        sending.join().expect("no panic");
    }

    #[test]
    fn message_without_end() {
        let [(sender, _one), (_other, mut receiver)] = connected();
        let sending = std::thread::spawn(move || {
            let mut sealer = sender.lock();
            while (&sender.stream).write_all(sealer.seal_more()).is_ok() {}
        });
        let refused = receiver.receive_bytes().expect_err("it does not end");
        assert!(matches!(refused, ReceiveError::Frame(FrameError::TooLong)));
        assert!(receiver.message.len() <= MESSAGE_BYTES_MAX);
        drop((receiver, _other));
        sending.join().expect("no panic");
    }

    #[test]
    fn an_end_that_has_gone() {
        let [one, (sender, receiver)] = connected();
        assert!(!receiver.has_gone());
        drop(one);
        while !receiver.has_gone() {
            std::thread::yield_now();
        }
        drop(sender);
    }

    /// As a daemon does when too many strangers are there.
    #[test]
    fn whoever_is_hung_up_on_dials_again() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let daemon = std::thread::spawn(move || {
            // Before it has proved itself, and after.
            drop(listener.accept().expect("it comes"));
            drop(accept(&listener));
            let (sender, mut receiver) = accept(&listener);
            receiver.receive::<Request>().expect("it is asked");
            sender.send(&Reply::Has(false)).expect("it is read");
            assert!(matches!(
                receiver.receive_bytes(),
                Err(ReceiveError::Closed)
            ));
        });
        let key = RackKey::new([7; 32]);
        drop(dial(address, &key, Duration::from_secs(60)).expect("it serves"));
        daemon.join().expect("no panic");
    }
}
