//! How connections end: half, whole, in the middle, by force.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use gossamer::net::{TcpListener, TcpStream, UnixStream};
use socket2::SockRef;

use crate::{pair, run};

#[test]
fn half_closed_the_other_way_goes_on() {
    run(1, || async {
        let (mut one, mut other) = pair().await;
        one.write_all(b"question").await.expect("open");
        one.close().await.expect("open");
        let mut question = String::new();
        other.read_to_string(&mut question).await.expect("open");
        assert_eq!(question, "question");
        other.write_all(b"answer").await.expect("half open");
        drop(other);
        let mut answer = String::new();
        one.read_to_string(&mut answer).await.expect("half open");
        assert_eq!(answer, "answer");
    });
}

#[test]
fn reset_is_an_error_for_who_reads() {
    run(1, || async {
        let (mut one, other) = pair().await;
        let reading = gossamer::spawn(async move { one.read(&mut [0; 8]).await });
        gossamer::yield_now().await;
        let socket = SockRef::from(&other);
        socket.set_linger(Some(Duration::ZERO)).expect("a socket");
        drop(other);
        let error = reading.await.expect("no panic").expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn reset_in_the_middle_of_a_long_write() {
    run(1, || async {
        let (mut one, other) = pair().await;
        let writing = gossamer::spawn(async move {
            let error = one.write_all(&vec![7; 64 << 20]).await.expect_err("reset");
            (error.kind(), one.write(b"more").await.is_err())
        });
        let mut start = [0; 4096];
        (&other).read_exact(&mut start).await.expect("open");
        drop(other); // unread bytes: the system resets
        let (kind, is_over) = writing.await.expect("no panic");
        let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        assert!(kinds.contains(&kind), "{kind}");
        assert!(is_over);
    });
}

#[test]
fn shut_down_while_it_is_read_and_written() {
    run(2, || async {
        let (one, other) = pair().await;
        let (read, write) = (&one, &one);
        let reading = async { { read }.read(&mut [0; 8]).await };
        let writing = async { { write }.write_all(&vec![7; 64 << 20]).await };
        let shutting = async {
            gossamer::yield_now().await;
            one.shutdown(Shutdown::Both)
        };
        let (read, written, shut) = futures::join!(reading, writing, shutting);
        shut.expect("open");
        assert_eq!(read.expect("the end"), 0);
        assert_eq!(written.expect_err("shut").kind(), ErrorKind::BrokenPipe);
        drop(other);
    });
}

#[test]
fn write_half_dropped_says_the_end() {
    run(1, || async {
        let (one, mut other) = pair().await;
        let (mut read, mut write) = one.split();
        write.write_all(b"bye").await.expect("open");
        drop(write);
        let mut text = String::new();
        other.read_to_string(&mut text).await.expect("open");
        assert_eq!(text, "bye");
        other.write_all(b"good").await.expect("half open");
        let mut good = [0; 4];
        read.read_exact(&mut good).await.expect("half open");
    });
}

#[test]
fn unix_streams_end_alike() {
    run(1, || async {
        let (mut one, mut other) = UnixStream::pair().expect("a pair");
        one.write_all(b"x").await.expect("open");
        one.close().await.expect("open");
        let mut text = String::new();
        other.read_to_string(&mut text).await.expect("open");
        assert_eq!(text, "x");
        drop(one);
        let error = other.write_all(&vec![7; 1 << 20]).await.expect_err("gone");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn runtime_ends_while_tasks_wait_for_sockets() {
    let builder = gossamer::Builder::new().workers(2).pin(false);
    let runtime = builder.build().expect("a runtime");
    let ends: Vec<_> = (0..2)
        .map(|worker| {
            runtime.spawn_on(worker, || async {
                let (one, other) = pair().await;
                gossamer::spawn(async move { { &one }.read(&mut [0; 8]).await.map(|_| one) });
                gossamer::yield_now().await;
                other
            })
        })
        .collect();
    let ends = ends.into_iter().map(futures::executor::block_on);
    let ends: Vec<_> = ends.map(|end| end.expect("no panic")).collect();
    drop(runtime);
    // Their ends went with the tasks.
    for end in ends {
        let read = run(1, || async move { { &end }.read(&mut [0; 8]).await });
        assert_eq!(read.expect("the end"), 0);
    }
}

#[test]
fn listener_that_was_shut_down_takes_no_more() {
    run(1, || async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut incoming = listener.incoming();
        let address = listener.local_addr().expect("an address");
        let client = TcpStream::connect(address).await.expect("in the queue");
        incoming.next().await.expect("a connection");
        let waiting = gossamer::spawn({
            let listener = listener.clone();
            async move { listener.incoming().next().await.map(|_| ()) }
        });
        gossamer::yield_now().await;
        let socket = SockRef::from(&listener);
        socket.shutdown(Shutdown::Both).expect("it listened");
        waiting.await.expect("no panic").expect_err("shut down");
        incoming.next().await.expect_err("shut down");
        drop(client);
    });
}
