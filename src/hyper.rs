//! hyper 1 on Gossamer: its `rt` traits for our streams, clock and tasks. With the feature `hyper`.
//!
//! ```
//! use gossamer::net::{TcpListener, TcpStream};
//! use http_body_util::{BodyExt, Empty, Full};
//! use hyper::body::Bytes;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response, client, server};
//! use std::convert::Infallible;
//!
//! # gossamer::Builder::new().workers(1).build()?.block_on_with(|| async {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! gossamer::spawn(async move {
//!     let (stream, _) = listener.accept().await.unwrap();
//!     let hello = |_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello")))) };
//!     let mut server = server::conn::http1::Builder::new();
//!     server.timer(gossamer::hyper::Timer).serve_connection(stream, service_fn(hello)).await
//! });
//! let stream = TcpStream::connect(address).await?;
//! let (mut requests, connection) = client::conn::http1::handshake(stream).await?;
//! gossamer::spawn(connection);
//! let answer = requests.send_request(Request::new(Empty::<Bytes>::new())).await?;
//! assert_eq!(answer.into_body().collect().await?.to_bytes(), "hello");
//! # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! Streams of others, as of `futures-rustls`, go by the crate `smol-hyper`.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the unfilled part of hyper's buffer | `poll_receive_into`, which writes into it and never takes a value from it | during `poll_read`, which has the only reference to it |
//! | the mark up to which it is filled | `poll_read`, by what the system has written | after that |

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{self, ReadBufCursor};

use crate::net::{TcpStream, UnixStream};
use crate::time;

/// The clock of the worker that polls, for time limits.
///
/// ```
/// use hyper::server::conn::http1;
///
/// let mut server = http1::Builder::new();
/// server.timer(gossamer::hyper::Timer).header_read_timeout(std::time::Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Until {
            sleep: time::sleep(duration),
        })
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Until {
            sleep: time::sleep_until(deadline),
        })
    }
}

pin_project_lite::pin_project! {
    struct Until {
        #[pin]
        sleep: time::Sleep,
    }
}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}

impl rt::Sleep for Until {}

/// Runs what hyper spawns for HTTP/2, on the worker of the connection: services need not be `Send`.
///
/// ```
/// let server = hyper::server::conn::http2::Builder::new(gossamer::hyper::LocalExecutor);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalExecutor;

impl<F> rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        crate::spawn(future);
    }
}

macro_rules! implement_rt {
    ($stream:ty) => {
        impl rt::Read for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut buffer: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                // SAFETY: the table: nothing in it loses its value.
                let unfilled = unsafe { buffer.as_mut() };
                let received = ready!(self.poll_receive_into(cx, unfilled))?;
                // SAFETY: the table: the system has written so many bytes at its start.
                unsafe { buffer.advance(received) };
                Poll::Ready(Ok(()))
            }
        }

        impl rt::Write for $stream {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_write_from(cx, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.poll_write_from_vectored(cx, slices)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.shutdown_writes())
            }
        }
    };
}

implement_rt!(TcpStream);
implement_rt!(UnixStream);
