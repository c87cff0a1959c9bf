//! Descriptors: who waits is woken, whatever happens to the other end, to the executor that
//! watches, and to those that wait beside.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::executor::block_on;
use futures::future::join_all;
use gossamer_executor::io::{Interest, Watch};
use gossamer_executor::{Claim, Config, Executor, Idle, spawn, with_current, yield_now};

/// Runs `future` on an executor of this thread.
fn run<F: Future + 'static>(idle: Idle, future: F) -> F::Output {
    let claim = Claim::new().expect("a place");
    let config = Config {
        idle,
        ..Config::default()
    };
    Executor::new(claim.remote(), config).run_until(future)
}

/// One end that does not block, watched, and the other, which does.
fn pair() -> (Watch<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    ours.set_nonblocking(true).expect("a socket");
    (Watch::new(ours), theirs)
}

async fn read(stream: &Watch<UnixStream>, buffer: &mut [u8]) -> io::Result<usize> {
    let most = buffer.len();
    poll_fn(|cx| stream.poll_bytes(cx, Interest::Read, most, |mut stream| stream.read(buffer)))
        .await
}

async fn write_all(stream: &Watch<UnixStream>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let write = |mut stream: &UnixStream| stream.write(bytes);
        let written = poll_fn(|cx| stream.poll_bytes(cx, Interest::Write, bytes.len(), write));
        bytes = &bytes[written.await?..];
    }
    Ok(())
}

#[test]
fn data_wakes_a_sleeper() {
    for idle in [Idle::Park, Idle::Adaptive, Idle::Spin] {
        let (ours, mut theirs) = pair();
        let echo = thread::spawn(move || {
            let mut byte = [0];
            while theirs.read(&mut byte).expect("ours") == 1 {
                theirs.write_all(&byte).expect("ours");
            }
        });
        run(idle, async move {
            for byte in 0..100 {
                write_all(&ours, &[byte]).await.expect("open");
                let mut answer = [!byte, 0];
                assert_eq!(read(&ours, &mut answer).await.expect("open"), 1);
                assert_eq!(answer[0], byte);
            }
        });
        echo.join().expect("no panic");
    }
}

/// A descriptor that all events are of is read without asking first, by an executor with a core to
/// itself. Another that becomes ready then is seen all the same, and so is the end.
#[test]
fn another_beside_one_that_all_events_are_of() {
    for idle in [Idle::Park, Idle::Adaptive, Idle::Spin] {
        let (busy, mut theirs) = pair();
        let (quiet, mut other) = pair();
        let echo = thread::spawn(move || {
            let mut byte = [0];
            for _ in 0..100 {
                theirs.read_exact(&mut byte).expect("ours");
                theirs.write_all(&byte).expect("ours");
            }
            other.write_all(b"x").expect("ours");
            theirs.read_exact(&mut byte).expect("ours");
        });
        run(idle, async move {
            with_current(|executor| executor.expect("runs").set_neighbours(false));
            let mut answer = [0, 0];
            let waits = spawn(async move {
                let mut byte = [0];
                read(&quiet, &mut byte).await.map(|_| byte)
            });
            for byte in 0..100 {
                write_all(&busy, &[byte]).await.expect("open");
                assert_eq!(read(&busy, &mut answer).await.expect("open"), 1);
                assert_eq!(answer[0], byte);
            }
            let read_beside = waits.await.expect("no panic");
            assert_eq!(read_beside.expect("open"), *b"x");
            write_all(&busy, b"!").await.expect("open");
            assert_eq!(read(&busy, &mut answer).await.expect("open"), 0);
        });
        echo.join().expect("no panic");
    }
}

#[test]
fn message_wakes_who_sleeps_among_descriptors() {
    let claim = Claim::new().expect("a place");
    let remote = claim.remote();
    let (ours, mut theirs) = pair();
    let (started, has_started) = mpsc::channel();
    let worker = thread::spawn(move || {
        let config = Config {
            idle: Idle::Park,
            ..Config::default()
        };
        Executor::new(remote, config).run_until(async move {
            let waiting = spawn(async move { read(&ours, &mut [0; 8]).await });
            yield_now().await;
            started.send(()).expect("heard");
            waiting.await.expect("no panic").expect("open")
        })
    });
    has_started.recv().expect("started");
    let mut parks = 0;
    for n in 0..100 {
        // It sleeps, or is on its way to and past its last look.
        while remote.counters().parks == parks {
            thread::yield_now();
        }
        parks = remote.counters().parks;
        assert_eq!(
            block_on(remote.spawn(move || async move { n })).expect("no panic"),
            n
        );
    }
    theirs.write_all(b"end").expect("open");
    assert_eq!(worker.join().expect("no panic"), 3);
}

