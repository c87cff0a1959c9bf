//! A panic in a task reaches who awaits it, and nobody else.
#![cfg(not(loom))]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::executor::block_on;
use gossamer_executor::{Idle, spawn, yield_now};
use support::{Worker, executor};

#[test]
fn payload_reaches_the_handle() {
    let (_claim, executor) = executor();
    let task = executor.spawn(async {
        yield_now().await;
        std::panic::panic_any(17_u8);
    });
    let error = executor.run_until(task).expect_err("it panics");
    assert!(error.is_panic());
    assert_eq!(error.into_panic().downcast_ref(), Some(&17_u8));
}

#[test]
fn other_tasks_go_on() {
    let worker = Worker::new(Idle::Park);
    let panics = worker.remote().spawn(|| async {
        spawn(async { panic!("a task of the task") });
        panic!("the task")
    });
    let panics: Result<(), _> = block_on(panics);
    assert_eq!(
        panics.expect_err("it panics").to_string(),
        "the task panicked: the task"
    );
    let task = worker.remote().spawn(|| async { 1 });
    assert_eq!(block_on(task).expect("the worker lives"), 1);
}

#[test]
fn panic_while_the_future_is_built() {
    let worker = Worker::new(Idle::Park);
    let task = worker
        .remote()
        .spawn(|| -> std::future::Ready<()> { panic!("building") });
    assert_eq!(
        block_on(task).expect_err("it panics").to_string(),
        "the task panicked: building"
    );
}

#[test]
fn run_until_passes_the_panic_on() {
    let (_claim, executor) = executor();
    let run = AssertUnwindSafe(|| executor.run_until(async { panic!("within") }));
    let payload = catch_unwind(run).expect_err("it panics");
    assert_eq!(payload.downcast_ref(), Some(&"within"));
    assert_eq!(executor.run_until(async { 2 }), 2);
}

#[test]
fn panic_in_a_message_is_contained() {
    let worker = Worker::new(Idle::Park);
    worker
        .remote()
        .run(|| panic!("in a message"))
        .expect("it runs");
    assert_eq!(
        block_on(worker.remote().spawn(|| async { 1 })).expect("the worker lives"),
        1
    );
}

#[test]
fn panic_in_a_foreign_waker_is_contained() {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Wake, Waker};

    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }

    let (_claim, executor) = executor();
    let mut task = executor.spawn(async { 5 });
    let waker = Waker::from(Arc::new(Panics));
    assert!(
        Pin::new(&mut task)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    executor.run_until(yield_now());
    assert_eq!(executor.run_until(task).expect("the task did not panic"), 5);
}
