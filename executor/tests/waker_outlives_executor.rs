//! A waker that is kept after its task, its executor and its thread are gone, and used when others
//! have their places: at worst it polls them in vain.
#![cfg(not(loom))]

mod support;

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use gossamer_executor::{Idle, yield_now};
use support::{Worker, executor};

#[test]
fn waker_of_an_executor_that_has_ended() {
    let (claim, ended) = executor();
    let waker: Waker = ended.run_until(poll_fn(|context| Poll::Ready(context.waker().clone())));
    waker.wake_by_ref();
    drop(ended);
    waker.wake_by_ref();
    drop(claim);
    let copy = waker.clone();
    std::thread::spawn(move || copy.wake())
        .join()
        .expect("no panic");

    // The next one may have the same place.
    let (_claim, executor) = executor();
    executor.run_until(async move {
        waker.wake_by_ref();
        yield_now().await;
        waker.wake();
    });
}

#[test]
fn waker_of_a_task_that_has_ended() {
    let (_claim, executor) = executor();
    let stale: Waker = executor.run_until(poll_fn(|context| Poll::Ready(context.waker().clone())));
    let polls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&polls);
    let task = executor.spawn(poll_fn(move |_| {
        counted.set(counted.get() + 1);
        if counted.get() == 2 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    // It has the place of the task that has ended, so the stale waker polls it.
    executor.run_until(async move {
        yield_now().await;
        stale.wake();
        task.await.expect("no panic");
    });
    assert_eq!(polls.get(), 2);
}

#[test]
fn wakers_from_many_lives_at_once() {
    let mut wakers: Vec<Waker> = Vec::new();
    for _ in 0..20 {
        let worker = Worker::new(Idle::Park);
        let task = worker
            .remote()
            .spawn(|| poll_fn(|context| Poll::Ready(context.waker().clone())));
        let waker = futures::executor::block_on(task).expect("no panic");
        wakers.push(waker);
        wakers.iter().for_each(Waker::wake_by_ref);
    }
    wakers.into_iter().for_each(Waker::wake);
}
