//! No descriptors left while connections come: the listener waits for some and goes on. A process
//! of its own, as the limit is the whole process's.

use std::fs::File;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use gossamer::net::{TcpListener, TcpStream};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn goes_on_when_there_are_descriptors_again() {
    let builder = gossamer::Builder::new().workers(1).pin(false);
    let runtime = builder.build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = gossamer::spawn(async move {
            let mut incoming = listener.incoming();
            loop {
                let (mut stream, _) = incoming.next().await;
                gossamer::spawn(async move {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).await.is_ok() {
                        stream.write_all(&byte).await.expect("open");
                    }
                });
            }
        });
        let mut first = TcpStream::connect(address).await.expect("taken");
        echo(&mut first).await;

        let mut files = use_up_descriptors();
        files.pop(); // one for this end, and none for the other
        let mut second = TcpStream::connect(address).await.expect("in the queue");
        for _ in 0..100 {
            echo(&mut first).await; // who is connected is served meanwhile
        }
        drop(files);
        echo(&mut second).await;
        server.abort();
    });
}

async fn echo(stream: &mut TcpStream) {
    stream.write_all(b"x").await.expect("open");
    stream.read_exact(&mut [0]).await.expect("open");
}

/// Files until no descriptor is left.
fn use_up_descriptors() -> Vec<File> {
    let limit = Rlimit {
        current: Some(128),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit).expect("a lower limit");
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}
