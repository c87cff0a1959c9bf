//! A server that sends back what it gets and its clients, on each runtime.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;

use futures::executor::block_on;
use futures::future::join_all;
use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::harness::meter::{Clock, Done, Meter, Sample};

/// A runtime with sockets.
#[derive(Clone, Copy)]
pub(super) enum Echo {
    /// A listener on each worker.
    Gossamer,
    Tokio,
    /// Of one thread only: `smol::block_on`.
    Smol,
}

impl Echo {
    /// Messages of so many connections; none if the runtime has not so many threads.
    pub(super) fn run(self, threads: usize, connections: usize, millis: u64) -> Option<Sample> {
        match self {
            Self::Gossamer => Some(gossamer(threads, connections, millis)),
            Self::Tokio => Some(tokio(threads, connections, millis)),
            Self::Smol => (threads == 1).then(|| smol(connections, millis)),
        }
    }
}

fn gossamer(threads: usize, connections: usize, millis: u64) -> Sample {
    use gossamer::net::{TcpListener, TcpStream};
    let builder = gossamer::Builder::new().workers(threads).pin(false);
    let runtime = builder.build().expect("a runtime");
    let mut address: SocketAddr = LOOPBACK.parse().expect("an address");
    for worker in 0..threads {
        let (listening, is_listening) = mpsc::channel();
        runtime.spawn_on(worker, move || async move {
            let listener = TcpListener::bind_shared(address).await.expect("a port");
            listening.send(listener.local_addr()).expect("heard");
            let mut incoming = listener.incoming();
            loop {
                let (stream, _) = incoming.next().await.expect("a listener");
                stream.set_nodelay(true).expect("open");
                gossamer::spawn(serve(stream));
            }
        });
        address = is_listening.recv().expect("sent").expect("an address");
    }
    let meter = Meter::start(millis);
    let clients: Vec<_> = (0..connections)
        .map(|client| {
            runtime.spawn_on(client % threads, move || async move {
                let stream = TcpStream::connect(address).await.expect("taken");
                stream.set_nodelay(true).expect("open");
                ask_until(stream, meter.clock()).await
            })
        })
        .collect();
    let done = clients.into_iter().map(block_on);
    let done: Vec<_> = done.map(|done| done.expect("a client ran")).collect();
    meter.sample(&done)
}

fn smol(connections: usize, millis: u64) -> Sample {
    use smol::net::{TcpListener, TcpStream};
    let executor = smol::LocalExecutor::new();
    smol::block_on(executor.run(async {
        let listener = TcpListener::bind(LOOPBACK).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = async {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                stream.set_nodelay(true).expect("open");
                executor.spawn(serve(stream)).detach();
            }
        };
        let meter = Meter::start(millis);
        let clients: Vec<_> = (0..connections)
            .map(|_| {
                executor.spawn(async move {
                    let stream = TcpStream::connect(address).await.expect("taken");
                    stream.set_nodelay(true).expect("open");
                    ask_until(stream, meter.clock()).await
                })
            })
            .collect();
        let clients = async { meter.sample(&join_all(clients).await) };
        smol::future::or(clients, server).await
    }))
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => stream.write_all(&buffer[..bytes]).await.expect("open"),
        }
    }
}

async fn ask_until(mut stream: impl AsyncRead + AsyncWrite + Unpin, clock: Clock) -> Done {
    let mut done = 0;
    while !clock.is_over() {
        for _ in 0..MESSAGES_PER_LOOK {
            stream.write_all(&MESSAGE).await.expect("open");
            stream
                .read_exact(&mut [0; MESSAGE.len()])
                .await
                .expect("open");
        }
        done += MESSAGES_PER_LOOK;
    }
    clock.done(done)
}

/// By tokio's own traits, which are as near to its sockets as those of `futures` to the others'.
fn tokio(threads: usize, connections: usize, millis: u64) -> Sample {
    use tokio::net::{TcpListener, TcpStream};
    let mut builder = if threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder.worker_threads(threads).enable_io();
    builder.build().expect("tokio starts").block_on(async {
        let listener = TcpListener::bind(LOOPBACK).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                stream.set_nodelay(true).expect("open");
                tokio::spawn(serve_by_tokio(stream));
            }
        });
        let meter = Meter::start(millis);
        let clients = (0..connections).map(|_| {
            tokio::spawn(async move {
                let stream = TcpStream::connect(address).await.expect("taken");
                stream.set_nodelay(true).expect("open");
                ask_by_tokio_until(stream, meter.clock())
                    .await
                    .expect("open")
            })
        });
        let done = join_all(clients).await;
        let done: Vec<_> = done
            .into_iter()
            .map(|done| done.expect("a client ran"))
            .collect();
        meter.sample(&done)
    })
}

async fn serve_by_tokio(mut stream: tokio::net::TcpStream) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => stream.write_all(&buffer[..bytes]).await.expect("open"),
        }
    }
}

async fn ask_by_tokio_until(mut stream: tokio::net::TcpStream, clock: Clock) -> io::Result<Done> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut done = 0;
    while !clock.is_over() {
        for _ in 0..MESSAGES_PER_LOOK {
            stream.write_all(&MESSAGE).await?;
            stream.read_exact(&mut [0; MESSAGE.len()]).await?;
        }
        done += MESSAGES_PER_LOOK;
    }
    Ok(clock.done(done))
}

const LOOPBACK: &str = "127.0.0.1:0";
const MESSAGE: [u8; 64] = [7; 64];
const MESSAGES_PER_LOOK: u64 = 16;