#[test]
fn end_that_came_with_the_data_is_seen_after_a_short_read() {
    run(Idle::Park, async {
        let (ours, mut theirs) = pair();
        let ours = Rc::new(ours);
        let reader = Rc::clone(&ours);
        let waiting = spawn(async move { read(&reader, &mut [0; 8]).await });
        yield_now().await; // it waits, so that what comes is one event
        theirs.write_all(b"last").expect("open");
        drop(theirs);
        assert_eq!(waiting.await.expect("no panic").expect("data"), 4);
        assert_eq!(read(&ours, &mut [0; 8]).await.expect("the end"), 0);
        assert_eq!(read(&ours, &mut [0; 8]).await.expect("the end"), 0);
    });
}

#[test]
fn short_reads_before_anything_waited() {
    run(Idle::Park, async {
        let (ours, mut theirs) = pair();
        for _ in 0..3 {
            theirs.write_all(b"12").expect("open");
            assert_eq!(read(&ours, &mut [0; 8]).await.expect("data"), 2);
        }
    });
}

/// `ready` takes nothing from what comes, waits when all was read, and sees the end.
#[test]
fn ready_waits_for_more_and_reads_nothing() {
    for idle in [Idle::Park, Idle::Adaptive, Idle::Spin] {
        let (ours, mut theirs) = pair();
        let echo = thread::spawn(move || {
            let mut byte = [0];
            while theirs.read(&mut byte).expect("ours") == 1 && byte != *b"x" {
                theirs.write_all(&byte).expect("ours");
            }
        });
        run(idle, async move {
            let mut buffer = [0; 8];
            for byte in 0..100 {
                write_all(&ours, &[byte]).await.expect("open");
                assert_eq!(read(&ours, &mut buffer).await.expect("open"), 1);
                assert_eq!(buffer[0], byte);
                // All was read, and nothing was asked for since.
                let mut ready = pin!(ours.ready(Interest::Read));
                assert!(poll_fn(|cx| Poll::Ready(ready.as_mut().poll(cx).is_pending())).await);
                write_all(&ours, &[byte + 1]).await.expect("open");
                ready.await;
                ours.ready(Interest::Read).await;
                assert_eq!(read(&ours, &mut buffer).await.expect("open"), 1);
                assert_eq!(buffer[0], byte + 1);
            }
            write_all(&ours, b"x").await.expect("open");
            ours.ready(Interest::Read).await;
            assert_eq!(read(&ours, &mut buffer).await.expect("open"), 0);
        });
        echo.join().expect("no panic");
    }
}

#[test]
fn full_pipe_waits_for_the_reader() {
    const BYTES: usize = 4 << 20;
    let (ours, mut theirs) = pair();
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).map(|_| all)
    });
    let sent: Vec<u8> = (0..BYTES).map(|n| n as u8).collect();
    let bytes = sent.clone();
    run(Idle::Park, async move { write_all(&ours, &bytes).await }).expect("open");
    assert!(reader.join().expect("no panic").expect("open") == sent);
}

#[test]
fn both_directions_wait_at_once() {
    run(Idle::Park, async {
        let (ours, mut theirs) = pair();
        let ours = Rc::new(ours);
        let reader = Rc::clone(&ours);
        let reading = spawn(async move { read(&reader, &mut [0; 8]).await });
        let writer = Rc::clone(&ours);
        let writing = spawn(async move { write_all(&writer, &vec![0; 1 << 20]).await });
        yield_now().await;
        theirs.write_all(b"x").expect("open");
        assert_eq!(reading.await.expect("no panic").expect("data"), 1);
        let drain = thread::spawn(move || io::copy(&mut theirs, &mut io::sink()));
        writing.await.expect("no panic").expect("open");
        drop(ours);
        assert_eq!(drain.join().expect("no panic").expect("open"), 1 << 20);
    });
}

#[test]
fn all_that_wait_for_one_descriptor_are_woken() {
    run(Idle::Park, async {
        let (ours, mut theirs) = pair();
        let ours = Rc::new(ours);
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let ours = Rc::clone(&ours);
                spawn(async move {
                    let read = |mut ours: &UnixStream| ours.read_exact(&mut [0]);
                    ours.io(Interest::Read, read).await
                })
            })
            .collect();
        yield_now().await;
        for _ in 0..50 {
            theirs.write_all(b"x").expect("open");
            yield_now().await;
        }
        for task in join_all(tasks).await {
            task.expect("no panic").expect("data");
        }
    });
}

