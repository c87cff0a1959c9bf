//! Sockets for tasks: TCP, UDP and Unix, with the traits of `futures::io`.
//!
//! ```
//! use futures::io::{AsyncReadExt, AsyncWriteExt};
//! use gossamer::net::{TcpListener, TcpStream};
//!
//! # gossamer::Builder::new().workers(1).build()?.block_on(async {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! let echo = gossamer::spawn(async move {
//!     let (stream, _) = listener.accept().await?;
//!     futures::io::copy(&stream, &mut &stream).await
//! });
//! let mut stream = TcpStream::connect(address).await?;
//! stream.write_all(b"hello").await?;
//! stream.close().await?;
//! let mut answer = String::new();
//! stream.read_to_string(&mut answer).await?;
//! assert_eq!(answer, "hello");
//! assert_eq!(echo.await.unwrap()?, 5);
//! # Ok::<_, std::io::Error>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The worker whose task first has to wait for a socket watches it from then on: there is no thread
//! for I/O. A socket may move to other workers, and to threads that are none, and is still told
//! of by that worker; so what is handed to another worker is best handed on before it is used.
//!
//! Every operation is charged to its task's budget, so that a socket that is always ready starves
//! no other task and delays no request: a turn of a worker ends after 16 operations, or as many
//! more as one task's poll may do, which is 16. It looks for events every 16 turns, however busy
//! it is with requests.
//!
//! # What runs on these streams
//!
//! | what | how |
//! |---|---|
//! | HTTP by `hyper` | takes the stream itself, with the feature `hyper` |
//! | `hyper` over streams of others, as of TLS | `smol_hyper::rt::FuturesIo::new(stream)` |
//! | TLS by `futures-rustls` | takes the stream itself |
//! | WebSockets by `async-tungstenite` | takes the stream, or the one of TLS |
//! | what wants the traits of `tokio::io` | `async_compat::Compat::new(stream)` |
//! | what brings tokio's own sockets and timers | inside a future `async_compat::Compat::new(future)` |
//!
//! The last polls its future here, but tokio's sockets and timers are watched, and the tasks that
//! the future spawns on tokio run, on one thread of `async-compat`, which ends with the process
//! only. So a runtime that shuts down drops the future, yet neither waits for those tasks nor drops
//! them; a trust that they use then is [`Closed`](crate::ApplyError::Closed).

mod addresses;
mod incoming;
mod stream;
mod tcp_info;
mod tcp_listener;
mod tcp_stream;
mod udp_socket;
mod unix_datagram;
mod unix_listener;
mod unix_stream;

pub use addresses::ToSocketAddrs;
pub use incoming::Incoming;
pub(crate) use incoming::{is_news, is_of_resources};
pub use tcp_listener::TcpListener;
pub use tcp_stream::{TcpReadHalf, TcpStream, TcpWriteHalf};
pub use udp_socket::UdpSocket;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::UnixListener;
pub use unix_stream::{UnixReadHalf, UnixStream, UnixWriteHalf};

use std::fmt::Display;
use std::io;

/// What went wrong, and with which address.
fn name(doing: &str, address: impl Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("cannot {doing} {address}: {error}"))
}
