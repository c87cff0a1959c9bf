//! Panics in delegated code, in continuations, in wakers and in the hook that is told of them.
//!
//! A panic belongs to whoever awaits it, or else to the runtime's hook. It must not reach the
//! trustee's loop, nor cost any other request of the same batch its result, nor shift results
//! against requests. After each panic the same worker is asked for more.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use futures::FutureExt;
use futures::executor::block_on;
use futures::future::join_all;
use gossamer::{ApplyError, Builder, Trust};

use crate::common::{Drops, hold, poll_now, raise, reporting_runtime, runtime, some_turns};

fn panicked(result: Result<(), ApplyError>) -> String {
    match result {
        Err(ApplyError::Panicked(panic)) => panic.message().to_owned(),
        other => panic!("{other:?}"),
    }
}

async fn panics_in_place_and_goes_on(trust: Trust<i32>) {
    assert_eq!(
        panicked(trust.try_apply(|_| raise("as a value")).await),
        "as a value"
    );
    let resumed = std::panic::AssertUnwindSafe(trust.apply(|n| -> () {
        *n += 1; // what it did before stays
        raise("resumed")
    }));
    let payload = resumed.catch_unwind().await.expect_err("it panics");
    assert_eq!(payload.downcast_ref(), Some(&"resumed"));
    assert_eq!(trust.apply(std::mem::take).await, 1);
}

#[test]
fn in_a_closure() {
    let runtime = runtime(2);
    for worker in [0, 1] {
        let trust = runtime.trustee(worker).entrust(0);
        runtime.block_on(panics_in_place_and_goes_on(trust.clone()));
        block_on(panics_in_place_and_goes_on(trust.clone()));
        // Queued on its own worker, behind another one.
        runtime.block_on(async move {
            trust.post(|_| ());
            panics_in_place_and_goes_on(trust).await;
        });
    }
}

#[gossamer::test]
async fn in_some_of_a_batch() {
    let far = gossamer::trustee(1).entrust(0_u32);
    for every in [1, 2, 3, 61] {
        let requests = (0..500_u32).map(|n| {
            far.try_apply(move |count| {
                *count += 1;
                if n % every == 0 {
                    raise("one of many")
                } else {
                    [n; 4]
                }
            })
        });
        for (n, result) in (0_u32..).zip(join_all(requests).await) {
            match result {
                Ok(words) => assert_eq!((words, n % every == 0), ([n; 4], false)),
                Err(ApplyError::Panicked(_)) => assert_eq!(n % every, 0),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(far.apply(std::mem::take).await, 500);
    }
}

#[gossamer::test]
async fn payloads_come_through() {
    let far = gossamer::trustee(1).entrust(0);
    let drops = Drops::default();
    let witness = drops.witness();
    let request =
        far.try_apply(move |_| -> () { std::panic::resume_unwind(Box::new((witness, 5))) });
    let Err(ApplyError::Panicked(panic)) = request.await else {
        panic!("it panics")
    };
    assert_eq!(panic.message(), "a panic whose payload is no text");
    let payload = panic
        .into_payload()
        .downcast::<(crate::common::Witness, i32)>()
        .unwrap();
    assert_eq!((payload.1, drops.count()), (5, 0));
    drop(payload);
    assert_eq!(drops.count(), 1);
}

#[test]
fn in_posts_and_apply_then() {
    let (runtime, reports) = reporting_runtime(2);
    for worker in [0, 1] {
        let trust = runtime.trustee(worker).entrust(0);
        let drops = Drops::default();
        let witness = drops.witness();
        let there = trust.clone();
        runtime.block_on(async move {
            there.post(|_| raise("in post"));
            let then = move |()| drop(witness);
            there.apply_then(|_| raise("in apply_then"), then);
            there.post(|n| *n += 1);
            assert_eq!(there.apply(|n| *n).await, 1);
        });
        // Told by the worker that had issued it, in order.
        assert_eq!(reports.recv().unwrap(), (0, "in post".into()));
        assert_eq!(reports.recv().unwrap(), (0, "in apply_then".into()));
        assert_eq!(
            drops.seen(),
            [Some(0)],
            "its `then` is dropped unrun, where it was"
        );
        trust.post(|_| raise("foreign"));
        assert_eq!(reports.recv().unwrap(), (worker, "foreign".into()));
        assert_eq!(block_on(trust.apply(|n| *n)), 1);
    }
}

#[test]
fn in_a_then() {
    let (runtime, reports) = reporting_runtime(2);
    for worker in [0, 1] {
        let trust = runtime.trustee(worker).entrust(0);
        runtime.block_on(async move {
            for n in 0..100 {
                trust.apply_then(
                    |_| (),
                    move |()| {
                        if n % 10 == 0 {
                            raise("in then")
                        }
                    },
                );
            }
            trust.apply(|_| ()).await;
        });
        for _ in 0..10 {
            assert_eq!(reports.recv().unwrap(), (0, "in then".into()));
        }
    }
    assert!(reports.try_recv().is_err());
}

/// A waker that panics.
struct Alarm;

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        raise("in a waker")
    }
}

