//! Async closures that hold a property across their awaits.
//!
//! A launch is a task beside the trustee with `&mut T` in its hands while other requests come in.
//! They have to wait their turn, first come first served, without waiting in the trustee itself.
//! Whatever becomes of the holder (its caller gone, a panic, the runtime's end), the latch goes to
//! the next in line, and the property stays until the holder has ended.

use std::sync::mpsc;
use std::thread;

use futures::executor::block_on;
use futures::future::{BoxFuture, FutureExt, join_all};
use gossamer::{ApplyError, LatchTrust};

use crate::common::{Drops, poll_now, raise, runtime, some_turns};

type Log = LatchTrust<Vec<u32>>;

/// A launch that holds the latch until the sender is dropped.
fn holder(log: &Log) -> (async_channel::Sender<()>, BoxFuture<'_, ()>) {
    let (open, opens) = async_channel::bounded::<()>(1);
    let launch = log.launch(async move |log: &mut Vec<u32>| {
        log.push(0);
        opens.recv().await.expect_err("nothing is sent");
        log.push(1);
    });
    (open, launch.boxed())
}

#[gossamer::test]
async fn first_come_first_served() {
    for worker in [0, 1] {
        let log: Log = gossamer::trustee(worker).entrust_latched(Vec::new());
        let (open, mut holder) = holder(&log);
        assert!(poll_now(&mut holder).is_pending());
        let mut waiting: Vec<BoxFuture<'_, u32>> = (2..60)
            .map(|n| match n % 3 {
                0 => log.apply(move |log| (log.push(n), n).1).boxed(),
                1 => log
                    .try_apply(move |log| (log.push(n), n).1)
                    .map(Result::unwrap)
                    .boxed(),
                _ => log
                    .launch(async move |log: &mut Vec<u32>| {
                        gossamer::yield_now().await;
                        log.push(n);
                        gossamer::yield_now().await;
                        n
                    })
                    .boxed(),
            })
            .collect();
        for request in &mut waiting {
            assert!(poll_now(request).is_pending());
        }
        some_turns().await;
        some_turns().await;
        drop(open);
        assert_eq!(join_all(waiting).await, Vec::from_iter(2..60));
        holder.await;
        assert_eq!(
            log.apply(|log| log.clone()).await,
            Vec::from_iter(0..60),
            "worker {worker}"
        );
    }
}

#[gossamer::test]
async fn other_properties_go_on_beside_the_holder() {
    let there = gossamer::trustee(1);
    let (log, plain): (Log, _) = (there.entrust_latched(Vec::new()), there.entrust(0));
    let (open, mut holder) = holder(&log);
    assert!(poll_now(&mut holder).is_pending());
    let mut waiting = Box::pin(log.apply(|log| log.len()));
    assert!(poll_now(&mut waiting).is_pending());
    for n in 0..100 {
        assert_eq!(plain.apply(|n| std::mem::replace(n, *n + 1)).await, n);
    }
    assert!(poll_now(&mut waiting).is_pending());
    drop(open);
    assert_eq!(waiting.await, 2);
    holder.await;
}

#[gossamer::test]
async fn caller_goes_and_the_launch_goes_on() {
    for worker in [0, 1] {
        let log: Log = gossamer::trustee(worker).entrust_latched(Vec::new());
        let (open, mut first) = holder(&log);
        assert!(poll_now(&mut first).is_pending());
        drop(first); // while it holds, or on its way there
        let mut second = log.launch(async |log: &mut Vec<u32>| log.push(2)).boxed();
        assert!(poll_now(&mut second).is_pending());
        let mut third = log.apply(|log| log.push(3)).boxed();
        assert!(poll_now(&mut third).is_pending());
        some_turns().await;
        drop((second, third)); // while they wait in line
        drop(open);
        assert_eq!(log.apply(|log| log.clone()).await, [0, 1, 2, 3]);
        // Before the first poll nothing has happened yet.
        drop(log.launch(async |log: &mut Vec<u32>| log.push(4)));
        drop(log.apply(|log| log.push(5)));
        assert_eq!(log.apply(|log| log.len()).await, 4);
    }
}

#[gossamer::test]
async fn panic_while_holding_passes_the_latch_on() {
    for worker in [0, 1] {
        let log: Log = gossamer::trustee(worker).entrust_latched(Vec::new());
        let launch = |n: u32| {
            log.try_launch(async move |log: &mut Vec<u32>| {
                log.push(n);
                gossamer::yield_now().await;
                if n.is_multiple_of(2) {
                    raise("while holding")
                } else {
                    n
                }
            })
        };
        let apply = |n: u32| {
            log.try_apply(move |log| {
                log.push(n);
                if n.is_multiple_of(2) {
                    raise("while holding")
                } else {
                    n
                }
            })
        };
        let requests = (0..40).map(|n| {
            if n % 4 < 2 {
                launch(n).boxed()
            } else {
                apply(n).boxed()
            }
        });
        for (n, result) in (0..).zip(join_all(requests).await) {
            match result {
                Ok(of) => assert_eq!((of, n % 2), (n, 1)),
                Err(ApplyError::Panicked(panic)) => assert_eq!(panic.message(), "while holding"),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(log.apply(|log| log.clone()).await, Vec::from_iter(0..40));
        let resumed = log.launch(async |_: &mut Vec<u32>| -> () { raise("resumed") });
        let payload = std::panic::AssertUnwindSafe(resumed)
            .catch_unwind()
            .await
            .unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"resumed"));
    }
}

