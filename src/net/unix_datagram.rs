//! [`UnixDatagram`]: datagrams between processes of one machine.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net;
use std::path::Path;
use std::time::Duration;

use gossamer_executor::io::{Interest, Watch};
use gossamer_executor::time::sleep;

/// Sends and receives datagrams by paths; any number of tasks may, at once.
///
/// ```
/// use gossamer::net::UnixDatagram;
///
/// # gossamer::Builder::new().workers(1).build()?.block_on(async {
/// let (one, other) = UnixDatagram::pair()?;
/// one.send(b"hello").await?;
/// let mut buffer = [0; 8];
/// assert_eq!(other.recv(&mut buffer).await?, 5);
/// # Ok::<_, std::io::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
///
/// A call that is dropped before it is ready has sent or received nothing.
#[derive(Debug)]
pub struct UnixDatagram {
    watch: Watch<net::UnixDatagram>,
}

impl UnixDatagram {
    /// A socket at `path`, where nothing may be; nobody takes it away afterwards.
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        net::UnixDatagram::bind(path)
            .and_then(Self::try_from)
            .map_err(super::name("bind to", path.display()))
    }

    /// A socket without a path: it can send, and receive once it is connected.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn unbound() -> io::Result<Self> {
        net::UnixDatagram::unbound()?.try_into()
    }

    /// Two sockets connected to each other.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = net::UnixDatagram::pair()?;
        Ok((one.try_into()?, other.try_into()?))
    }

    /// Sends to `path` from now on.
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let connected = self.watch.get_ref().connect(path);
        connected.map_err(super::name("connect to", path.display()))
    }

    /// The address of this socket.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<net::SocketAddr> {
        self.watch.get_ref().local_addr()
    }

    /// Sends a datagram to who is at `path`.
    ///
    /// # Errors
    ///
    /// The system's: nobody is there, say.
    pub async fn send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let path = path.as_ref();
        // While the other's queue is full the system calls this one writable all the same, and
        // tells nobody when there is room.
        loop {
            match self.watch.get_ref().send_to(bytes, path) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(RETRY).await,
                result => return result,
            }
        }
    }

    /// Receives a datagram; what does not fit the buffer is lost.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, net::SocketAddr)> {
        let receive = |socket: &net::UnixDatagram| socket.recv_from(buffer);
        self.watch.io(Interest::Read, receive).await
    }

    /// Sends a datagram to where the socket is connected to.
    ///
    /// # Errors
    ///
    /// The system's: the other end has gone, say.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let send = |socket: &net::UnixDatagram| socket.send(bytes);
        self.watch.io(Interest::Write, send).await
    }

    /// Receives a datagram from where the socket is connected to.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let receive = |socket: &net::UnixDatagram| socket.recv(buffer);
        self.watch.io(Interest::Read, receive).await
    }
}

/// A socket of `std`, whose mode changes to not blocking.
impl TryFrom<net::UnixDatagram> for UnixDatagram {
    type Error = io::Error;

    fn try_from(socket: net::UnixDatagram) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            watch: Watch::new(socket),
        })
    }
}

impl AsFd for UnixDatagram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

/// How long `send_to` waits for a full receiver before it tries again.
const RETRY: Duration = Duration::from_millis(1);
