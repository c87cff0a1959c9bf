//! What a runtime says of itself: stalls, metrics, and the budget of its tasks.
//!
//! The stall detector looks from outside while a closure has the worker; here the closure waits
//! until the detector has spoken. Figures are compared when nothing is under way any more, so that
//! they can be exact. The budget is counted in polls of a task beside the greedy one.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use futures::executor::block_on;
use gossamer::{Builder, Idle, Runtime, Stall, WorkerMetrics};

use crate::common::{hold, runtime, some_turns};

fn stalling_runtime() -> (Runtime, mpsc::Receiver<Stall>) {
    let (sender, receiver) = mpsc::channel();
    let builder = Builder::new()
        .workers(2)
        .stall_after(Some(Duration::from_millis(5)));
    let hook = move |stall: &Stall| drop(sender.send(stall.clone()));
    (
        builder.stall_hook(hook).build().expect("a runtime starts"),
        receiver,
    )
}

#[test]
fn stall_names_the_closure_wherever_it_was_issued() {
    let (runtime, stalls) = stalling_runtime();
    let stalls = std::sync::Arc::new(Mutex::new(stalls));
    let trust = runtime.trustee(1).entrust(());
    for from in [Some(0), Some(1), None] {
        let stalls = std::sync::Arc::clone(&stalls);
        let blocks = move |(): &mut ()| {
            let stalls = stalls.lock().expect("one closure at a time");
            stalls.recv().expect("the detector speaks")
        };
        let request = trust.clone().apply_owned(blocks);
        let stall = match from {
            Some(from) => block_on(runtime.spawn_on(from, move || request)).unwrap(),
            None => block_on(request),
        };
        assert_eq!(stall.worker(), 1);
        let (closure, function) = (stall.closure(), "stall_names_the_closure");
        assert!(closure.contains(function), "{closure}");
        assert!(stall.lasted() >= Duration::from_millis(5));
    }
}

#[test]
fn stall_is_told_once_and_quick_closures_are_not() {
    let (runtime, stalls) = stalling_runtime();
    let (trust, quick) = (
        runtime.trustee(1).entrust(()),
        runtime.trustee(0).entrust(0),
    );
    let (go, goes) = mpsc::channel::<()>();
    trust.post(move |()| _ = goes.recv());
    assert_eq!(stalls.recv().unwrap().worker(), 1);
    // Two closures that both outlast several looks give one word each.
    let (go_too, goes_too) = mpsc::channel::<()>();
    quick.post(move |_| _ = goes_too.recv());
    assert_eq!(stalls.recv().unwrap().worker(), 0);
    drop((go, go_too));
    block_on(trust.apply(|()| ()));
    drop(runtime);
    assert_eq!(stalls.try_iter().count(), 0);
}

/// A detector that does not sleep between two looks takes a whole core.
#[test]
fn stall_after_no_time_is_after_some() {
    let (sender, receiver) = mpsc::channel();
    let builder = Builder::new().workers(1).stall_after(Some(Duration::ZERO));
    let hook = move |stall: &Stall| drop(sender.send(stall.clone()));
    let runtime = builder.stall_hook(hook).build().expect("a runtime starts");
    let stall = block_on(runtime.entrust(receiver).apply(|stalls| stalls.recv()));
    assert!(stall.expect("the detector speaks").lasted() > Duration::ZERO);
}

/// How often a task beside it is polled while `greedy` runs, on a runtime with a budget of 16.
fn polls_beside<Fut: Future<Output = ()> + 'static>(
    greedy: impl FnOnce() -> Fut + Send + 'static,
) -> u32 {
    let builder = Builder::new().workers(1).budget(16).stall_after(None);
    let runtime = builder.build().expect("a runtime starts");
    runtime.block_on_with(|| async {
        let (polls, is_over) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
        let (counted, over) = (Rc::clone(&polls), Rc::clone(&is_over));
        let beside = gossamer::spawn(async move {
            while !over.get() {
                counted.set(counted.get() + 1);
                gossamer::yield_now().await;
            }
        });
        gossamer::yield_now().await;
        let before = polls.get();
        let greedy = greedy();
        gossamer::spawn(async move {
            greedy.await;
            is_over.set(true);
        })
        .await
        .expect("no panic");
        beside.await.expect("no panic");
        polls.get() - before
    })
}

async fn local_applies() {
    let near = gossamer::local_trustee().entrust(0);
    for _ in 0..1600 {
        near.apply(|n| *n += 1).await; // always ready
    }
}

#[test]
fn ready_requests_leave_room_for_other_tasks() {
    let polls = polls_beside(local_applies);
    assert!(
        polls >= 90,
        "a task beside 1600 requests was polled {polls} times"
    );
}

#[test]
fn unconstrained_leaves_none() {
    let polls = polls_beside(|| gossamer::unconstrained(local_applies()));
    assert!(polls <= 3, "a task beside it was polled {polls} times");
}

#[test]
fn posts_are_charged() {
    let polls = polls_beside(|| async {
        let near = gossamer::local_trustee().entrust(0);
        for _ in 0..1600 {
            near.post(|n| *n += 1);
            near.trustee().ready().await; // where the budget is looked at
        }
    });
    assert!(
        polls >= 90,
        "a task beside 1600 posts was polled {polls} times"
    );
}

/// The sum of a figure over all workers.
fn sum(runtime: &Runtime, figure: fn(&WorkerMetrics) -> u64) -> u64 {
    runtime.metrics().iter().map(figure).sum()
}

