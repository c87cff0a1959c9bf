//! [`TcpStream`]: a TCP connection.

use std::io;
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use gossamer_executor::io::{Interest, Watch};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::addresses::{ToSocketAddrs, resolve};
use super::stream::{implement_read, implement_stream, implement_write};

/// A TCP connection.
///
/// It reads and writes by `futures::io::{AsyncRead, AsyncWrite}`, a reference to it too: one task
/// may read while another writes. See [`net`](crate::net) for an example.
///
/// # Cancel safety
///
/// A read or a write that is dropped before it is ready has read or written nothing.
#[derive(Debug)]
pub struct TcpStream {
    watch: Arc<Watch<net::TcpStream>>,
}

impl TcpStream {
    /// Connects to the first of the addresses that answers.
    ///
    /// ```
    /// # gossamer::Builder::new().workers(1).build()?.block_on(async {
    /// # let listener = gossamer::net::TcpListener::bind("localhost:0").await?;
    /// # let port = listener.local_addr()?.port();
    /// let stream = gossamer::net::TcpStream::connect(("localhost", port)).await?;
    /// assert_eq!(stream.peer_addr()?.port(), port);
    /// # Ok::<_, std::io::Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The last address's, which it names; and if a name cannot be looked up.
    pub async fn connect(address: impl ToSocketAddrs) -> io::Result<Self> {
        let mut failed = None;
        for address in resolve(&address).await? {
            match Self::connect_to(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = Some(super::name("connect to", address)(error)),
            }
        }
        Err(failed.expect("one address at least"))
    }

    /// As [`connect`](Self::connect), with the error as the system gives it.
    pub(crate) async fn connect_to(address: SocketAddr) -> io::Result<Self> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => {}
            result => result?,
        }
        let stream = Self::from_nonblocking(socket.into());
        stream.watch.io(Interest::Write, connected).await?;
        Ok(stream)
    }

    pub(super) fn from_nonblocking(stream: net::TcpStream) -> Self {
        Self {
            watch: Arc::new(Watch::new(stream)),
        }
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.watch.get_ref().local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// The system's: if the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.watch.get_ref().peer_addr()
    }

    /// Reads without taking it from what the next read gets.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let peek = |stream: &net::TcpStream| stream.peek(buffer);
        self.watch.io(Interest::Read, peek).await
    }

    /// Ends one direction, or both. Who waits for it sees that.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] if the connection is gone.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.watch.get_ref().shutdown(how)
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.watch.get_ref().nodelay()
    }

    /// Has small writes sent at once, and not gathered until the last one is acknowledged.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.watch.get_ref().set_nodelay(nodelay)
    }

    /// Has the other end asked, after so long a silence, whether it is there; not, by `None`.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_keepalive(&self, silence: Option<Duration>) -> io::Result<()> {
        let socket = SockRef::from(self.watch.get_ref());
        match silence {
            Some(silence) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(silence)),
            None => socket.set_keepalive(false),
        }
    }

    /// For how long nothing has come from the other host, if this one has sent it something again.
    pub(crate) fn unanswered(&self) -> io::Result<Option<Duration>> {
        super::tcp_info::unanswered(self.as_fd())
    }

    /// Writes as much as the system takes at once.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut self.watch.get_ref(), bytes)
    }

    /// Has a connection on which nothing comes fail when the other host has not answered for about
    /// so long, unless something waits for its acknowledgement; the system counts whole seconds.
    ///
    /// Not by `TCP_USER_TIMEOUT`: that ends a connection too whose other end answers, and has no
    /// room as its process is busy.
    pub(crate) fn set_silence_max(&self, silence: Duration) -> io::Result<()> {
        let pause = (silence / (PROBES + 1)).clamp(PAUSE_MIN, PAUSE_MAX);
        let probing = TcpKeepalive::new().with_time(pause).with_interval(pause);
        SockRef::from(self.watch.get_ref()).set_tcp_keepalive(&probing.with_retries(PROBES))
    }
}

/// A connection of `std`, whose mode changes to not blocking.
impl TryFrom<net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(stream: net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::from_nonblocking(stream))
    }
}

/// Gives the descriptor back, which still does not block; a second one for it if a half of the
/// stream is alive.
impl TryFrom<TcpStream> for OwnedFd {
    type Error = io::Error;

    fn try_from(stream: TcpStream) -> io::Result<Self> {
        match Arc::try_unwrap(stream.watch) {
            Ok(watch) => Ok(watch.into_inner().into()),
            Err(shared) => shared.as_fd().try_clone_to_owned(),
        }
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

/// Whether a connection has come about.
fn connected(stream: &net::TcpStream) -> io::Result<()> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        result => result.map(|_| ()),
    }
}

/// What `connect` says that does not wait.
const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();
/// How often a silent host is asked before it is given up, and how long it has to answer.
const PROBES: u32 = 3;
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(32_767);

implement_stream!(
    TcpStream,
    TcpReadHalf,
    TcpWriteHalf,
    "```\n\
     use futures::io::{AsyncReadExt, AsyncWriteExt};\n\
     use gossamer::net::{TcpListener, TcpStream};\n\n\
     # gossamer::Builder::new().workers(1).build()?.block_on(async {\n\
     # let listener = TcpListener::bind(\"localhost:0\").await?;\n\
     let connection = TcpStream::connect(listener.local_addr()?).await?;\n\
     let (mut read, mut write) = connection.split();\n\
     # let (other, _) = listener.accept().await?;\n\
     let reader = gossamer::spawn(async move {\n    \
         let mut text = String::new();\n    \
         read.read_to_string(&mut text).await.map(|_| text)\n\
     });\n\
     write.write_all(b\"hello\").await?;\n\
     drop(write);\n\
     # futures::io::copy(&other, &mut &other).await?;\n\
     # drop(other);\n\
     assert_eq!(reader.await.unwrap()?, \"hello\");\n\
     # Ok::<_, std::io::Error>(()) })?;\n\
     # Ok::<(), Box<dyn std::error::Error>>(())\n\
     ```"
);