#[test]
fn future_that_is_dropped_waits_no_more() {
    struct CountsWakes(std::sync::atomic::AtomicUsize);
    impl std::task::Wake for CountsWakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    run(Idle::Park, async {
        let (ours, mut theirs) = pair();
        let wakes = Arc::new(CountsWakes(0.into()));
        let waker = Waker::from(Arc::clone(&wakes));
        let polled = || {
            let mut waiting = pin!(ours.io(Interest::Read, |mut ours| ours.read(&mut [0])));
            let poll = waiting.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(poll.is_pending());
        };
        (0..100).for_each(|_| polled());
        drop(waker);
        assert_eq!(Arc::strong_count(&wakes), 1);
        theirs.write_all(b"x").expect("open");
        assert_eq!(read(&ours, &mut [0]).await.expect("data"), 1);
        let woken = Arc::into_inner(wakes).expect("the only one").0.into_inner();
        assert_eq!(woken, 0);
    });
}

#[test]
fn closed_while_others_wait_beside() {
    run(Idle::Park, async {
        for _ in 0..100 {
            let (ours, theirs) = pair();
            let (other, mut their_other) = pair();
            let waiting = spawn(async move { read(&other, &mut [0]).await });
            let closing = spawn(async move { read(&ours, &mut [0]).await });
            yield_now().await;
            closing.abort(); // drops the watched end, whose number the next pair gets
            yield_now().await;
            drop(theirs);
            their_other.write_all(b"x").expect("open");
            assert_eq!(waiting.await.expect("no panic").expect("data"), 1);
        }
    });
}

#[test]
fn shutdown_from_another_thread_ends_the_wait() {
    let (ours, theirs) = pair();
    let ours = Arc::new(ours);
    let shutting = Arc::clone(&ours);
    let end = run(Idle::Park, async move {
        let waiting = spawn(async move { read(&ours, &mut [0]).await });
        yield_now().await;
        let other = thread::spawn(move || shutting.get_ref().shutdown(Shutdown::Both));
        let end = waiting.await.expect("no panic");
        other.join().expect("no panic").expect("open");
        end
    });
    assert_eq!(end.expect("the end"), 0);
    drop(theirs);
}

#[test]
fn goes_on_when_the_executor_that_watched_has_ended() {
    let (ours, mut theirs) = pair();
    let ours = Arc::new(ours);
    let first = Arc::clone(&ours);
    run(Idle::Park, async move {
        let pending = poll_fn(|cx| {
            let poll = first.poll_io(cx, Interest::Read, |mut first| first.read(&mut [0]));
            Poll::Ready(poll.is_pending())
        });
        assert!(pending.await);
    });
    let second = run(Idle::Park, async move {
        let waiting = spawn(async move { read(&ours, &mut [0; 8]).await });
        yield_now().await;
        theirs.write_all(b"later").expect("open");
        waiting.await.expect("no panic")
    });
    assert_eq!(second.expect("data"), 5);
}

/// Nothing has had to wait for it on the executor that it was made on.
#[test]
fn first_waited_for_by_a_thread_without_executor() {
    let read = run(Idle::Park, async {
        let (ours, mut theirs) = pair();
        let waiting = thread::spawn(move || {
            let mut byte = [0];
            let mut reading = pin!(read(&ours, &mut byte));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(reading.as_mut().poll(&mut cx).is_pending());
            theirs.write_all(b"!").expect("open");
            block_on(reading)
        });
        while !waiting.is_finished() {
            yield_now().await;
        }
        waiting.join().expect("no panic")
    });
    assert_eq!(read.expect("data"), 1);
}

#[test]
fn used_from_a_thread_without_executor_once_it_is_watched() {
    let (ours, mut theirs) = pair();
    let ours = Arc::new(ours);
    let error = block_on(read(&ours, &mut [0])).expect_err("nobody watches");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error
            .to_string()
            .contains("wait for it first, in a task of a worker")
    );

    let there = Arc::clone(&ours);
    let read = run(Idle::Park, async move {
        let watch = Arc::clone(&there);
        let watching = spawn(async move { read(&watch, &mut [0]).await });
        yield_now().await;
        watching.abort();
        // Off the worker, while the worker tells it.
        let elsewhere = thread::spawn(move || block_on(read(&there, &mut [0; 8])));
        theirs.write_all(b"there").expect("open");
        while !elsewhere.is_finished() {
            yield_now().await;
        }
        elsewhere.join().expect("no panic")
    });
    assert_eq!(read.expect("data"), 5);
    drop(ours);
}

#[test]
fn descriptor_that_cannot_be_watched_says_so() {
    let file = std::fs::File::open("Cargo.toml").expect("this crate's");
    let error = run(Idle::Park, async move {
        let file = Watch::new(file);
        let would_block = |_: &_| Err::<(), _>(ErrorKind::WouldBlock.into());
        file.io(Interest::Read, would_block).await
    });
    assert_eq!(
        error.expect_err("no file").kind(),
        ErrorKind::PermissionDenied
    );
}