#[test]
fn requests_are_counted_exactly() {
    for posts in [1, 100, 1000, 30_000] {
        let runtime = runtime(2);
        let trust = runtime.trustee(1).entrust(0);
        let there = trust.clone();
        runtime.block_on(async move {
            for _ in 0..posts {
                there.post(|n| *n += 1);
            }
            there.apply(|_| ()).await;
            let near = gossamer::local_trustee().entrust(0);
            for _ in 0..50 {
                near.apply(|n| *n += 1).await;
            }
        });
        let [from, to] = &runtime.metrics()[..] else {
            panic!("two workers")
        };
        assert_eq!(from.requests_sent, posts + 1);
        assert_eq!(to.requests_served, posts + 1);
        assert_eq!((from.requests_inline, to.requests_inline), (50, 0));
        assert_eq!((from.backlog_depth, to.requests_sent), (0, 0));
        let batches = (posts + 1).div_ceil(122)..=posts + 1;
        assert!(
            batches.contains(&from.batches_sent),
            "{} batches",
            from.batches_sent
        );
        block_on(trust.apply(|_| ()));
        assert_eq!(
            runtime.metrics()[1].requests_served,
            posts + 2,
            "foreign ones too"
        );
    }
}

#[test]
fn backlog_is_seen_while_it_lasts() {
    let runtime = runtime(2);
    let trust = runtime.trustee(1).entrust(0);
    let key = block_on(hold(runtime.trustee(1)));
    let there = trust.clone();
    runtime.block_on(async move {
        (0..10_000).for_each(|_| there.post(|n| *n += 1));
        some_turns().await;
    });
    let backlog = runtime.metrics()[0].backlog_depth;
    assert!((9000..10_000).contains(&backlog), "{backlog} wait");
    key.open();
    let there = trust.clone();
    assert_eq!(runtime.block_on(there.apply(|n| *n)), 10_000);
    assert_eq!(runtime.metrics()[0].backlog_depth, 0);
}

#[test]
fn properties_and_tasks_come_and_go() {
    let runtime = runtime(2);
    let properties = |worker: usize| runtime.metrics()[worker].properties;
    let trusts: Vec<_> = (0..10).map(|n| runtime.entrust(n)).collect();
    let pinned = runtime.trustee(1).entrust(0);
    assert_eq!((properties(0), properties(1)), (5, 6));
    drop(trusts);
    for worker in [0, 1] {
        block_on(runtime.trustee(worker).ready());
    }
    assert_eq!((properties(0), properties(1)), (0, 1));
    assert_eq!(block_on(pinned.into_inner()).unwrap(), 0);
    block_on(runtime.trustee(1).ready());
    assert_eq!(properties(1), 0);

    let (stop, stops) = async_channel::bounded::<()>(1);
    let tasks: Vec<_> = (0..7)
        .map(|_| {
            let stops = stops.clone();
            runtime.spawn_on(1, move || async move { _ = stops.recv().await })
        })
        .collect();
    let until = |is_so: fn(&WorkerMetrics) -> bool| {
        while !is_so(&runtime.metrics()[1]) {
            std::thread::yield_now(); // the figures are brought up to date now and then
        }
    };
    until(|worker| worker.tasks == 7 && worker.tasks_spawned == 7 && worker.task_polls >= 7);
    drop(stop);
    for task in tasks {
        block_on(task).unwrap();
    }
    until(|worker| worker.tasks == 0 && worker.run_queue_depth == 0 && worker.task_polls >= 14);
    assert_eq!(sum(&runtime, |worker| worker.tasks_spawned), 7);
    assert!(
        runtime
            .metrics()
            .iter()
            .all(|worker| (0.0..=1.0).contains(&worker.busy_fraction))
    );
}

#[test]
fn nobody_is_unparked_while_awake() {
    let runtime = runtime(2);
    let trust = runtime.trustee(1).entrust(0);
    let key = block_on(hold(runtime.trustee(1)));
    let before = runtime.metrics()[1].unparks;
    for _ in 0..10 {
        let there = trust.clone();
        runtime.block_on(async move {
            (0..100).for_each(|_| there.post(|n| *n += 1));
            some_turns().await;
        });
        trust.post(|n| *n += 1);
    }
    assert_eq!(runtime.metrics()[1].unparks, before);
    key.open();
    assert_eq!(runtime.block_on(trust.apply(|n| *n)), 1010);
}

#[test]
fn who_spins_never_parks_and_who_parks_is_counted() {
    let rounds = |idle| {
        let runtime = Builder::new()
            .workers(2)
            .idle(idle)
            .stall_after(None)
            .build()
            .unwrap();
        let trust = runtime.trustee(1).entrust(0);
        runtime.block_on(async move {
            for _ in 0..200 {
                trust.apply(|n| *n += 1).await;
            }
        });
        (
            sum(&runtime, |worker| worker.parks),
            sum(&runtime, |worker| worker.unparks),
        )
    };
    assert_eq!(rounds(Idle::Spin), (0, 0));
    let (parks, unparks) = rounds(Idle::Park);
    assert!(parks > 0 && unparks > 0, "{parks} parks, {unparks} unparks");
}

/// Posts to their own worker keep the requests of its tasks from running in place: until they
/// have been served, not for ever.
#[test]
fn local_requests_run_in_place_again() {
    let runtime = runtime(1);
    let near = runtime.trustee(0).entrust(0);
    runtime.block_on(async {
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let near = near.clone();
                gossamer::spawn(async move {
                    for round in 0..10_000 {
                        if round % 1000 == 0 {
                            near.post(|_| ());
                        }
                        near.apply(|n| *n += 1).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
    let WorkerMetrics {
        requests_inline,
        requests_sent,
        ..
    } = runtime.metrics()[0];
    assert_eq!(requests_inline + requests_sent, 30_030);
    assert!(
        requests_inline > 10 * requests_sent,
        "{requests_inline} in place"
    );
}
