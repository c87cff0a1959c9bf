//! An abort from elsewhere: the future is dropped by its own worker, whoever asks.
#![cfg(not(loom))]

mod support;

use std::future::pending;

use futures::executor::block_on;
use gossamer_executor::{Idle, with_current, yield_now};
use support::{DropLog, Worker, executor};

#[test]
fn future_is_dropped_on_its_worker() {
    let worker = Worker::new(Idle::Park);
    let log = DropLog::default();
    let logged = log.logged();
    let task = worker.remote().spawn(|| async move {
        let _logged = logged;
        pending::<()>().await;
    });
    task.abort();
    assert!(block_on(task).expect_err("aborted").is_cancelled());
    assert_eq!(log.threads(), [worker.thread_id()]);
}

#[test]
fn abort_before_the_task_is_built() {
    let (claim, executor) = executor();
    let task = claim
        .remote()
        .spawn(|| -> std::future::Ready<()> { unreachable!("aborted") });
    task.abort();
    let error = executor.run_until(task).expect_err("aborted");
    assert!(error.is_cancelled());
}

#[test]
fn abort_races_with_completion() {
    let worker = Worker::new(Idle::Adaptive);
    for _ in 0..2_000 {
        let task = worker.remote().spawn(|| async {
            yield_now().await;
            1
        });
        task.abort();
        match block_on(task) {
            Ok(output) => assert_eq!(output, 1),
            Err(error) => assert!(error.is_cancelled()),
        }
    }
}

#[test]
fn abort_of_oneself_and_after_the_end() {
    let (_claim, executor) = executor();
    let (send, receive) = futures::channel::oneshot::channel::<gossamer_executor::JoinHandle<()>>();
    let task = executor.spawn(async {
        let this = receive.await.expect("sent");
        this.abort();
        this.abort();
        yield_now().await;
        unreachable!("aborted");
    });
    assert!(send.send(task).is_ok());
    executor.run_until(async {
        while with_current(|executor| executor.expect("on a worker").tasks()) > 1 {
            yield_now().await;
        }
    });
    let done = executor.spawn(async { 3 });
    executor.run_until(yield_now());
    done.abort();
    assert_eq!(executor.run_until(done).expect("it had ended"), 3);
}
