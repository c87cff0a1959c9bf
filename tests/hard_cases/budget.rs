//! Local requests of a task whose budget is used up.
//!
//! Such a request could run in place, but its task is to let others go on. It runs at its first
//! poll all the same, as every request does that was polled; its outcome comes in a later turn,
//! and the requests of other tasks still run in place.

use futures::executor::block_on;
use gossamer::{ApplyError, Builder, Runtime, Trust};

use crate::common::{Drops, poll_now, raise};

/// A runtime whose tasks have done all they may with their first operation.
fn runtime() -> Runtime {
    let builder = Builder::new().workers(2).budget(1).stall_after(None);
    builder.build().expect("a runtime starts")
}

/// A local property, and no budget left.
async fn exhausted<T: Send + 'static>(value: T) -> Trust<T> {
    let near = gossamer::local_trustee().entrust(value);
    gossamer::yield_now().await; // to begin with all of it
    near.apply(|_| ()).await;
    near
}

#[test]
fn runs_at_once_and_answers_in_a_later_turn() {
    runtime().block_on(async {
        let near = exhausted(0).await;
        let drops = Drops::default();
        let ran = drops.witness();
        let mut request = near.apply(move |n| {
            drop(ran);
            *n += 1;
            *n
        });
        assert!(poll_now(&mut request).is_pending());
        assert_eq!(drops.seen(), [Some(0)], "it has run");
        assert_eq!(request.await, 1);
        assert_eq!(near.apply(|n| *n).await, 1, "once");
    });
}

#[test]
fn no_request_takes_a_slot() {
    let runtime = runtime();
    runtime.block_on(async {
        let near = gossamer::local_trustee().entrust(0);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let near = near.clone();
                gossamer::spawn(async move {
                    for _ in 0..100 {
                        near.apply(|n| *n += 1).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
    let metrics = &runtime.metrics()[0];
    assert_eq!(metrics.requests_inline, 300);
    assert_eq!(metrics.requests_sent, 0);
}

#[test]
fn dropped_with_its_result() {
    runtime().block_on(async {
        let near = exhausted(0).await;
        let (drops, made) = (Drops::default(), Drops::default());
        let result = made.clone();
        let witness = drops.witness();
        let mut request = near.apply(move |_| {
            drop(witness);
            result.witness()
        });
        assert!(poll_now(&mut request).is_pending());
        assert_eq!((drops.count(), made.count()), (1, 0));
        drop(request);
        assert_eq!((drops.count(), made.count()), (1, 1));
    });
}

#[test]
fn results_of_any_size() {
    async fn check<const WORDS: usize>() {
        let near = exhausted(()).await;
        let mut request = near.apply(|()| [7_u64; WORDS]);
        assert!(poll_now(&mut request).is_pending());
        assert_eq!(request.await, [7; WORDS]);
    }
    runtime().block_on(async {
        check::<0>().await;
        check::<2>().await;
        check::<3>().await;
        check::<124>().await;
        check::<125>().await;
        check::<5000>().await;
    });
}

#[test]
fn panic_reaches_who_awaits_it() {
    runtime().block_on(async {
        let near = exhausted(()).await;
        let mut request = near.try_apply(|()| raise("in a closure"));
        assert!(poll_now(&mut request).is_pending());
        let outcome: Result<(), _> = request.await;
        assert!(matches!(outcome, Err(ApplyError::Panicked(_))));
        let mut request = near.apply(|()| raise("in another"));
        assert!(poll_now(&mut request).is_pending(), "not out of this poll");
        let again = std::panic::AssertUnwindSafe(|| poll_now(&mut request));
        assert!(std::panic::catch_unwind(again).is_err());
    });
}

#[test]
fn awaited_on_another_thread() {
    let runtime = runtime();
    let request = runtime.block_on(async {
        let near = exhausted(1).await;
        let mut request = near.apply_owned(|n| *n + 1);
        assert!(poll_now(&mut request).is_pending());
        request
    });
    assert_eq!(block_on(request), 2);
}

#[test]
fn runtime_goes_before_its_result_is_fetched() {
    let drops = Drops::default();
    let result = drops.clone();
    let runtime = runtime();
    let request = runtime.block_on(async move {
        let near = exhausted(()).await;
        let mut request = near.apply_owned(move |()| result.witness());
        assert!(poll_now(&mut request).is_pending());
        request
    });
    drop(runtime);
    assert_eq!(drops.seen(), [Some(0)]);
    let awaited = std::panic::AssertUnwindSafe(|| block_on(request));
    assert!(std::panic::catch_unwind(awaited).is_err(), "it is closed");
    assert_eq!(drops.count(), 1);
}
