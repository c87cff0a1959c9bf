//! A wake that comes while the worker is about to park.
//!
//! The worker parks at once when it has nothing to do, and each message comes just when it has
//! dealt with the last one, so the sender's push races with the worker's last look. A wake that is
//! lost hangs the test. The model in `loom.rs` shows the same for every interleaving.
#![cfg(not(loom))]

mod support;

use futures::channel::oneshot;
use futures::executor::block_on;
use gossamer_executor::{Idle, yield_now};
use support::Worker;

const ROUNDS: usize = 5_000;

#[test]
fn spawn_while_parking() {
    let worker = Worker::new(Idle::Park);
    for round in 0..ROUNDS {
        let task = worker.remote().spawn(move || async move { round });
        assert_eq!(block_on(task).expect("no panic"), round);
    }
}

#[test]
fn wake_of_a_task_while_parking() {
    let worker = Worker::new(Idle::Park);
    let (to_task, from_test) = futures::channel::mpsc::unbounded::<oneshot::Sender<()>>();
    let task = worker.remote().spawn(|| async move {
        use futures::StreamExt;
        from_test
            .for_each(async |answer: oneshot::Sender<()>| _ = answer.send(()))
            .await;
    });
    for _ in 0..ROUNDS {
        let (answer, answered) = oneshot::channel();
        to_task.unbounded_send(answer).expect("the task lives");
        block_on(answered).expect("the task answers");
    }
    drop(to_task);
    block_on(task).expect("no panic");
}

#[test]
fn two_workers_wake_each_other() {
    let workers = [Worker::new(Idle::Park), Worker::new(Idle::Adaptive)];
    let other = workers[1].remote();
    let task = workers[0].remote().spawn(move || async move {
        for round in 0..ROUNDS {
            let task = other.spawn(move || async move {
                yield_now().await;
                round
            });
            assert_eq!(task.await.expect("no panic"), round);
        }
    });
    block_on(task).expect("no panic");
}

#[test]
fn one_unpark_per_sleep() {
    let mut worker = Worker::new(Idle::Park);
    for _ in 0..100 {
        let tasks: Vec<_> = (0..10)
            .map(|_| worker.remote().spawn(|| async {}))
            .collect();
        block_on(futures::future::join_all(tasks));
    }
    worker.end();
    let counters = worker.remote().counters();
    assert_eq!(counters.spawned, 1000);
    assert!(counters.unparks <= counters.parks + 1, "{counters:?}");
}
