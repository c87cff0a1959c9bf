//! A web server whose visits are counted by delegation: hyper on Gossamer's sockets.
//!
//! Each worker has a listener of its own on the one port, and the system spreads connections over
//! them; the counter is one value on one worker, whoever is asked.
//!
//! ```text
//! cargo run --release --example http -- [ADDRESS]
//! curl http://127.0.0.1:8080/
//! ```

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;

use futures::future::select;
use gossamer::Trust;
use gossamer::net::{TcpListener, TcpStream};
use gossamer::signal::{ctrl_c, terminate};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

#[gossamer::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let first = TcpListener::bind_shared(address).await?;
    let address = first.local_addr()?;
    let visits = gossamer::entrust(0_u64);

    for worker in 1..gossamer::task_workers() {
        let visits = visits.clone();
        gossamer::spawn_on(worker, move || async move {
            match TcpListener::bind_shared(address).await {
                Ok(listener) => serve(listener, visits).await,
                Err(error) => eprintln!("worker {worker}: {error}"),
            }
        });
    }
    gossamer::spawn(serve(first, visits.clone()));

    let (interrupted, ended) = (pin!(ctrl_c()), pin!(terminate()));
    // Polled in this order: whoever reads that line may send a signal at once.
    let listening = async { println!("listening on http://{address}/") };
    futures::join!(select(interrupted, ended), listening);
    println!("{} visits", visits.apply(|visits| *visits).await);
    Ok(())
}

async fn serve(listener: TcpListener, visits: Trust<u64>) {
    let mut incoming = listener.incoming();
    loop {
        match incoming.next().await {
            Ok((stream, peer)) => _ = gossamer::spawn(answer(stream, peer, visits.clone())),
            Err(error) => return eprintln!("no more connections are taken: {error}"),
        }
    }
}

/// Answers the requests of one connection.
async fn answer(stream: TcpStream, peer: SocketAddr, visits: Trust<u64>) {
    let count = |_: Request<Incoming>| {
        let visits = visits.clone();
        async move {
            let number = visits.apply(|visits| {
                *visits += 1;
                *visits
            });
            let text = format!("visit {}\n", number.await);
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text))))
        }
    };
    let _ = stream.set_nodelay(true);
    let mut server = http1::Builder::new();
    server.timer(gossamer::hyper::Timer); // ends connections that do not ask, after half a minute
    let connection = server.serve_connection(stream, service_fn(count));
    if let Err(error) = connection.await {
        eprintln!("{peer}: {error}");
    }
}
