//! Sockets on the move, and in several hands at once.

use futures::io::{AsyncReadExt, AsyncWriteExt};
use gossamer::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram};

use crate::{pair, run};

#[test]
fn moves_between_workers_and_threads() {
    run(2, || async {
        let (mut one, mut other) = pair().await;
        for round in 0..20 {
            let worker = round % 2;
            let moved = gossamer::spawn_on(worker, move || async move {
                let mut byte = [0];
                other.read_exact(&mut byte).await.expect("open");
                other.write_all(&byte).await.expect("open");
                other
            });
            one.write_all(&[round as u8]).await.expect("open");
            other = moved.await.expect("no panic");
            let mut byte = [0];
            one.read_exact(&mut byte).await.expect("open");
            assert_eq!(byte, [round as u8]);
        }
        // To a thread that is no worker, watched by one all the same.
        let thread = std::thread::spawn(move || {
            let mut byte = [0];
            futures::executor::block_on(other.read_exact(&mut byte)).map(|()| byte)
        });
        one.write_all(b"x").await.expect("open");
        while !thread.is_finished() {
            gossamer::yield_now().await;
        }
        assert_eq!(thread.join().expect("no panic").expect("open"), *b"x");
    });
}

/// One worker waits for what comes while another writes and has what it is read into.
#[test]
fn waited_for_here_and_answered_elsewhere() {
    run(2, || async {
        let (mut one, other) = pair().await;
        let other = std::sync::Arc::new(other);
        let client = gossamer::spawn(async move {
            for round in 0..50 {
                one.write_all(&[round]).await.expect("open");
                let mut byte = [0];
                one.read_exact(&mut byte).await.expect("open");
                assert_eq!(byte, [round]);
            }
        });
        let mut buffer = Box::new([0; 16]);
        while { &*other }.read(&mut *buffer).await.expect("open") == 1 {
            let stream = std::sync::Arc::clone(&other);
            let answer = gossamer::spawn_on(1, move || async move {
                { &*stream }.write_all(&buffer[..1]).await.expect("open");
                buffer
            });
            other.readable().await;
            buffer = answer.await.expect("no panic");
        }
        client.await.expect("no panic");
    });
}

#[test]
fn two_tasks_read_one_stream() {
    run(1, || async {
        let (mut one, other) = pair().await;
        let other = std::rc::Rc::new(other);
        let read = |stream: std::rc::Rc<TcpStream>| async move {
            let mut count = 0;
            while { &*stream }.read(&mut [0]).await.expect("open") == 1 {
                count += 1;
            }
            count
        };
        let first = gossamer::spawn(read(other.clone()));
        let second = gossamer::spawn(read(other));
        for _ in 0..50 {
            one.write_all(b"xy").await.expect("open");
            gossamer::yield_now().await;
        }
        drop(one);
        let counts = (
            first.await.expect("no panic"),
            second.await.expect("no panic"),
        );
        assert_eq!(counts.0 + counts.1, 100);
    });
}

#[test]
fn many_accept_from_one_listener() {
    run(2, || async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let takers: Vec<_> = (0..20)
            .map(|taker| {
                let listener = listener.clone();
                let taken = move || async move { listener.accept().await.map(|(_, peer)| peer) };
                gossamer::spawn_on(taker % 2, taken)
            })
            .collect();
        let mut streams = Vec::new();
        for _ in 0..20 {
            streams.push(TcpStream::connect(address).await.expect("taken"));
        }
        let mut peers = Vec::new();
        for taker in takers {
            peers.push(taker.await.expect("no panic").expect("taken"));
        }
        let local = |stream: &TcpStream| stream.local_addr().expect("an address");
        let mut locals: Vec<_> = streams.iter().map(local).collect();
        peers.sort();
        locals.sort();
        assert_eq!(peers, locals);
    });
}

#[test]
fn connections_are_spread_over_listeners_that_share_a_port() {
    run(2, || async {
        let first = TcpListener::bind_shared("127.0.0.1:0")
            .await
            .expect("a port");
        let address = first.local_addr().expect("an address");
        let second = TcpListener::bind_shared(address).await.expect("shared");
        let count = |listener: TcpListener| async move {
            for count in 0.. {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut byte = [0];
                stream.read_exact(&mut byte).await.expect("open");
                if byte == *b"!" {
                    return count;
                }
            }
            unreachable!("for ever")
        };
        let first = gossamer::spawn(count(first));
        let second = gossamer::spawn(count(second));
        for _ in 0..100 {
            let mut stream = TcpStream::connect(address).await.expect("taken");
            stream.write_all(b".").await.expect("open");
        }
        // Until both have had the last word.
        while !(first.is_finished() && second.is_finished()) {
            if let Ok(mut stream) = TcpStream::connect(address).await {
                let _ = stream.write_all(b"!").await;
            }
        }
        let (first, second) = (
            first.await.expect("no panic"),
            second.await.expect("no panic"),
        );
        assert_eq!(first + second, 100);
    });
}

#[test]
fn datagrams() {
    run(1, || async {
        let server = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = server.local_addr().expect("an address");
        let echo = gossamer::spawn(async move {
            let mut buffer = [0; 64];
            for _ in 0..100 {
                let (bytes, from) = server.recv_from(&mut buffer).await.expect("a datagram");
                server.send_to(&buffer[..bytes], from).await.expect("sent");
            }
        });
        let client = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        client.connect(address).await.expect("connected");
        for n in 0..100_u8 {
            client.send(&[n; 3]).await.expect("sent");
            let mut buffer = [0; 64];
            assert_eq!(client.recv(&mut buffer).await.expect("a datagram"), 3);
            assert_eq!(buffer[..3], [n; 3]);
        }
        echo.await.expect("no panic");
    });
}

#[test]
fn refused_datagram_is_an_error_once() {
    run(1, || async {
        let gone = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = gone.local_addr().expect("an address");
        drop(gone);
        let client = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        client.connect(address).await.expect("connected");
        client.send(b"anybody?").await.expect("sent");
        let error = client.recv(&mut [0; 8]).await.expect_err("refused");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        let server = UdpSocket::bind(address).await.expect("free");
        let mut buffer = [0; 8];
        let receiving = client.recv(&mut buffer);
        let sending = server.send_to(b"now", client.local_addr().expect("an address"));
        let (received, sent) = futures::join!(receiving, sending);
        assert_eq!((received.expect("a datagram"), sent.expect("sent")), (3, 3));
    });
}

#[test]
fn datagrams_to_a_full_receiver_wait() {
    run(1, || async {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("gossamer-datagram-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let receiver = UnixDatagram::bind(&path).expect("a path");
        let to = path.clone();
        let sending = gossamer::spawn(async move {
            let sender = UnixDatagram::unbound().expect("a socket");
            for n in 0..2_000_u16 {
                sender.send_to(&n.to_le_bytes(), &to).await.expect("sent");
            }
        });
        for n in 0..2_000_u16 {
            let mut buffer = [0; 8];
            let (bytes, _) = receiver.recv_from(&mut buffer).await.expect("a datagram");
            assert_eq!(buffer[..bytes], n.to_le_bytes());
        }
        sending.await.expect("no panic");
        std::fs::remove_file(path).expect("there");
    });
}
