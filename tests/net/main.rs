//! Sockets: what a program may meet at the other end, and at its own.

mod alike;
mod ends;
mod errors;
mod fairness;
mod many;
mod sharing;

use std::future::Future;

/// Runs a future on a runtime of so many workers.
fn run<F>(workers: usize, f: impl FnOnce() -> F + Send) -> F::Output
where
    F: Future,
    F::Output: Send,
{
    let builder = gossamer::Builder::new().workers(workers).pin(false);
    builder.build().expect("a runtime").block_on_with(f)
}

/// Two connected ends.
async fn pair() -> (gossamer::net::TcpStream, gossamer::net::TcpStream) {
    use gossamer::net::{TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (one, other) = futures::join!(TcpStream::connect(address), listener.accept());
    (one.expect("connected"), other.expect("taken").0)
}
