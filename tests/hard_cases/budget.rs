//! Local requests of a task whose budget is used up.
//!
//! Such a request could run in place, but its task is to let others go on. It runs at its first
//! poll all the same, as after that it is to run whatever happens; its task has the outcome in its
//! next turn, and the requests of other tasks still run in place. One in each poll may: what else
//! is polled without a budget takes a slot, as a request to another worker does.

use futures::executor::block_on;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
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
fn others_of_the_same_poll_take_slots() {
    let runtime = runtime();
    runtime.block_on(async {
        let near = exhausted(0).await;
        let drops = Drops::default();
        let mut requests: Vec<_> = (0..3)
            .map(|_| {
                let ran = drops.witness();
                near.apply(move |n| {
                    drop(ran);
                    *n += 1;
                    *n
                })
            })
            .collect();
        for request in &mut requests {
            assert!(poll_now(request).is_pending());
        }
        assert_eq!(drops.count(), 1);
        assert_eq!(join_all(requests).await, [1, 2, 3]);
    });
    assert_eq!(runtime.metrics()[0].requests_sent, 2);
}

/// The set polls who has woken itself once more in the same turn; it is not to find ready requests
/// for ever, as what waits for another worker is published after the turn.
#[test]
fn set_of_near_requests_beside_far_ones() {
    let runtime = runtime();
    let far = runtime.trustee(1).entrust(());
    runtime.block_on(async {
        let near = gossamer::local_trustee().entrust(());
        let mut set = FuturesUnordered::new();
        (0..2).for_each(|_| set.push(far.apply(|()| ()).map(|()| true).boxed()));
        set.push(near.apply(|()| ()).map(|()| false).boxed());
        let mut far_left = 2;
        while far_left > 0 {
            if set.next().await.expect("there are more") {
                far_left -= 1;
            } else {
                set.push(near.apply(|()| ()).map(|()| false).boxed());
            }
        }
    });
}

#[test]
fn no_request_of_one_after_another_takes_a_slot() {
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

/// Nobody asks for the outcome any more: it lies in the table until the runtime ends.
#[test]
fn forgotten_with_its_result() {
    let (drops, made) = (Drops::default(), Drops::default());
    let runtime = runtime();
    let (witness, result) = (drops.witness(), made.clone());
    runtime.block_on(async move {
        let near = exhausted(0).await;
        let mut request = near.apply(move |n| {
            drop(witness);
            *n += 1;
            result.witness()
        });
        assert!(poll_now(&mut request).is_pending());
        std::mem::forget(request);
        gossamer::yield_now().await;
        assert_eq!(near.apply(|n| *n).await, 1);
    });
    assert_eq!((drops.count(), made.count()), (1, 0));
    drop(runtime);
    assert_eq!((drops.count(), made.count()), (1, 1));
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
        check::<128>().await;
        check::<129>().await;
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
        let near = exhausted(()).await;
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