#[test]
fn in_a_waker() {
    let (runtime, reports) = reporting_runtime(2);
    let far = runtime.trustee(1).entrust(0);
    let waker = Waker::from(Arc::new(Alarm));
    let (there, there_waker) = (far.clone(), waker.clone());
    runtime.block_on(async move {
        let mut request = there.apply(|n| *n += 1);
        assert!(
            request
                .poll_unpin(&mut Context::from_waker(&there_waker))
                .is_pending()
        );
        let after = (0..200).map(|_| there.apply(|n| *n += 1)); // in the same batch
        join_all(after).await;
        assert!(
            poll_now(&mut request).is_ready(),
            "its result is there all the same"
        );
    });
    assert_eq!(reports.recv().unwrap(), (0, "in a waker".into()));
    // The waker of a foreign caller is woken on the trustee.
    let key = block_on(hold(far.trustee()));
    let mut request = far.apply(|n| *n += 1);
    let polled = request.poll_unpin(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    key.open();
    assert_eq!(reports.recv().unwrap(), (1, "in a waker".into()));
    assert_eq!(block_on(far.apply(|n| *n)), 202);
}

#[test]
fn in_the_panic_hook() {
    let builder = Builder::new().workers(2).stall_after(None);
    let runtime = builder
        .panic_hook(|_| raise("in the hook"))
        .build()
        .unwrap();
    for worker in [0, 1] {
        let trust = runtime.trustee(worker).entrust(0);
        trust.post(|_| raise("foreign post"));
        runtime.block_on(async move {
            trust.post(|_| raise("post"));
            trust.apply_then(|_| (), |()| raise("then"));
            trust.apply_then(|_| raise("apply_then"), |()| ());
            assert_eq!(trust.apply(|n| *n).await, 0);
        });
    }
}

#[gossamer::test]
async fn with_poisoning() {
    for worker in [0, 1] {
        let trust = gossamer::trustee(worker).entrust(0).with_poisoning();
        assert_eq!(trust.apply(|n| std::mem::replace(n, 1)).await, 0);
        assert_eq!(
            panicked(trust.try_apply(|_| raise("half done")).await),
            "half done"
        );
        let drops = Drops::default();
        let witness = drops.witness();
        let refused = trust.try_apply(move |_| drop(witness)).await;
        assert!(matches!(refused, Err(ApplyError::Poisoned)));
        assert_eq!(drops.count(), 1, "the closure was dropped unrun");
        // Who does not ask for values gets a panic that says why.
        let task = gossamer::spawn(trust.clone().apply_owned(|n| *n));
        let error = task.await.unwrap_err();
        assert!(
            error.to_string().contains("poisoned"),
            "worker {worker}: {error}"
        );
        let again = trust.clone().with_poisoning(); // asks for what it has, and cures nothing
        assert!(matches!(
            again.try_apply(|n| *n).await,
            Err(ApplyError::Poisoned)
        ));
        drop(trust);
        some_turns().await;
    }
}
