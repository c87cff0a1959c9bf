//! [`UnixStream`]: a connection between processes of one machine.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net;
use std::path::Path;
use std::sync::Arc;

use gossamer_executor::io::Watch;

use super::stream::{implement_read, implement_stream, implement_write};

/// A connection between processes of one machine.
///
/// It reads and writes by `futures::io::{AsyncRead, AsyncWrite}`, a reference to it too.
///
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use gossamer::net::UnixStream;
///
/// # gossamer::Builder::new().workers(1).build()?.block_on(async {
/// let (mut one, mut other) = UnixStream::pair()?;
/// one.write_all(b"hello").await?;
/// drop(one);
/// let mut text = String::new();
/// other.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # Ok::<_, std::io::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
///
/// A read or a write that is dropped before it is ready has read or written nothing.
#[derive(Debug)]
pub struct UnixStream {
    watch: Arc<Watch<net::UnixStream>>,
}

impl UnixStream {
    /// Connects to who listens at `path`.
    ///
    /// It runs on a thread beside the workers: the system may block it, and has no way to tell
    /// when it would not.
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let text = path.display().to_string();
        let connected = blocking::unblock(move || net::UnixStream::connect(path)).await;
        connected
            .and_then(Self::try_from)
            .map_err(super::name("connect to", text))
    }

    /// Two connected ends.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = net::UnixStream::pair()?;
        Ok((one.try_into()?, other.try_into()?))
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<net::SocketAddr> {
        self.watch.get_ref().local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn peer_addr(&self) -> io::Result<net::SocketAddr> {
        self.watch.get_ref().peer_addr()
    }

    /// Ends one direction, or both. Who waits for it sees that.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.watch.get_ref().shutdown(how)
    }
}

/// A connection of `std`, whose mode changes to not blocking.
impl TryFrom<net::UnixStream> for UnixStream {
    type Error = io::Error;

    fn try_from(stream: net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            watch: Arc::new(Watch::new(stream)),
        })
    }
}

impl AsFd for UnixStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

implement_stream!(
    UnixStream,
    UnixReadHalf,
    UnixWriteHalf,
    "```\n\
     use futures::io::{AsyncReadExt, AsyncWriteExt};\n\
     use gossamer::net::UnixStream;\n\n\
     # gossamer::Builder::new().workers(1).build()?.block_on(async {\n\
     let (one, other) = UnixStream::pair()?;\n\
     let (mut read, write) = one.split();\n\
     drop(write);\n\
     drop(other);\n\
     assert_eq!(read.read(&mut [0]).await?, 0);\n\
     # Ok::<_, std::io::Error>(()) })?;\n\
     # Ok::<(), Box<dyn std::error::Error>>(())\n\
     ```"
);