#[test]
fn shutdown_while_one_holds_and_others_wait() {
    let runtime = runtime(2);
    let (value, held) = (Drops::default(), Drops::default());
    let latched = runtime.trustee(1).entrust_latched(value.witness());
    let (witness, (holds, is_held)) = (held.witness(), mpsc::channel());
    let holder = latched.clone();
    let holder = thread::spawn(move || {
        let launch = holder.try_launch(async move |_: &mut _| {
            let _witness = witness;
            holds.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        block_on(launch)
    });
    is_held.recv().unwrap();
    let waiting = [false, true].map(|is_launch| {
        let latched = latched.clone();
        thread::spawn(move || match is_launch {
            true => block_on(latched.try_launch(async |_: &mut _| ())),
            false => block_on(latched.try_apply(|_| ())),
        })
    });
    let task = latched.clone();
    let task = runtime.spawn_on(0, move || async move { task.try_apply(|_| ()).await });
    drop(runtime);
    for waiting in waiting.into_iter().chain([holder]) {
        assert!(matches!(waiting.join().unwrap(), Err(ApplyError::Closed)));
    }
    assert!(block_on(task).unwrap_err().is_cancelled());
    assert!(matches!(
        block_on(latched.try_launch(async |_: &mut _| ())),
        Err(ApplyError::Closed)
    ));
    assert_eq!((value.seen(), held.seen()), (vec![Some(1)], vec![Some(1)]));
}

#[test]
fn transfers_take_accounts_in_order() {
    let runtime = runtime(3);
    let accounts: Vec<LatchTrust<i64>> = (0..4)
        .map(|n| runtime.trustee(n % 3).entrust_latched(1000))
        .collect();
    let tasks: Vec<_> = (0..12_usize)
        .map(|n| {
            let accounts = accounts.clone();
            runtime.spawn_on(n % 3, move || async move {
                for step in 0..25 {
                    let (one, other) = ((n + step) % 4, (n * 3 + step * 2 + 1) % 4);
                    let (low, high) = (one.min(other), one.max(other));
                    if low == high {
                        continue;
                    }
                    let high = accounts[high].clone();
                    let amount = step as i64 - 12;
                    let transfer = async move |low: &mut i64| {
                        *low -= amount;
                        gossamer::yield_now().await;
                        // The second latch is taken while the first is held.
                        high.launch(async move |high: &mut i64| {
                            gossamer::yield_now().await;
                            *high += amount;
                        })
                        .await;
                    };
                    accounts[low].launch(transfer).await;
                }
            })
        })
        .collect();
    for task in tasks {
        block_on(task).unwrap();
    }
    let balances = accounts
        .iter()
        .map(|account| block_on(account.apply(|balance| *balance)));
    assert_eq!(balances.sum::<i64>(), 4000);
}

#[gossamer::test]
async fn last_trust_goes_while_a_launch_runs() {
    for worker in [0, 1] {
        let drops = Drops::default();
        let latched = gossamer::trustee(worker).entrust_latched((drops.witness(), 0));
        let (open, opens) = async_channel::bounded::<()>(1);
        let (done, is_done) = async_channel::bounded(1);
        let mut launch = latched
            .launch(async move |value: &mut (_, u32)| {
                opens.recv().await.unwrap_err();
                value.1 += 1;
                done.send(value.1).await.unwrap();
            })
            .boxed();
        assert!(poll_now(&mut launch).is_pending());
        drop(launch);
        drop(latched);
        some_turns().await;
        some_turns().await;
        assert_eq!(drops.count(), 0, "the launch keeps the property");
        drop(open);
        assert_eq!(is_done.recv().await.unwrap(), 1);
        while drops.count() == 0 {
            gossamer::yield_now().await;
        }
        assert_eq!(drops.seen(), [Some(worker)]);
    }
}

#[gossamer::test]
async fn trust_goes_while_an_apply_waits_in_line() {
    let drops = Drops::default();
    let latched = gossamer::trustee(1).entrust_latched((drops.witness(), 0));
    let (open, opens) = async_channel::bounded::<()>(1);
    let holding = latched.clone();
    let holder = gossamer::spawn(async move {
        holding
            .launch(async move |_: &mut _| _ = opens.recv().await)
            .await;
    });
    some_turns().await;
    let waiting = gossamer::spawn(async move { latched.apply(|value| value.1 += 1).await });
    some_turns().await;
    waiting.abort(); // and with it the last trust but the launch's own
    assert!(waiting.await.unwrap_err().is_cancelled());
    drop(open);
    holder.await.unwrap();
    while drops.count() == 0 {
        gossamer::yield_now().await;
    }
    assert_eq!(drops.seen(), [Some(1)]);
}
