//! Delegations under the combinators, channels and locks that other crates bring.
//!
//! Each of these polls in its own way: with wakers of its own, again without having been woken,
//! or not to the end. And each may keep a delegation, its waker or its result alive across the
//! moment in which the response comes in. So every test counts what ran and checks every result.

use std::sync::Arc;

use futures::channel::{mpsc, oneshot};
use futures::future::{FusedFuture, join_all};
use futures::stream::{self, FuturesUnordered};
use futures::{FutureExt, SinkExt, StreamExt, select, select_biased};

use crate::common::{hold, poll_now};

#[gossamer::test(workers = 3)]
async fn join_all_keeps_results_in_their_places() {
    let trusts: Vec<_> = (0..30).map(gossamer::entrust).collect();
    let requests = (0..600).map(|n| trusts[n % 30].apply(move |own| *own * 1000 + n));
    let results = join_all(requests).await;
    let expected: Vec<_> = (0..600).map(|n| (n % 30) * 1000 + n).collect();
    assert_eq!(results, expected);
}

#[gossamer::test]
async fn futures_unordered_beyond_what_the_link_holds() {
    let log = gossamer::trustee(1).entrust(Vec::new());
    let push = |n: u32| {
        log.apply(move |log| {
            log.push(n);
            n
        })
    };
    let requests: FuturesUnordered<_> = (0..5000).map(push).collect();
    let mut results: Vec<_> = requests.collect().await;
    results.sort_unstable();
    assert_eq!(results, Vec::from_iter(0..5000));
    assert_eq!(log.apply(|log| log.len()).await, 5000);
}

#[gossamer::test]
async fn loser_of_a_select_still_runs_once() {
    let there = gossamer::trustee(1);
    let counter = there.entrust(0);
    let key = hold(there).await;
    select_biased! {
        _ = counter.apply(|c| *c += 1) => panic!("its trustee is held"),
        () = futures::future::ready(()) => {}
    }
    drop(key);
    assert_eq!(counter.apply(|c| *c).await, 1);
}

#[gossamer::test]
async fn select_in_a_loop_over_fused_delegations() {
    let (near, far) = (
        gossamer::trustee(0).entrust(1),
        gossamer::trustee(1).entrust(2),
    );
    let (mut near, mut far) = (near.apply(|n| *n), far.apply(|n| *n));
    let mut seen = Vec::new();
    loop {
        select! {
            n = near => seen.push(n),
            n = far => seen.push(n),
            complete => break,
        }
    }
    assert!(near.is_terminated() && far.is_terminated());
    seen.sort_unstable();
    assert_eq!(seen, [1, 2]);
}

#[gossamer::test]
async fn buffer_unordered_holds_no_more_than_its_bound() {
    let far = gossamer::trustee(1).entrust(0_u64);
    let under_way = std::cell::Cell::new(0);
    let request = |n: u64| {
        let (far, under_way) = (&far, &under_way);
        async move {
            under_way.set(under_way.get() + 1);
            assert!(under_way.get() <= 16);
            far.apply(move |sum| *sum += n).await;
            under_way.set(under_way.get() - 1);
        }
    };
    stream::iter(0..2000)
        .map(request)
        .buffer_unordered(16)
        .collect::<()>()
        .await;
    assert_eq!(far.apply(|sum| *sum).await, 1999 * 1000);
}

#[gossamer::test]
async fn shared_delegation_is_issued_once() {
    let far = gossamer::trustee(1).entrust(0);
    let request = far.clone().apply_owned(|n| {
        *n += 1;
        *n
    });
    let shared = request.shared();
    let others = [0, 1, 0].map(|worker| {
        let shared = shared.clone();
        gossamer::spawn_on(worker, move || shared)
    });
    assert_eq!(shared.await, 1);
    for other in others {
        assert_eq!(other.await.unwrap(), 1);
    }
    assert_eq!(far.apply(|n| *n).await, 1);
}

#[gossamer::test]
async fn futures_channels_between_workers() {
    let (mut requests, mut inbox) = mpsc::channel::<(u32, oneshot::Sender<u32>)>(4);
    let squares = gossamer::trustee(0).entrust(0);
    let server = gossamer::spawn_on(1, async move || {
        while let Some((n, reply)) = inbox.next().await {
            let square = squares.apply(move |count| {
                *count += 1;
                n * n
            });
            reply.send(square.await).unwrap();
        }
        squares.apply(|count| *count).await
    });
    for n in 0..200 {
        let (reply, result) = oneshot::channel();
        requests.send((n, reply)).await.unwrap();
        assert_eq!(result.await.unwrap(), n * n);
    }
    drop(requests);
    assert_eq!(server.await.unwrap(), 200);
}

#[gossamer::test(workers = 3)]
async fn async_channel_and_async_lock_across_workers() {
    let (sender, receiver) = async_channel::bounded(8);
    let total = Arc::new(async_lock::Mutex::new(0));
    let one = gossamer::entrust(1);
    let consumers = [1, 2].map(|worker| {
        let (receiver, total, one) = (receiver.clone(), Arc::clone(&total), one.clone());
        gossamer::spawn_on(worker, async move || {
            while let Ok(n) = receiver.recv().await {
                let mut total = total.lock().await;
                *total += n * one.apply(|one| *one).await; // awaited while the lock is held
            }
        })
    });
    for n in 0..1000 {
        sender.send(n).await.unwrap();
    }
    sender.close();
    for consumer in consumers {
        consumer.await.unwrap();
    }
    assert_eq!(*total.lock().await, 499_500);
}

#[gossamer::test]
async fn tokio_sync_in_gossamer_tasks() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
    let lock = Arc::new(tokio::sync::Mutex::new(0));
    let limit = Arc::new(tokio::sync::Semaphore::new(3));
    let done = Arc::new(tokio::sync::Notify::new());
    let counter = gossamer::trustee(0).entrust(0);
    for worker in [0, 1, 0, 1] {
        let (sender, lock, limit) = (sender.clone(), Arc::clone(&lock), Arc::clone(&limit));
        let counter = counter.clone();
        drop(gossamer::spawn_on(worker, async move || {
            for _ in 0..100 {
                let permit = limit.acquire().await.unwrap();
                *lock.lock().await += 1;
                sender
                    .send(counter.apply(|c| std::mem::replace(c, *c + 1)).await)
                    .await
                    .unwrap();
                drop(permit);
            }
        }));
    }
    drop(sender);
    let notified = Arc::clone(&done);
    let collector = gossamer::spawn_on(1, async move || {
        let mut seen = Vec::new();
        while let Some(n) = receiver.recv().await {
            seen.push(n);
        }
        notified.notify_one();
        seen
    });
    done.notified().await;
    let mut seen = collector.await.unwrap();
    seen.sort_unstable();
    assert_eq!(seen, Vec::from_iter(0..400));
    assert_eq!(*lock.lock().await, 400);
}

#[gossamer::test]
async fn polled_again_without_a_wake_and_with_another_waker() {
    let there = gossamer::trustee(1);
    let far = there.entrust(7);
    let key = hold(there).await;
    let mut request = far.apply(|n| *n);
    for _ in 0..3 {
        assert!(poll_now(&mut request).is_pending());
    }
    key.open();
    // The waker of this task replaces the one that wakes nobody.
    assert_eq!(request.await, 7);
}
