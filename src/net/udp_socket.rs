//! [`UdpSocket`]: datagrams between machines.

use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use gossamer_executor::io::{Interest, Watch};

use super::addresses::{ToSocketAddrs, resolve};

/// Sends and receives datagrams; any number of tasks may, at once.
///
/// ```
/// use gossamer::net::UdpSocket;
///
/// # gossamer::Builder::new().workers(1).build()?.block_on(async {
/// let one = UdpSocket::bind("127.0.0.1:0").await?;
/// let other = UdpSocket::bind("127.0.0.1:0").await?;
/// one.send_to(b"hello", other.local_addr()?).await?;
/// let mut buffer = [0; 1500];
/// let (bytes, sender) = other.recv_from(&mut buffer).await?;
/// assert_eq!((&buffer[..bytes], sender), (&b"hello"[..], one.local_addr()?));
/// # Ok::<_, std::io::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
///
/// A call that is dropped before it is ready has sent or received nothing.
#[derive(Debug)]
pub struct UdpSocket {
    watch: Watch<net::UdpSocket>,
}

impl UdpSocket {
    /// A socket at the first of the addresses that can be had.
    ///
    /// # Errors
    ///
    /// The last address's, which it names.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let mut failed = None;
        for address in resolve(&address).await? {
            match net::UdpSocket::bind(address).and_then(Self::try_from) {
                Ok(socket) => return Ok(socket),
                Err(error) => failed = Some(super::name("bind to", address)(error)),
            }
        }
        Err(failed.expect("one address at least"))
    }

    /// Sends to one address from now on, the first that can be had, and receives from it alone.
    ///
    /// # Errors
    ///
    /// The last address's, which it names.
    pub async fn connect(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        let mut failed = None;
        for address in resolve(&address).await? {
            match self.watch.get_ref().connect(address) {
                Ok(()) => return Ok(()),
                Err(error) => failed = Some(super::name("connect to", address)(error)),
            }
        }
        Err(failed.expect("one address at least"))
    }

    /// The address of this socket.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.watch.get_ref().local_addr()
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] if it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.watch.get_ref().peer_addr()
    }

    /// Sends a datagram to an address.
    ///
    /// # Errors
    ///
    /// The system's: the datagram is too large, say, or an earlier one was refused.
    pub async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        let send = |socket: &net::UdpSocket| socket.send_to(bytes, to);
        self.watch.io(Interest::Write, send).await
    }

    /// Receives a datagram; what does not fit the buffer is lost.
    ///
    /// # Errors
    ///
    /// The system's: an earlier datagram was refused, say.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let receive = |socket: &net::UdpSocket| socket.recv_from(buffer);
        self.watch.io(Interest::Read, receive).await
    }

    /// Receives a datagram and leaves it for the next call.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub async fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let peek = |socket: &net::UdpSocket| socket.peek_from(buffer);
        self.watch.io(Interest::Read, peek).await
    }

    /// Sends a datagram to where the socket is connected to.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to), and if it is not connected.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let send = |socket: &net::UdpSocket| socket.send(bytes);
        self.watch.io(Interest::Write, send).await
    }

    /// Receives a datagram from where the socket is connected to.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let receive = |socket: &net::UdpSocket| socket.recv(buffer);
        self.watch.io(Interest::Read, receive).await
    }

    /// The socket of `std`, for its options.
    pub fn get_ref(&self) -> &net::UdpSocket {
        self.watch.get_ref()
    }
}

/// A socket of `std`, whose mode changes to not blocking.
impl TryFrom<net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    fn try_from(socket: net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            watch: Watch::new(socket),
        })
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}
