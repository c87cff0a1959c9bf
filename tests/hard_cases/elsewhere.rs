//! Delegations away from the worker that issued them, and away from workers altogether.
//!
//! A delegation is an ordinary `Send` future: it may be polled first on one thread and finished
//! or dropped on another, before its result is there, after it is there, and after the runtime
//! has gone. The entry of the request stays on the worker of the first poll, so every move has to
//! find its way back there, and a result that nobody takes has to be dropped there.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;

use futures::executor::block_on;
use gossamer::{ApplyError, Runtime, Trust};

use crate::common::{Drops, hold, poll_now, runtime, some_turns};

#[test]
fn awaited_on_a_plain_thread() {
    let runtime = runtime(2);
    let list = runtime.trustee(1).entrust(vec![1]);
    block_on(async {
        list.apply(|l| l.push(2)).await;
        list.apply_with(|l, n| l.push(n), 3).await;
        list.post(|l| l.push(4));
        list.trustee().ready().await;
        assert!(matches!(
            list.try_apply(|l| l[9]).await,
            Err(ApplyError::Panicked(_))
        ));
        assert_eq!(list.into_inner().await.unwrap(), [1, 2, 3, 4]);
    });
}

#[test]
fn awaited_on_the_workers_of_tokio() {
    let runtime = runtime(2);
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let counters = [0, 1].map(|worker| runtime.trustee(worker).entrust(0));
    let tasks: Vec<_> = (0..32)
        .map(|n: usize| {
            let counters = counters.clone();
            tokio.spawn(async move {
                for step in 0..50 {
                    counters[(n + step) % 2].apply(|c| *c += 1).await;
                    tokio::task::yield_now().await; // often goes on on another thread
                }
            })
        })
        .collect();
    tokio.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
        for counter in counters {
            assert_eq!(counter.apply(|c| *c).await, 800);
        }
    });
}

#[test]
fn awaited_under_smol() {
    let runtime = runtime(2);
    let counter = runtime.trustee(1).entrust(0);
    smol::block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|_| smol::spawn(counter.clone().apply_owned(|c| *c += 1)))
            .collect();
        for task in tasks {
            task.await;
        }
        let there = counter.clone();
        blocking::unblock(move || block_on(there.apply(|c| *c += 1))).await;
        assert_eq!(counter.apply(|c| *c).await, 101);
    });
}

/// Issues a request for a witness on worker 0; the result lies ready there if `is_done`.
macro_rules! issued_on_worker_0 {
    ($runtime:expr, $trust:expr, $drops:expr, is_done: $is_done:expr) => {{
        let (trust, drops, is_done): (&Trust<i32>, Drops, bool) =
            ($trust, $drops.clone(), $is_done);
        $runtime.block_on(async move {
            let mut request = trust.try_apply(move |n| {
                *n += 1;
                drops.witness()
            });
            assert!(poll_now(&mut request).is_pending());
            if is_done {
                trust.apply(|_| ()).await; // completes later than the one before it
            } else {
                some_turns().await;
            }
            request
        })
    }};
}

fn count(trust: &Trust<i32>) -> i32 {
    block_on(trust.apply(|n| *n))
}

#[test]
fn moved_off_before_its_result() {
    let runtime = runtime(2);
    let (trust, drops) = (runtime.trustee(1).entrust(0), Drops::default());
    let key = block_on(hold(runtime.trustee(1)));
    let mut request = issued_on_worker_0!(runtime, &trust, drops, is_done: false);
    assert!(poll_now(&mut request).is_pending());
    let witness = thread::scope(|scope| {
        let other = scope.spawn(|| block_on(request)); // a second thread, a second waker
        key.open();
        other.join().unwrap()
    });
    assert_eq!(drops.count(), 0);
    drop(witness.unwrap());
    assert_eq!((count(&trust), drops.seen()), (1, vec![None]));
}

#[test]
fn moved_off_with_its_result() {
    let runtime = runtime(2);
    let (trust, drops) = (runtime.trustee(1).entrust(0), Drops::default());
    let request = issued_on_worker_0!(runtime, &trust, drops, is_done: true);
    drop(block_on(request).unwrap());
    assert_eq!((count(&trust), drops.seen()), (1, vec![None]));
}

#[test]
fn moved_off_and_polled_after_shutdown() {
    for is_done in [false, true] {
        let runtime = runtime(2);
        let (trust, drops) = (runtime.trustee(1).entrust(0), Drops::default());
        let request = issued_on_worker_0!(runtime, &trust, drops, is_done: is_done);
        drop(runtime);
        assert_eq!(
            drops.seen(),
            [Some(0)],
            "the result was dropped by the issuer"
        );
        assert!(matches!(block_on(request), Err(ApplyError::Closed)));
    }
}

#[test]
fn moved_off_then_runtime_dropped_while_it_waits() {
    let runtime = runtime(2);
    let (trust, drops) = (runtime.trustee(1).entrust(0), Drops::default());
    let key = block_on(hold(runtime.trustee(1)));
    let mut request = issued_on_worker_0!(runtime, &trust, drops, is_done: false);
    assert!(poll_now(&mut request).is_pending());
    let ended = thread::spawn(move || drop(runtime));
    key.open();
    ended.join().unwrap();
    // What was issued is served; whether its result found its way is a race, but it ends.
    drop(block_on(request));
    assert_eq!(drops.count(), 1);
}

