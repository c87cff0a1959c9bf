//! [`Incoming`]: connections for ever, past what goes wrong with single ones.

use std::fmt;
use std::io;
use std::time::Duration;

use super::{TcpListener, UnixListener};
use crate::time::sleep;

/// The connections of a listener, from its `incoming`.
///
/// While the process has no descriptors left, or the system no memory, it tries again after 1 ms,
/// then twice as long each time, at most half a second. It says so once on standard error, and
/// again only after it has recovered.
#[derive(Debug)]
pub struct Incoming<'a, L> {
    listener: &'a L,
    /// How long to wait after the next failure of the process.
    pause: Duration,
}

/// A listener of any kind.
trait Accept: fmt::Debug {
    type Connection;
    async fn accept_next(&self) -> io::Result<Self::Connection>;
}

impl Accept for TcpListener {
    type Connection = (super::TcpStream, std::net::SocketAddr);

    async fn accept_next(&self) -> io::Result<Self::Connection> {
        self.accept().await
    }
}

impl Accept for UnixListener {
    type Connection = (super::UnixStream, std::os::unix::net::SocketAddr);

    async fn accept_next(&self) -> io::Result<Self::Connection> {
        self.accept().await
    }
}

impl<'a, L> Incoming<'a, L> {
    pub(super) fn new(listener: &'a L) -> Self {
        Self {
            listener,
            pause: PAUSE_MIN,
        }
    }
}

impl Incoming<'_, TcpListener> {
    /// The next connection.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has taken no connection.
    pub async fn next(&mut self) -> (super::TcpStream, std::net::SocketAddr) {
        next(self.listener, &mut self.pause).await
    }
}

impl Incoming<'_, UnixListener> {
    /// The next connection.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has taken no connection.
    pub async fn next(&mut self) -> (super::UnixStream, std::os::unix::net::SocketAddr) {
        next(self.listener, &mut self.pause).await
    }
}

async fn next<L: Accept>(listener: &L, pause: &mut Duration) -> L::Connection {
    loop {
        let error = match listener.accept_next().await {
            Ok(connection) => {
                *pause = PAUSE_MIN;
                return connection;
            }
            Err(error) => error,
        };
        if is_of_one_connection(&error) {
            continue;
        }
        if *pause == PAUSE_MIN {
            eprintln!("gossamer: no connection is taken on {listener:?} for now: {error}");
        }
        sleep(*pause).await;
        *pause = (*pause * 2).min(PAUSE_MAX);
    }
}

/// Whether the next connection may be better: the client has gone, or its network has.
fn is_of_one_connection(error: &io::Error) -> bool {
    use rustix::io::Errno;
    const PASSING: [Errno; 10] = [
        Errno::CONNABORTED,
        Errno::CONNRESET,
        Errno::PROTO,
        Errno::PERM,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::NOPROTOOPT,
        Errno::OPNOTSUPP,
    ];
    Errno::from_io_error(error).is_some_and(|error| PASSING.contains(&error))
}

const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(500);
