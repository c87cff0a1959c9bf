//! Order, when links are full and when requests come back as requests.
//!
//! From one client to one trustee, requests run and complete in the order of their issue: whether
//! they found room in the slots or waited in the backlog, whether they were applied, posted or
//! applied with a continuation, and on the own worker whether they were queued or ran in place.
//! Two workers that flood each other must not wait for each other's slots, and a trustee that has
//! gone to sleep must be woken also by a client whose slots are all full.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::executor::block_on;
use futures::future::join_all;
use gossamer::{Builder, Idle, Trust};

use crate::common::{poll_now, runtime};

/// What came from each of two workers, in order.
type Log = [Vec<u32>; 2];

const FLOOD: u32 = 100_000;

async fn flood(to: Trust<Log>, from: usize) {
    for n in 0..FLOOD {
        to.post(move |log| log[from].push(n)); // never awaits
    }
}

#[test]
fn two_workers_flood_each_other() {
    let runtime = runtime(2);
    let logs = [0, 1].map(|worker| runtime.trustee(worker).entrust(Log::default()));
    let tasks = [0, 1].map(|worker| {
        let to = logs.clone();
        runtime.spawn_on(worker, move || async move {
            flood(to[1 - worker].clone(), worker).await; // the other
            flood(to[worker].clone(), worker).await; // itself
        })
    });
    for task in tasks {
        block_on(task).unwrap();
    }
    for log in logs {
        for from in block_on(log.into_inner()).unwrap() {
            assert!(from.into_iter().eq(0..FLOOD));
        }
    }
}

#[test]
fn flood_of_a_trustee_that_sleeps() {
    // All slots are filled within one turn, so that none is left to be published at its end.
    for idle in [Idle::Park, Idle::Adaptive] {
        let runtime = Builder::new()
            .workers(2)
            .idle(idle)
            .stall_after(None)
            .build()
            .unwrap();
        let far = runtime.trustee(1).entrust(0_u32);
        for posts in [247, 248, 249, 310, 311, 1000, 372, 5000] {
            for _ in 0..20 {
                let there = far.clone();
                let sum = runtime.block_on(async move {
                    (0..posts).for_each(|_| there.post(|sum| *sum += 1));
                    there.apply(std::mem::take).await
                });
                assert_eq!(sum, posts);
            }
        }
    }
}

/// A request by whichever call, which logs its number when it runs and when it completes.
fn issue(trust: &Trust<Vec<u32>>, done: &Rc<RefCell<Vec<u32>>>, n: u32, call: u32) {
    match call {
        0 => trust.post(move |log| log.push(n)),
        1 => {
            let done = Rc::clone(done);
            trust.apply_then(move |log| log.push(n), move |()| done.borrow_mut().push(n));
        }
        2 => {
            // Issued by hand, the result dropped as it comes.
            let mut apply = trust.apply(move |log| log.push(n));
            let _ = poll_now(&mut apply);
        }
        _ => {
            let done = Rc::clone(done);
            let large = [n; 200];
            trust.apply_then(
                move |log| log.push(large[7]),
                move |()| done.borrow_mut().push(n),
            );
        }
    }
}

#[gossamer::test]
async fn every_call_keeps_its_place() {
    for worker in [0, 1] {
        for count in [10, 300, 3000] {
            let trust = gossamer::trustee(worker).entrust(Vec::new());
            let done = Rc::new(RefCell::new(Vec::new()));
            for n in 0..count {
                issue(&trust, &done, n, n * n / 7 % 4);
            }
            let log = trust.apply(|log| log.clone()).await;
            assert_eq!(log, Vec::from_iter(0..count), "worker {worker}");
            let completes = |n: &u32| n * n / 7 % 4 % 2 == 1;
            assert_eq!(*done.borrow(), Vec::from_iter((0..count).filter(completes)));
        }
    }
}

#[gossamer::test]
async fn results_complete_in_the_order_of_issue() {
    let far = gossamer::trustee(1).entrust(());
    let order = Rc::new(RefCell::new(Vec::new()));
    let requests = (0..2000).map(|n| {
        let (far, order) = (far.clone(), Rc::clone(&order));
        gossamer::spawn(async move {
            far.apply(|()| ()).await;
            order.borrow_mut().push(n);
        })
    });
    for request in join_all(requests).await {
        request.unwrap();
    }
    assert_eq!(*order.borrow(), Vec::from_iter(0..2000));
}

#[gossamer::test]
async fn local_request_does_not_overtake_queued_ones() {
    let near = gossamer::local_trustee().entrust(Vec::new());
    for round in 0..1000 {
        near.apply(move |log| log.push((round, 0))).await; // in place
        near.post(move |log| log.push((round, 1))); // queued
        near.apply(move |log| log.push((round, 2))).await; // behind it
    }
    let log = near.apply(std::mem::take).await;
    let expected = (0..1000).flat_map(|round| (0..3).map(move |place| (round, place)));
    assert!(log.into_iter().eq(expected));
}

/// Applies again from its own continuation, until `left` is used up.
fn chain(trust: Trust<u32>, left: u32, is_inside: Rc<Cell<bool>>, done: Box<dyn FnOnce()>) {
    let (again, inside) = (trust.clone(), Rc::clone(&is_inside));
    is_inside.set(true);
    let then = move |_: u32| {
        assert!(
            !inside.get(),
            "a continuation ran inside the call that issued it"
        );
        match left.checked_sub(1) {
            Some(left) => chain(again, left, inside, done),
            None => done(),
        }
    };
    let closure = |n: &mut u32| {
        *n += 1;
        *n
    };
    trust.apply_then(closure, then);
    is_inside.set(false);
}

#[gossamer::test]
async fn continuation_applies_again_many_thousand_deep() {
    for (worker, depth) in [(0, 100_000), (1, 10_000)] {
        let trust = gossamer::trustee(worker).entrust(0);
        let (done, is_done) = futures::channel::oneshot::channel();
        let end = Box::new(move || done.send(()).unwrap());
        chain(trust.clone(), depth, Rc::default(), end);
        is_done.await.unwrap();
        assert_eq!(trust.apply(|n| *n).await, depth + 1);
    }
}

#[gossamer::test]
async fn continuations_fan_out() {
    // Each issues two more while a batch is harvested, over all links at once.
    fn fan(trusts: Rc<[Trust<u32>; 2]>, depth: u32) {
        if depth > 0 {
            for trust in trusts.iter() {
                let trusts = Rc::clone(&trusts);
                trust.apply_then(|n| *n += 1, move |()| fan(trusts, depth - 1));
            }
        }
    }
    let trusts = Rc::new([0, 1].map(|worker| gossamer::trustee(worker).entrust(0)));
    fan(Rc::clone(&trusts), 12);
    while Rc::strong_count(&trusts) > 1 {
        gossamer::yield_now().await;
    }
    for trust in trusts.iter() {
        assert_eq!(trust.apply(|n| *n).await, (1 << 12) - 1);
    }
}
