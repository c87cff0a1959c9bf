//! A panic in the drop of a future or of an output that nobody wants is contained.
#![cfg(not(loom))]

mod support;

use std::future::pending;

use gossamer_executor::{spawn, yield_now};
use support::{Count, executor};

/// Panics when it is dropped, and counts that.
struct PanicsInDrop(Count);

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        self.0.add();
        panic!("in drop");
    }
}

#[test]
fn output_survives_a_panic_in_drop_of_the_future() {
    use std::future::poll_fn;
    use std::task::Poll;

    let (_claim, executor) = executor();
    let drops = Count::default();
    let captured = PanicsInDrop(drops.clone());
    // Captured and not moved into the poll, so that it is dropped with the future.
    let task = executor.spawn(poll_fn(move |_| {
        let _captured = &captured;
        Poll::Ready(7)
    }));
    assert_eq!(executor.run_until(task).expect("the output was there"), 7);
    assert_eq!(drops.is(), 1);
}

#[test]
fn abort_and_end_of_executor() {
    let (_claim, executor) = executor();
    let drops = Count::default();
    let endless = |captured: PanicsInDrop| async move {
        let _captured = captured;
        pending::<()>().await;
    };
    let aborted = executor.spawn(endless(PanicsInDrop(drops.clone())));
    let mut left: Vec<_> = (0..3)
        .map(|_| executor.spawn(endless(PanicsInDrop(drops.clone()))))
        .collect();
    executor.run_until(yield_now());
    aborted.abort();
    assert!(
        executor
            .run_until(aborted)
            .expect_err("aborted")
            .is_cancelled()
    );
    assert_eq!(drops.is(), 1);
    drop(executor);
    assert_eq!(drops.is(), 4);
    assert!(left.iter_mut().all(|task| task.is_finished()));
}

#[test]
fn unwanted_output_panics_in_drop() {
    let (_claim, executor) = executor();
    let drops = Count::default();
    let output = PanicsInDrop(drops.clone());
    executor.run_until(async move {
        drop(spawn(async move { output }));
        yield_now().await;
    });
    assert_eq!(drops.is(), 1);

    let output = PanicsInDrop(drops.clone());
    let finished = executor.spawn(async move { output });
    executor.run_until(yield_now());
    drop(finished);
    assert_eq!(drops.is(), 2);
}

#[test]
fn payload_panics_in_drop() {
    let (_claim, executor) = executor();
    let drops = Count::default();
    let payload = PanicsInDrop(drops.clone());
    executor.run_until(async move {
        drop(spawn(async move { std::panic::panic_any(payload) }));
        yield_now().await;
    });
    assert_eq!(drops.is(), 1);
}
