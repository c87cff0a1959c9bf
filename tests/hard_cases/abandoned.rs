//! Delegations that nobody awaits to the end.
//!
//! Before the first poll a delegation is only a value: dropped, its closure never runs. From the
//! first poll on the request is the runtime's, and the future a mere listener that may go at any
//! moment, or be forgotten and never go. The closure runs exactly once all the same, and the
//! result is dropped exactly once, by the worker that issued it.

use gossamer::Trust;

use crate::common::{Drops, Witness, hold, poll_now, runtime, some_turns};

/// A result of so many bytes beside its witness.
fn result<const BYTES: usize>(drops: &Drops) -> (Witness, [u8; BYTES]) {
    (drops.witness(), [7; BYTES])
}

#[gossamer::test]
async fn dropped_before_its_first_poll() {
    for worker in [0, 1] {
        let trust = gossamer::trustee(worker).entrust(0);
        let drops = Drops::default();
        let witness = drops.witness();
        drop(trust.apply(move |n| {
            *n += 1;
            drop(witness);
        }));
        assert_eq!(
            drops.seen(),
            [Some(0)],
            "the closure is dropped with the future"
        );
        assert_eq!(trust.apply(|n| *n).await, 0);
    }
}

async fn drop_on_the_way<const BYTES: usize>(trust: &Trust<i32>) {
    let drops = Drops::default();
    let made = drops.clone();
    let key = hold(trust.trustee()).await;
    let mut request = trust.apply(move |n| {
        *n += 1;
        result::<BYTES>(&made)
    });
    assert!(poll_now(&mut request).is_pending());
    drop(request);
    assert_eq!(drops.count(), 0);
    key.open();
    assert_eq!(trust.apply(std::mem::take).await, 1);
    assert_eq!(drops.seen(), [Some(0)], "{BYTES} bytes");
}

async fn drop_with_its_result<const BYTES: usize>(trust: &Trust<i32>) {
    let drops = Drops::default();
    let made = drops.clone();
    let mut request = trust.apply(move |n| {
        *n += 1;
        result::<BYTES>(&made)
    });
    trust.post(|_| ()); // so that on the own worker too it is queued
    assert!(poll_now(&mut request).is_pending());
    assert_eq!(trust.apply(std::mem::take).await, 1);
    assert_eq!(drops.count(), 0, "the result waits");
    drop(request);
    assert_eq!(drops.seen(), [Some(0)], "{BYTES} bytes");
}

#[gossamer::test]
async fn dropped_on_the_way() {
    let far = gossamer::trustee(1).entrust(0);
    drop_on_the_way::<0>(&far).await;
    drop_on_the_way::<16>(&far).await;
    drop_on_the_way::<17>(&far).await;
    drop_on_the_way::<984>(&far).await;
    drop_on_the_way::<985>(&far).await;
    drop_on_the_way::<65536>(&far).await;
}

#[gossamer::test]
async fn dropped_with_its_result() {
    for worker in [0, 1] {
        let trust = gossamer::trustee(worker).entrust(0);
        drop_with_its_result::<0>(&trust).await;
        drop_with_its_result::<16>(&trust).await;
        drop_with_its_result::<17>(&trust).await;
        drop_with_its_result::<984>(&trust).await;
        drop_with_its_result::<985>(&trust).await;
        drop_with_its_result::<65536>(&trust).await;
    }
}

#[gossamer::test]
async fn many_dropped_in_one_batch_between_others() {
    let far = gossamer::trustee(1).entrust(0);
    let drops = Drops::default();
    let mut kept = Vec::new();
    for n in 0..300 {
        let made = drops.clone();
        let mut request = far.apply(move |sum| {
            *sum += 1;
            (made.witness(), n)
        });
        assert!(poll_now(&mut request).is_pending());
        if n % 3 == 0 {
            kept.push((n, request));
        }
    }
    for (n, request) in kept {
        assert_eq!(request.await.1, n);
    }
    assert_eq!(far.apply(|sum| *sum).await, 300);
    assert_eq!(drops.seen(), vec![Some(0); 300]);
}

#[test]
fn forgotten() {
    let runtime = runtime(2);
    let drops = Drops::default();
    let runs = [0, 1].map(|worker| {
        let trust = runtime.trustee(worker).entrust(0);
        let made = drops.clone();
        runtime.block_on(async move {
            trust.post(|_| ());
            for size in 0..2 {
                let made = made.clone();
                let mut small = trust.clone().apply_owned({
                    let made = made.clone();
                    move |n| {
                        *n += 1;
                        result::<0>(&made)
                    }
                });
                let mut large = trust.clone().apply_owned(move |n| {
                    *n += 1;
                    result::<2000>(&made)
                });
                if size == 0 {
                    assert!(poll_now(&mut small).is_pending());
                    std::mem::forget(small);
                } else {
                    assert!(poll_now(&mut large).is_pending());
                    std::mem::forget(large);
                }
            }
            trust.apply(|n| *n).await
        })
    });
    assert_eq!(runs, [2, 2], "each runs exactly once");
    assert_eq!(
        drops.count(),
        0,
        "the results wait for futures that never come"
    );
    drop(runtime);
    assert_eq!(
        drops.seen(),
        vec![Some(0); 4],
        "the issuer drops them at the end"
    );
}

#[test]
fn dropped_by_a_future_of_a_runtime_that_goes() {
    let runtime = runtime(2);
    let (far, drops) = (runtime.trustee(1).entrust(0), Drops::default());
    let made = drops.clone();
    let (issued, is_issued) = std::sync::mpsc::channel();
    drop(runtime.spawn_on(0, move || async move {
        let mut request = far.apply(move |n| {
            *n += 1;
            made.witness()
        });
        assert!(poll_now(&mut request).is_pending());
        some_turns().await;
        issued.send(()).unwrap();
        std::future::pending::<()>().await;
        drop(request);
    }));
    is_issued.recv().unwrap();
    drop(runtime);
    assert_eq!(drops.seen(), [Some(0)]);
}
