//! Destructors that spawn, wake and abort, while the executor runs and while it ends.
#![cfg(not(loom))]

mod support;

use std::future::pending;

use gossamer_executor::{JoinHandle, spawn, with_current, yield_now};
use support::{Count, executor};

/// Spawns a task when it is dropped.
struct SpawnsInDrop(Count);

impl Drop for SpawnsInDrop {
    fn drop(&mut self) {
        let count = self.0.clone();
        drop(spawn(async move { count.add() }));
    }
}

#[test]
fn while_the_executor_runs() {
    let (_claim, executor) = executor();
    let ran = Count::default();
    let captured = SpawnsInDrop(ran.clone());
    let task = executor.spawn(async move {
        let _captured = captured;
        pending::<()>().await;
    });
    executor.run_until(yield_now());
    task.abort();
    executor.run_until(async {
        assert!(task.await.expect_err("aborted").is_cancelled());
        yield_now().await;
    });
    assert_eq!(ran.is(), 1);
}

#[test]
fn while_the_executor_ends() {
    let (_claim, executor) = executor();
    let ran = Count::default();
    for _ in 0..3 {
        let captured = SpawnsInDrop(ran.clone());
        executor.spawn(async move {
            let _captured = captured;
            pending::<()>().await;
        });
    }
    executor.drop_tasks();
    assert_eq!(executor.tasks(), 0);
    assert_eq!(ran.is(), 0, "a closed executor takes no tasks");
    drop(executor);
}

#[test]
fn destructor_drops_all_tasks() {
    struct DropsTasks;
    impl Drop for DropsTasks {
        fn drop(&mut self) {
            with_current(|executor| executor.expect("on a worker").drop_tasks());
        }
    }
    let (_claim, executor) = executor();
    let others: Vec<JoinHandle<()>> = (0..3).map(|_| executor.spawn(pending())).collect();
    let captured = DropsTasks;
    let task = executor.spawn(async move {
        let _captured = captured;
        pending::<()>().await;
    });
    executor.spawn(async move {
        yield_now().await;
        task.abort();
        yield_now().await;
        yield_now().await;
        unreachable!("all tasks were dropped");
    });
    executor.spawn(async {
        struct Stops;
        impl Drop for Stops {
            fn drop(&mut self) {
                with_current(|executor| executor.expect("on a worker").stop());
            }
        }
        let _stops = Stops;
        pending::<()>().await;
    });
    executor.run(&[]);
    assert_eq!(executor.tasks(), 0);
    assert!(others.iter().all(JoinHandle::is_finished));
}

#[test]
fn task_drops_all_tasks_itself_included() {
    let (_claim, executor) = executor();
    let count = Count::default();
    let counted = count.clone();
    struct Counts(Count);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.add();
        }
    }
    let task = executor.spawn(async move {
        let _counts = Counts(counted);
        with_current(|executor| {
            let executor = executor.expect("on a worker");
            executor.drop_tasks();
            executor.stop();
        });
        pending::<()>().await;
    });
    executor.run(&[]);
    assert_eq!(count.is(), 1);
    assert!(task.is_finished());
}

#[test]
fn run_until_on_a_closed_executor() {
    let (_claim, executor) = executor();
    executor.drop_tasks();
    let run = std::panic::AssertUnwindSafe(|| executor.run_until(async {}));
    assert!(
        std::panic::catch_unwind(run).is_err(),
        "it panics instead of waiting for ever"
    );
}