#[test]
fn moved_to_another_worker() {
    for is_done in [false, true] {
        let runtime = runtime(3);
        let (trust, drops) = (runtime.trustee(1).entrust(0), Drops::default());
        let made = drops.clone();
        let request = trust.clone().apply_owned(move |n| {
            *n += 1;
            made.witness()
        });
        let key = (!is_done).then(|| block_on(hold(runtime.trustee(1))));
        let other = trust.clone();
        let request = runtime.block_on(async move {
            let mut request = request;
            assert!(poll_now(&mut request).is_pending());
            if is_done {
                other.apply(|_| ()).await;
            }
            request
        });
        // The issuer answers only when it has been asked.
        let busy = block_on(hold(runtime.trustee(0)));
        let there = runtime.spawn_on(2, move || async move {
            let mut request = request;
            assert!(
                poll_now(&mut request).is_pending(),
                "the issuer must be asked"
            );
            drop((busy, key));
            request.await;
        });
        block_on(there).unwrap();
        assert_eq!((count(&trust), drops.seen()), (1, vec![Some(2)]));
    }
}

#[test]
fn moved_off_and_back_again() {
    let runtime = runtime(2);
    let (trust, drops) = (runtime.trustee(1).entrust(0), Drops::default());
    let key = block_on(hold(runtime.trustee(1)));
    let mut request = issued_on_worker_0!(runtime, &trust, drops, is_done: false);
    assert!(poll_now(&mut request).is_pending());
    let request = runtime.block_on(async {
        assert!(
            poll_now(&mut request).is_pending(),
            "its result goes another way now"
        );
        request
    });
    key.open();
    drop(runtime.block_on(request).unwrap());
    assert_eq!((count(&trust), drops.seen()), (1, vec![None]));
}

#[test]
fn dropped_on_another_worker() {
    for is_done in [false, true] {
        let runtime = runtime(3);
        let (trust, drops) = (runtime.trustee(1).entrust(0), Drops::default());
        let made = drops.clone();
        let request = trust.clone().apply_owned(move |n| {
            *n += 1;
            made.witness()
        });
        let key = (!is_done).then(|| block_on(hold(runtime.trustee(1))));
        let other = trust.clone();
        let request = runtime.block_on(async move {
            let mut request = request;
            assert!(poll_now(&mut request).is_pending());
            match is_done {
                true => other.apply(|_| ()).await,
                false => some_turns().await,
            }
            request
        });
        block_on(runtime.spawn_on(2, move || async move { drop(request) })).unwrap();
        drop(key);
        settle(&runtime, &trust);
        assert_eq!((count(&trust), drops.seen()), (1, vec![Some(0)]));
    }
}

/// Waits until the issuer has dropped what nobody wants.
fn settle(runtime: &Runtime, trust: &Trust<i32>) {
    runtime.block_on(async {
        trust.apply(|_| ()).await;
        some_turns().await;
    });
}

#[test]
fn dropped_off_its_worker() {
    for is_done in [false, true] {
        let runtime = runtime(2);
        let (trust, drops) = (runtime.trustee(1).entrust(0), Drops::default());
        let key = (!is_done).then(|| block_on(hold(runtime.trustee(1))));
        let request = issued_on_worker_0!(runtime, &trust, drops, is_done: is_done);
        drop(request);
        drop(key);
        settle(&runtime, &trust);
        assert_eq!((count(&trust), drops.seen()), (1, vec![Some(0)]));
    }
}

#[test]
fn dropped_off_its_worker_after_shutdown() {
    let runtime = runtime(2);
    let (trust, drops) = (runtime.trustee(1).entrust(0), Drops::default());
    let request = issued_on_worker_0!(runtime, &trust, drops, is_done: true);
    drop(runtime);
    drop(request);
    assert_eq!(drops.seen(), [Some(0)]);
}

#[test]
fn moved_off_polled_then_dropped() {
    let runtime = runtime(2);
    let (trust, drops) = (runtime.trustee(1).entrust(0), Drops::default());
    let key = block_on(hold(runtime.trustee(1)));
    let mut request = issued_on_worker_0!(runtime, &trust, drops, is_done: false);
    assert!(poll_now(&mut request).is_pending());
    drop(request);
    key.open();
    settle(&runtime, &trust);
    assert_eq!((count(&trust), drops.seen()), (1, vec![Some(0)]));
}

#[test]
fn first_polled_off_the_workers_then_awaited_on_one() {
    let runtime = runtime(2);
    let trust = runtime.trustee(1).entrust(0);
    let key = block_on(hold(runtime.trustee(1)));
    let mut request = trust.apply(|n| std::mem::replace(n, *n + 1));
    assert!(poll_now(&mut request).is_pending());
    key.open();
    assert_eq!(runtime.block_on(request), 0);
    assert_eq!(count(&trust), 1);
}

#[test]
fn graph_that_is_not_send_is_shared_by_threads() {
    type Graph = Rc<RefCell<Vec<Rc<RefCell<u64>>>>>;
    let runtime = runtime(2);
    let drops = Drops::default();
    let witness = drops.witness();
    let build = move || {
        let node = Rc::new(RefCell::new(0));
        let graph: Graph = Rc::new(RefCell::new(vec![Rc::clone(&node), node]));
        (graph, witness)
    };
    let graph = block_on(runtime.trustee(1).entrust_with(build));
    let add = |graph: Trust<(Graph, _)>| async move {
        for _ in 0..100 {
            graph
                .apply(|(graph, _)| {
                    let copy = Rc::clone(graph); // its count is not atomic
                    *copy.borrow()[0].borrow_mut() += 1;
                })
                .await;
        }
    };
    let tasks = [0, 1].map(|worker| {
        let graph = graph.clone();
        runtime.spawn_on(worker, move || add(graph))
    });
    block_on(add(graph.clone()));
    for task in tasks {
        block_on(task).unwrap();
    }
    let seen = graph.apply(|(graph, _)| (*graph.borrow()[1].borrow(), Rc::strong_count(graph)));
    assert_eq!(block_on(seen), (300, 1));
    drop(graph);
    drop(runtime);
    assert_eq!(drops.seen(), [Some(1)]);
}
