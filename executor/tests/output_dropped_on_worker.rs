//! An output that nobody wants is dropped by the worker of its task.
#![cfg(not(loom))]

mod support;

use std::rc::Rc;

use futures::executor::block_on;
use futures::future::lazy;
use gossamer_executor::{Idle, spawn, yield_now};
use support::{DropLog, Worker, executor};

/// Waits until the worker has come by everything that was sent to it so far.
fn flush(worker: &Worker) {
    block_on(worker.remote().spawn(|| async {})).expect("it runs");
}

#[test]
fn detached_before_the_end() {
    let worker = Worker::new(Idle::Park);
    let log = DropLog::default();
    let logged = log.logged();
    drop(worker.remote().spawn(|| async { logged }));
    flush(&worker);
    flush(&worker);
    assert_eq!(log.threads(), [worker.thread_id()]);
}

#[test]
fn detached_after_the_end() {
    let worker = Worker::new(Idle::Park);
    let log = DropLog::default();
    let logged = log.logged();
    let task = worker.remote().spawn(|| async { logged });
    while !task.is_finished() {
        flush(&worker);
    }
    assert!(log.threads().is_empty());
    drop(task);
    flush(&worker);
    assert_eq!(log.threads(), [worker.thread_id()]);
}

#[test]
fn worker_has_ended() {
    let mut worker = Worker::new(Idle::Park);
    let log = DropLog::default();
    let logged = log.logged();
    let task = worker.remote().spawn(|| async { logged });
    while !task.is_finished() {
        flush(&worker);
    }
    worker.end();
    drop(task);
    assert_eq!(
        log.threads(),
        [std::thread::current().id()],
        "there is nobody else left"
    );
}

#[test]
fn output_that_is_not_send_outlives_the_executor_on_its_thread() {
    let (_claim, executor) = executor();
    let shared = Rc::new(());
    let output = Rc::clone(&shared);
    let task = executor.spawn(async { output });
    executor.run_until(yield_now());
    assert!(task.is_finished());
    drop(executor);
    assert_eq!(Rc::strong_count(&shared), 2);
    drop(task);
    assert_eq!(Rc::strong_count(&shared), 1);
}

#[test]
fn local_handle_sent_elsewhere() {
    let worker = Worker::new(Idle::Park);
    let log = DropLog::default();
    let logged = log.logged();
    let task = worker.remote().spawn(|| lazy(|_| spawn(async { logged })));
    let handle = block_on(task).expect("no panic");
    while !handle.is_finished() {
        flush(&worker);
    }
    drop(handle);
    flush(&worker);
    assert_eq!(log.threads(), [worker.thread_id()]);
}
