//! The combinators of `futures` on this executor: several futures in one task, woken by one id.
#![cfg(not(loom))]

mod support;

use std::future::pending;

use futures::channel::{mpsc, oneshot};
use futures::executor::block_on;
use futures::future::{FusedFuture, join_all};
use futures::stream::FuturesUnordered;
use futures::task::{LocalSpawnExt, SpawnExt};
use futures::{SinkExt, StreamExt, select};
use gossamer_executor::{Idle, LocalSpawner, spawn, yield_now};
use support::{Worker, executor};

#[test]
fn join_all_of_tasks_on_two_workers() {
    let workers = [Worker::new(Idle::Park), Worker::new(Idle::Park)];
    let tasks = (0..100_usize).map(|i| workers[i % 2].remote().spawn(move || async move { i }));
    let outputs = block_on(join_all(tasks));
    let sum: usize = outputs
        .into_iter()
        .map(|output| output.expect("no panic"))
        .sum();
    assert_eq!(sum, 4950);
}

#[test]
fn futures_unordered_with_its_own_wakers() {
    let (_claim, executor) = executor();
    let sum = executor.run_until(async {
        let tasks: FuturesUnordered<_> = (0..1000)
            .map(|i| {
                spawn(async move {
                    for _ in 0..i % 7 {
                        yield_now().await;
                    }
                    i
                })
            })
            .collect();
        tasks
            .map(|output| output.expect("no panic"))
            .fold(0, async |sum, i| sum + i)
            .await
    });
    assert_eq!(sum, 499_500);
}

#[test]
fn select_over_handles() {
    let (_claim, executor) = executor();
    executor.run_until(async {
        let mut never = spawn(pending::<()>());
        let mut soon = spawn(yield_now());
        let mut rounds = 0;
        while !soon.is_terminated() {
            select! {
                _ = never => unreachable!("it never ends"),
                output = soon => output.expect("no panic"),
            }
            rounds += 1;
        }
        assert_eq!(rounds, 1);
        never.abort();
        select! {
            output = never => assert!(output.is_err()),
            complete => unreachable!("never is not terminated yet"),
        }
    });
}

#[test]
fn channels_between_workers() {
    let worker = Worker::new(Idle::Park);
    let (mut numbers, mut received) = mpsc::channel(4);
    let (answer, answered) = oneshot::channel();
    let task = worker.remote().spawn(|| async move {
        let mut sum = 0;
        while let Some(number) = received.next().await {
            sum += number;
        }
        answer.send(sum).expect("awaited");
    });
    let (_claim, executor) = executor();
    let sum = executor.run_until(async move {
        for number in 0..1000 {
            numbers.send(number).await.expect("received");
        }
        drop(numbers);
        answered.await.expect("answered")
    });
    assert_eq!(sum, 499_500);
    block_on(task).expect("no panic");
}

#[test]
fn spawners_of_futures() {
    assert!(LocalSpawner.spawn(async {}).is_err(), "off the executors");
    let (_claim, executor) = executor();
    let sum = executor.run_until(async {
        let one = LocalSpawner
            .spawn_with_handle(async { 1 })
            .expect("it takes tasks");
        let two = LocalSpawner
            .spawn_local_with_handle(async { 2 })
            .expect("it takes tasks");
        one.await + two.await
    });
    assert_eq!(sum, 3);
}
