//! [`start`]: the ports, or the socket, that clients connect to.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use gossamer::net::{TcpListener, UnixListener, UnixStream};

use crate::connection::{Stream, serve};
use crate::server::Server;

/// Listens on all addresses, on every worker, or on the socket, whose path it returns.
pub(crate) async fn start(server: &'static Server) -> io::Result<Option<PathBuf>> {
    if let Some(path) = &server.options.socket {
        let listener = bind_socket(path).await?;
        println!("listening on {}", path.display());
        gossamer::spawn(accept_on_socket(listener, server));
        return Ok(Some(path.clone()));
    }
    for address in &server.options.addresses {
        let first = bind(address, server.options.port).await?;
        let address = first.local_addr()?;
        gossamer::spawn(accept(first, server));
        for worker in 1..gossamer::task_workers() {
            let listening = gossamer::spawn_on(worker, move || async move {
                let listener = TcpListener::bind_shared(address).await?;
                gossamer::spawn(accept(listener, server));
                io::Result::Ok(())
            });
            listening.await.expect("no panic")?;
        }
        println!("listening on {address}");
    }
    Ok(None)
}

async fn bind(address: &str, port: u16) -> io::Result<TcpListener> {
    // With a port of its own, or a name or number that is whole without one.
    let has_port = address.parse::<SocketAddr>().is_ok()
        || (address.matches(':').count() == 1 && !address.ends_with(':'));
    if has_port {
        TcpListener::bind_shared(address).await
    } else {
        TcpListener::bind_shared((address.trim_matches(['[', ']']), port)).await
    }
}

/// Serves those who connect to one of the workers' listeners.
async fn accept(listener: TcpListener, server: &'static Server) {
    let mut incoming = listener.incoming();
    loop {
        match incoming.next().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true); // reset already, then
                gossamer::spawn(welcome(stream, server, move || peer.to_string()));
            }
            Err(error) => return no_more(&error),
        }
    }
}

fn no_more(error: &io::Error) {
    eprintln!("memcached: no more connections are taken: {error}");
}

/// Takes the place of a socket that nobody listens on any more.
async fn bind_socket(path: &Path) -> io::Result<UnixListener> {
    let is_socket = |kind: std::fs::FileType| std::os::unix::fs::FileTypeExt::is_socket(&kind);
    let kind = std::fs::symlink_metadata(path).map(|metadata| metadata.file_type());
    if kind.is_ok_and(is_socket) {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path)?;
            }
            _ => {
                let text = format!("cannot listen on {}: it is in use", path.display());
                return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
            }
        }
    }
    UnixListener::bind(path)
}

/// Hands the connections out, as there is one socket.
async fn accept_on_socket(listener: UnixListener, server: &'static Server) {
    let mut incoming = listener.incoming();
    let mut worker = 0;
    loop {
        let stream = match incoming.next().await {
            Ok((stream, _)) => stream,
            Err(error) => return no_more(&error),
        };
        worker = (worker + 1) % gossamer::task_workers();
        gossamer::spawn_on(worker, move || {
            welcome(stream, server, || "unix".to_owned())
        });
    }
}

/// Serves a connection if there are not too many.
async fn welcome<S: Stream>(stream: S, server: &'static Server, peer: impl Fn() -> String)
where
    for<'a> &'a S: AsyncRead + AsyncWrite,
{
    let totals = server.totals();
    totals.add_connection();
    // Relaxed: a count, and nothing is published by it.
    let open = server.open.fetch_add(1, Ordering::Relaxed);
    let served = if open < server.options.connections {
        serve(Arc::new(stream), server).await
    } else {
        totals.add_rejected();
        (&stream)
            .write_all(b"ERROR Too many open connections\r\n")
            .await
    };
    server.open.fetch_sub(1, Ordering::Relaxed);
    if let (Err(error), 1..) = (served, server.options.verbosity) {
        eprintln!("memcached: {}: {error}", peer());
    }
}
