//! Signals of the system that ask the process to end.
//!
//! From the first poll of such a future on, the signal ends the process no more by itself: the
//! program does, when it has put its things in order.
//!
//! ```no_run
//! # async fn serve() {}
//! #[gossamer::main]
//! async fn main() -> std::io::Result<()> {
//!     gossamer::spawn(serve());
//!     gossamer::signal::ctrl_c().await?;
//!     println!("bye");
//!     Ok(())
//! }
//! ```

use std::io;
use std::os::unix::net;

use futures::io::AsyncReadExt;
use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::{pipe, unregister};

use crate::net::UnixStream;

/// Awaits an interrupt (`SIGINT`, Ctrl-C) that comes after the first poll.
///
/// See the [module](self) for an example.
///
/// # Errors
///
/// If there are no descriptors left, and off the workers.
///
/// # Cancel safety
///
/// Dropped before it is ready, it forgets a signal that has just come.
pub async fn ctrl_c() -> io::Result<()> {
    next(SIGINT).await
}

/// Awaits a request to end (`SIGTERM`) that comes after the first poll.
///
/// See the [module](self) for an example.
///
/// # Errors
///
/// As [`ctrl_c`].
///
/// # Cancel safety
///
/// As [`ctrl_c`].
pub async fn terminate() -> io::Result<()> {
    next(SIGTERM).await
}

/// The handler writes a byte, which is all that a handler may do.
async fn next(signal: i32) -> io::Result<()> {
    let (read, write) = net::UnixStream::pair()?;
    let mut read = UnixStream::try_from(read)?;
    let _registered = Registered(pipe::register(signal, write)?);
    read.read_exact(&mut [0]).await
}

/// A handler, until it is dropped.
struct Registered(SigId);

impl Drop for Registered {
    fn drop(&mut self) {
        unregister(self.0);
    }
}
