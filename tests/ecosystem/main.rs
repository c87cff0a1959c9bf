//! What others have written runs on Gossamer's sockets, and awaits its delegations.

mod http;
mod tls;
mod tokio_only;
mod websocket;

use std::future::Future;

use gossamer::net::{TcpListener, TcpStream};

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
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (one, other) = futures::join!(TcpStream::connect(address), listener.accept());
    (one.expect("connected"), other.expect("taken").0)
}

/// So many bytes, each of which says where it stands.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at / 7) as u8).collect()
}
