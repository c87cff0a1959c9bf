//! [`Incoming`]: connections for ever, past what goes wrong with single ones.

use std::fmt;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::{TcpListener, UnixListener};
use crate::stderr::say;
use crate::time::sleep;

/// The connections of a listener, from its `incoming`.
///
/// While the process has no descriptors left, or the system no memory, it tries again after 1 ms,
/// then twice as long each time, at most half a second. It says so once on standard error, for all
/// listeners of the process, and again only after a minute without such a failure.
#[derive(Debug)]
pub struct Incoming<'a, L> {
    listener: &'a L,
    /// How long to wait after the next failure for want of resources.
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
    /// # Errors
    ///
    /// Of the listener itself, which takes no more connections: it was shut down.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has taken no connection.
    pub async fn next(&mut self) -> io::Result<(super::TcpStream, std::net::SocketAddr)> {
        next(self.listener, &mut self.pause).await
    }
}

impl Incoming<'_, UnixListener> {
    /// The next connection.
    ///
    /// # Errors
    ///
    /// Of the listener itself, which takes no more connections: it was shut down.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has taken no connection.
    pub async fn next(
        &mut self,
    ) -> io::Result<(super::UnixStream, std::os::unix::net::SocketAddr)> {
        next(self.listener, &mut self.pause).await
    }
}

async fn next<L: Accept>(listener: &L, pause: &mut Duration) -> io::Result<L::Connection> {
    loop {
        let error = match listener.accept_next().await {
            Ok(connection) => {
                *pause = PAUSE_MIN;
                return Ok(connection);
            }
            Err(error) => error,
        };
        match Errno::from_io_error(&error) {
            Some(errno) if OF_ONE_CONNECTION.contains(&errno) => {}
            Some(_) if is_of_resources(&error) => {
                if is_news() {
                    say(format_args!(
                        "gossamer: no connection is taken on {listener:?} for now: {error}"
                    ));
                }
                sleep(*pause).await;
                *pause = (*pause * 2).min(PAUSE_MAX);
            }
            _ => return Err(error),
        }
    }
}

/// Whether something has failed for want of what this process or system has no more of for now.
pub(crate) fn is_of_resources(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| OF_RESOURCES.contains(&errno))
}

/// Whether a failure for want of resources has not been told of: they are the process's, so that
/// all that needs them fails together, and time after time.
pub(crate) fn is_news() -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let now = Instant::now();
    let last = LAST.lock().expect("never poisoned").replace(now);
    last.is_none_or(|last| now.saturating_duration_since(last) > TELLS_AGAIN_AFTER)
}

/// The client has gone, or its network has: the next connection may be better.
const OF_ONE_CONNECTION: [Errno; 10] = [
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
/// No descriptors, of the process or the system, or no memory: there may be some soon.
const OF_RESOURCES: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(500);
const TELLS_AGAIN_AFTER: Duration = Duration::from_secs(60);
