//! [`TcpListener`]: a TCP port that takes connections.

use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, Weak};

use gossamer_executor::io::{Interest, Watch};
use socket2::{Domain, Protocol, Socket, Type};

use super::addresses::{ToSocketAddrs, resolve};
use super::incoming::Incoming;
use super::tcp_stream::TcpStream;

/// A TCP port that takes connections; clones take them from the same queue.
///
/// See [`net`](crate::net) for an example, and [`incoming`](Self::incoming) for servers.
#[derive(Clone, Debug)]
pub struct TcpListener {
    watch: Arc<Watch<net::TcpListener>>,
}

/// Whether other sockets may listen on the same port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Port {
    Own,
    Shared,
}

impl TcpListener {
    /// Listens on the first of the addresses that can be had; on a port of the system's choice if
    /// it is 0.
    ///
    /// ```
    /// # gossamer::Builder::new().workers(1).build()?.block_on(async {
    /// let listener = gossamer::net::TcpListener::bind("127.0.0.1:0").await?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok::<_, std::io::Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The last address's, which it names: the port is in use, or may not be used.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_first(&address, Port::Own).await
    }

    /// As [`bind`](Self::bind), beside other listeners of this process that do so
    /// (`SO_REUSEPORT`): the system spreads connections over them. One on every worker needs no
    /// hand-over.
    ///
    /// ```
    /// # gossamer::Builder::new().workers(2).build()?.block_on(async {
    /// use gossamer::net::TcpListener;
    ///
    /// let first = TcpListener::bind_shared("127.0.0.1:0").await?;
    /// let address = first.local_addr()?;
    /// let second = gossamer::spawn_on(1, move || TcpListener::bind_shared(address));
    /// assert_eq!(second.await.unwrap()?.local_addr()?, address);
    /// # Ok::<_, std::io::Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind); a port that another process listens on is in use.
    pub async fn bind_shared(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_first(&address, Port::Shared).await
    }

    async fn bind_first(address: &impl ToSocketAddrs, port: Port) -> io::Result<Self> {
        let mut failed = None;
        for address in resolve(address).await? {
            let bound = match port {
                Port::Own => Self::bind_to(address, port),
                Port::Shared => Self::bind_in_company(address),
            };
            match bound {
                Ok(listener) => return Ok(listener),
                Err(error) => failed = Some(super::name("listen on", address)(error)),
            }
        }
        Err(failed.expect("one address at least"))
    }

    /// Shares a port with listeners of this process only: the system would let any process of this
    /// user in, and give it half of the connections.
    fn bind_in_company(address: SocketAddr) -> io::Result<Self> {
        static SHARED: Mutex<Vec<Weak<Watch<net::TcpListener>>>> = Mutex::new(Vec::new());
        let mut shared = SHARED.lock().expect("never poisoned");
        shared.retain(|one| one.strong_count() > 0);
        let is_shared = |one: &Weak<Watch<net::TcpListener>>| {
            let one = one.upgrade();
            one.is_some_and(|one| one.get_ref().local_addr().is_ok_and(|at| at == address))
        };
        if address.port() != 0 && !shared.iter().any(is_shared) {
            drop(bound(address, Port::Own)?); // says whether it is in use, and takes nobody in
        }
        let listener = Self::bind_to(address, Port::Shared)?;
        shared.push(Arc::downgrade(&listener.watch));
        Ok(listener)
    }

    fn bind_to(address: SocketAddr, port: Port) -> io::Result<Self> {
        let socket = bound(address, port)?;
        socket.listen(BACKLOG)?;
        Ok(Self::from_nonblocking(socket.into()))
    }

    fn from_nonblocking(listener: net::TcpListener) -> Self {
        Self {
            watch: Arc::new(Watch::new(listener)),
        }
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.watch.get_ref().local_addr()
    }

    /// Takes the next connection, and says whose it is.
    ///
    /// Any number of tasks may wait at once. The connection belongs to no worker until it is used.
    ///
    /// # Errors
    ///
    /// Of this one connection: the next call may do better. With no descriptors left the call
    /// fails at once, time after time: see [`incoming`](Self::incoming).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has taken no connection.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accept = |listener: &net::TcpListener| listener.accept();
        let (stream, address) = self.watch.io(Interest::Read, accept).await?;
        Ok((stream.try_into()?, address))
    }

    /// Takes connections for ever, as a server does: what goes wrong with a single one is passed
    /// over, and while there are no descriptors left it waits for some.
    ///
    /// ```
    /// # use gossamer::net::{TcpListener, TcpStream};
    /// # gossamer::Builder::new().workers(1).build()?.block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let mut incoming = listener.incoming();
    /// let (stream, peer) = incoming.next().await?;
    /// assert_eq!(stream.peer_addr()?, peer);
    /// # Ok::<_, std::io::Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Incoming::new(self)
    }
}

/// A listener of `std`, whose mode changes to not blocking.
impl TryFrom<net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(listener: net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::from_nonblocking(listener))
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

/// A socket that has the address, and does not listen.
fn bound(address: SocketAddr, port: Port) -> io::Result<Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    // As `std` does: a server that starts again need not wait for its old connections.
    socket.set_reuse_address(true)?;
    if port == Port::Shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// So many connections may wait to be taken; the system allows at most `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
