//! Timers as tasks see them. That they fire in order at the right time is a test of `Timers`,
//! which takes the time as an argument; here deadlines are past, or so far that they never come,
//! or it only counts that they are met, and not early.
#![cfg(not(loom))]

mod support;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::executor::block_on;
use gossamer_executor::{Idle, spawn, time, yield_now};
use support::{Worker, executor};

#[test]
fn many_sleepers_none_wakes_early() {
    let (_claim, executor) = executor();
    executor.run_until(async {
        let start = Instant::now();
        let sleepers = [5, 1, 3].map(|ms| {
            let deadline = start + Duration::from_millis(ms);
            spawn(async move {
                time::sleep_until(deadline).await;
                assert!(Instant::now() >= deadline);
            })
        });
        for sleeper in sleepers {
            sleeper.await.expect("not early");
        }
    });
}

#[test]
fn deadline_that_has_passed() {
    let (_claim, executor) = executor();
    executor.run_until(async {
        assert!(time::sleep_until(Instant::now()).now_or_never().is_some());
        assert!(time::sleep(Duration::ZERO).now_or_never().is_some());
    });
}

#[test]
fn parked_worker_wakes_for_a_timer() {
    let worker = Worker::new(Idle::Park);
    let task = worker
        .remote()
        .spawn(|| async { time::sleep(Duration::from_millis(1)).await });
    block_on(task).expect("no panic");
}

#[test]
fn for_ever_is_not_too_long() {
    let (_claim, executor) = executor();
    executor.run_until(async {
        let mut sleep = time::sleep(Duration::MAX);
        assert!((&mut sleep).now_or_never().is_none());
        let mut year = time::sleep(Duration::from_secs(1 << 25));
        assert!((&mut year).now_or_never().is_none());
        let mut interval = time::interval(Duration::MAX);
        interval.tick().await;
        assert!(interval.tick().now_or_never().is_none());
        assert_eq!(time::timeout(Duration::MAX, async { 1 }).await, Ok(1));
    });
}

#[test]
fn timer_moves_to_another_worker() {
    let workers = [Worker::new(Idle::Park), Worker::new(Idle::Park)];
    let start = Instant::now();
    let first = workers[0].remote().spawn(move || {
        let mut sleep = Some(time::sleep_until(start + Duration::from_millis(5)));
        poll_fn(move |context| {
            // Registers it here, unless this thread was held up past the deadline.
            let _ = sleep.as_mut().map(|sleep| sleep.poll_unpin(context));
            Poll::Ready(sleep.take())
        })
    });
    let sleep = block_on(first)
        .expect("no panic")
        .expect("it is given away once");
    let second = workers[1].remote().spawn(move || sleep);
    block_on(second).expect("no panic");
    assert!(start.elapsed() >= Duration::from_millis(5));
}

#[test]
fn dropped_timer_does_not_keep_its_waker() {
    struct Counted(std::sync::Arc<()>);
    impl std::task::Wake for Counted {
        fn wake(self: std::sync::Arc<Self>) {
            let _ = &self.0;
        }
    }
    let (_claim, executor) = executor();
    let count = std::sync::Arc::new(());
    let waker = std::sync::Arc::new(Counted(count.clone())).into();
    let kept = std::sync::Arc::downgrade(&count);
    drop(count);
    executor.run_until(async move {
        let mut sleep = time::sleep(Duration::from_secs(1 << 20));
        assert!(
            Pin::new(&mut sleep)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        drop(waker);
        assert!(kept.upgrade().is_some());
        drop(sleep);
        assert!(kept.upgrade().is_none());
    });
}

#[test]
#[should_panic(expected = "not on a worker")]
fn polled_off_an_executor() {
    block_on(time::sleep(Duration::ZERO));
}

#[test]
fn timeout_of_one_that_is_always_busy() {
    let (_claim, executor) = executor();
    let outcome = executor.run_until(async {
        let busy = async {
            loop {
                yield_now().await;
            }
        };
        time::timeout(Duration::from_millis(1), busy).await
    });
    assert_eq!(outcome, Err::<(), _>(time::Elapsed));
}
