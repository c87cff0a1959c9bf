//! [`UnixListener`]: a path that takes connections.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net;
use std::path::Path;
use std::sync::Arc;

use gossamer_executor::io::{Interest, Watch};

use super::incoming::Incoming;
use super::unix_stream::UnixStream;

/// A path that takes connections; clones take them from the same queue.
#[derive(Clone, Debug)]
pub struct UnixListener {
    watch: Arc<Watch<net::UnixListener>>,
}

impl UnixListener {
    /// Listens at `path`, where nothing may be; nobody takes it away afterwards.
    ///
    /// ```
    /// use gossamer::net::{UnixListener, UnixStream};
    ///
    /// # gossamer::Builder::new().workers(1).build()?.block_on(async {
    /// # let path = std::env::temp_dir().join(format!("gossamer-doc-{}", std::process::id()));
    /// # let _ = std::fs::remove_file(&path);
    /// let listener = UnixListener::bind(&path)?;
    /// let (stream, taken) = futures::join!(UnixStream::connect(&path), listener.accept());
    /// stream?;
    /// taken?;
    /// std::fs::remove_file(path)?;
    /// # Ok::<_, std::io::Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path: it is there already, or may not be made.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        net::UnixListener::bind(path)
            .and_then(Self::try_from)
            .map_err(super::name("listen on", path.display()))
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<net::SocketAddr> {
        self.watch.get_ref().local_addr()
    }

    /// Takes the next connection, and says whose it is.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::accept`](super::TcpListener::accept).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has taken no connection.
    pub async fn accept(&self) -> io::Result<(UnixStream, net::SocketAddr)> {
        let accept = |listener: &net::UnixListener| listener.accept();
        let (stream, address) = self.watch.io(Interest::Read, accept).await?;
        Ok((stream.try_into()?, address))
    }

    /// Takes connections for ever; see [`TcpListener::incoming`](super::TcpListener::incoming).
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Incoming::new(self)
    }
}

/// A listener of `std`, whose mode changes to not blocking.
impl TryFrom<net::UnixListener> for UnixListener {
    type Error = io::Error;

    fn try_from(listener: net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            watch: Arc::new(Watch::new(listener)),
        })
    }
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}
