//! Many connections at once: nothing lost, nothing mixed up, and no slow reader in others' way.

use futures::io::{AsyncReadExt, AsyncWriteExt};
use gossamer::net::{TcpListener, TcpStream};

use crate::{pair, run};

/// Answers each message, which says its length, by the same bytes.
async fn echo(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("open");
    let mut length = [0; 4];
    while stream.read_exact(&mut length).await.is_ok() {
        let mut message = vec![0; u32::from_le_bytes(length) as usize];
        stream.read_exact(&mut message).await.expect("announced");
        stream.write_all(&length).await.expect("open");
        stream.write_all(&message).await.expect("open");
    }
}

/// Messages of many lengths, of which each byte says whose it is and where it stands.
async fn talk(address: std::net::SocketAddr, client: usize) -> usize {
    let mut stream = TcpStream::connect(address).await.expect("taken");
    stream.set_nodelay(true).expect("open");
    let mut sent = 0;
    for message in 0..20 {
        let length = match (client + message) % 5 {
            0 => 0,
            4 => 100_000,
            size => size * size * 37,
        };
        let bytes: Vec<_> = (0..length)
            .map(|at| (client + message * 7 + at) as u8)
            .collect();
        let (mut reader, mut writer) = (&stream, &stream);
        let write = async {
            writer.write_all(&(length as u32).to_le_bytes()).await?;
            writer.write_all(&bytes).await
        };
        let mut answer = vec![0; 4 + length];
        let (written, read) = futures::join!(write, reader.read_exact(&mut answer));
        written.expect("open");
        read.expect("open");
        assert_eq!(answer[..4], (length as u32).to_le_bytes());
        assert!(answer[4..] == bytes, "client {client}, message {message}");
        sent += 1;
    }
    stream.close().await.expect("open");
    sent
}

#[test]
fn thousand_connections() {
    const CLIENTS: usize = 1_000;
    let runtime = gossamer::Builder::new().workers(2).pin(false);
    let runtime = runtime.build().expect("a runtime");
    let (sender, listening) = std::sync::mpsc::channel();
    runtime.spawn_on(0, move || async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        sender.send(listener.local_addr()).expect("heard");
        let mut incoming = listener.incoming();
        for taken in 0.. {
            let (stream, _) = incoming.next().await.expect("a listener");
            gossamer::spawn_on(taken % 2, move || echo(stream));
        }
    });
    let address = listening.recv().expect("sent").expect("an address");
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| runtime.spawn_on(client % 2, move || talk(address, client)))
        .collect();
    let sent = clients.into_iter().map(futures::executor::block_on);
    let sent: usize = sent.map(|sent| sent.expect("no panic")).sum();
    assert_eq!(sent, CLIENTS * 20);
}

#[test]
fn slow_reader_holds_up_its_writer_and_nobody_else() {
    run(1, || async {
        let (slow, unread) = pair().await;
        let (mut one, other) = pair().await;
        let mut written = 0_u64;
        let stuck = async {
            let mut slow = &slow;
            while slow.write(&[0; 4096]).await.is_ok() {
                written += 4096;
            }
        };
        let others = async {
            let echoing = gossamer::spawn(echo(other));
            for _ in 0..200 {
                one.write_all(&[1, 0, 0, 0, 7]).await.expect("open");
                let mut answer = [0; 5];
                one.read_exact(&mut answer).await.expect("open");
                assert_eq!(answer, [1, 0, 0, 0, 7]);
            }
            drop(one);
            echoing.await.expect("no panic");
        };
        futures::future::select(std::pin::pin!(stuck), std::pin::pin!(others)).await;
        // What the system takes, and not a byte more.
        assert!(written < 64 << 20, "{written} bytes");
        drop(unread);
    });
}

#[test]
fn delegation_and_sockets_on_one_worker() {
    run(2, || async {
        let counter = gossamer::trustee(0).entrust(0_u64);
        let busy: Vec<_> = (0..2)
            .map(|worker| {
                let counter = counter.clone();
                gossamer::spawn_on(worker, move || async move {
                    for _ in 0..20_000 {
                        counter.apply(|n| *n += 1).await;
                    }
                })
            })
            .collect();
        let (mut one, other) = pair().await;
        let echoing = gossamer::spawn(echo(other));
        for _ in 0..200 {
            one.write_all(&[0; 4]).await.expect("open");
            one.read_exact(&mut [0; 4]).await.expect("open");
        }
        drop(one);
        echoing.await.expect("no panic");
        for task in busy {
            task.await.expect("no panic");
        }
        assert_eq!(counter.apply(|n| *n).await, 40_000);
    });
}
