//! The same story told on our streams and on those of `async-net`: it ends the same. Theirs read and
//! write one slice at a time; ours all, in one system call.

use std::fmt::Debug;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;
use std::time::Duration;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use socket2::SockRef;

use crate::run;

trait Stream: AsyncRead + AsyncWrite + AsFd + Unpin {}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> Stream for S {}

/// What happened, line by line.
#[derive(Debug, Default, PartialEq)]
struct Story(Vec<String>);

impl Story {
    fn tell<T: Debug>(&mut self, what: &str, outcome: io::Result<T>) {
        let outcome = outcome.map_err(|error| error.kind());
        self.0.push(format!("{what}: {outcome:?}"));
    }
}

/// All chapters, each on a pair of its own.
async fn story<S: Stream>(pair: impl AsyncFn() -> (S, S)) -> Story {
    let mut story = Story::default();
    small_messages(&mut story, pair().await).await;
    half_close(&mut story, pair().await).await;
    after_the_end(&mut story, pair().await).await;
    unread_bytes(&mut story, pair().await).await;
    reset(&mut story, pair().await).await;
    much(&mut story, pair().await).await;
    story
}

async fn small_messages<S: Stream>(story: &mut Story, (mut one, mut other): (S, S)) {
    story.tell("write", one.write(b"hello").await);
    story.tell("write nothing", one.write(b"").await);
    story.tell("flush", one.flush().await);
    let mut buffer = [0; 3];
    story.tell("read into no room", other.read(&mut []).await);
    story.tell("read a part", other.read(&mut buffer).await);
    story.tell("what", Ok(buffer));
    story.tell("read the rest", other.read(&mut buffer).await);
    story.tell("read more than comes", {
        one.write_all(b"x").await.expect("open");
        drop(one);
        other.read_exact(&mut buffer).await
    });
}

async fn half_close<S: Stream>(story: &mut Story, (mut one, mut other): (S, S)) {
    story.tell("close", one.close().await);
    story.tell("close again", one.close().await);
    story.tell("write after close", one.write(b"x").await);
    story.tell("read the end", other.read(&mut [0]).await);
    story.tell("read the end again", other.read(&mut [0]).await);
    story.tell("write back", other.write(b"y").await);
    story.tell("read it", one.read(&mut [0]).await);
    drop(other);
    story.tell("read the end here", one.read(&mut [0]).await);
}

async fn after_the_end<S: Stream>(story: &mut Story, (mut one, other): (S, S)) {
    drop(other);
    story.tell("read the end", one.read(&mut [0]).await);
    let error = loop {
        if let Err(error) = one.write_all(&[0; 4096]).await {
            break error;
        }
    };
    // Which of the two depends on what the system was told first.
    let kinds = [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset];
    story.tell("write fails", Ok(kinds.contains(&error.kind())));
    story.tell("and again", one.write(b"x").await);
}

async fn unread_bytes<S: Stream>(story: &mut Story, (mut one, other): (S, S)) {
    one.write_all(b"unread").await.expect("open");
    let mut byte = [0];
    let read = futures::future::join(one.read(&mut byte), async { drop(other) });
    // A stream of TCP is reset, one of Unix too.
    story.tell("read", read.await.0);
}

async fn reset<S: Stream>(story: &mut Story, (mut one, other): (S, S)) {
    let _ = SockRef::from(&other).set_linger(Some(Duration::ZERO));
    let mut byte = [0];
    let read = futures::future::join(one.read(&mut byte), async { drop(other) });
    story.tell("read", read.await.0);
    story.tell("read again", one.read(&mut [0]).await);
}

async fn much<S: Stream>(story: &mut Story, (mut one, mut other): (S, S)) {
    const BYTES: usize = 3 << 20;
    let sent: Vec<_> = (0..BYTES).map(|at| (at / 7) as u8).collect();
    let mut received = Vec::new();
    let sending = async {
        one.write_all(&sent).await?;
        one.close().await
    };
    let (written, read) = futures::join!(sending, other.read_to_end(&mut received));
    story.tell("write much", written);
    story.tell("read much", read);
    story.tell("the same", Ok(received == sent));
}

#[test]
fn tcp_streams() {
    let ours = run(1, || story(crate::pair));
    let theirs = run(1, || {
        story(async || {
            let listener = smol::net::TcpListener::bind("127.0.0.1:0").await;
            let listener = listener.expect("a port");
            let address = listener.local_addr().expect("an address");
            let connecting = smol::net::TcpStream::connect(address);
            let (one, other) = futures::join!(connecting, listener.accept());
            (one.expect("connected"), other.expect("taken").0)
        })
    });
    assert_eq!(ours, theirs);
    assert!(ours.0.len() > 20, "{ours:?}");
}

#[test]
fn unix_streams() {
    let ours = run(1, || {
        story(async || gossamer::net::UnixStream::pair().expect("a pair"))
    });
    let theirs = run(1, || {
        story(async || smol::net::unix::UnixStream::pair().expect("a pair"))
    });
    assert_eq!(ours, theirs);
    assert!(ours.0.len() > 20, "{ours:?}");
}

async fn slices<S: Stream>((mut one, mut other): (S, S)) {
    let slices = [b"one".as_slice(), b"", b"three"].map(IoSlice::new);
    assert_eq!(one.write_vectored(&slices).await.expect("open"), 8);
    let (mut first, mut second) = ([0; 2], [0; 16]);
    let mut slices = [&mut first[..], &mut second[..]].map(IoSliceMut::new);
    assert_eq!(other.read_vectored(&mut slices).await.expect("open"), 8);
    assert_eq!((&first, &second[..7]), (b"on", b"ethree\0".as_slice()));
}

#[test]
fn slices_together() {
    run(1, || async {
        slices(crate::pair().await).await;
        slices(gossamer::net::UnixStream::pair().expect("a pair")).await;
    });
}
