//! What is sent to an executor that has ended, or ends before it comes to it: refused or dropped,
//! never kept, and no handle hangs.
#![cfg(not(loom))]

mod support;

use futures::executor::block_on;
use gossamer_executor::{Claim, Config, Ended, Executor, Idle};
use support::{DropLog, Worker, executor};

#[test]
fn after_the_end() {
    let mut worker = Worker::new(Idle::Park);
    worker.end();
    let log = DropLog::default();
    let logged = log.logged();
    let task = worker.remote().spawn(move || {
        let _logged = logged;
        async {}
    });
    assert!(block_on(task).expect_err("it has ended").is_cancelled());
    assert_eq!(log.threads().len(), 1);
    assert_eq!(worker.remote().run(|| ()), Err(Ended));
}

#[test]
fn before_it_came_to_it() {
    let (claim, executor) = executor();
    let task = claim.remote().spawn(|| async {});
    drop(executor);
    assert!(block_on(task).expect_err("it has ended").is_cancelled());
}

#[test]
fn claim_that_never_had_an_executor() {
    let claim = Claim::new().expect("a free place");
    let task = claim.remote().spawn(|| async {});
    drop(claim);
    assert!(block_on(task).expect_err("there is none").is_cancelled());
}

#[test]
fn after_its_tasks_were_dropped() {
    let (claim, executor) = executor();
    executor.drop_tasks();
    let task = claim.remote().spawn(|| async {});
    support::stop(claim.remote());
    executor.run(&[]);
    assert!(
        block_on(task)
            .expect_err("it takes no tasks")
            .is_cancelled()
    );
}

#[test]
fn task_that_waits_when_its_executor_ends() {
    let worker = Worker::new(Idle::Park);
    let task = worker.remote().spawn(std::future::pending::<()>);
    drop(worker);
    assert!(block_on(task).expect_err("it has ended").is_cancelled());
}

#[test]
#[should_panic(expected = "a claim serves one executor")]
fn second_executor_of_a_claim() {
    let (claim, executor) = executor();
    drop(executor);
    let _second = Executor::new(claim.remote(), Config::default());
}

#[test]
fn send_from_many_threads_while_it_ends() {
    for _ in 0..50 {
        let mut worker = Worker::new(Idle::Adaptive);
        let remote = worker.remote();
        let senders: Vec<_> = (0..2)
            .map(|_| {
                std::thread::spawn(move || {
                    for _ in 0..50 {
                        match block_on(remote.spawn(|| async { 1 })) {
                            Ok(output) => assert_eq!(output, 1),
                            Err(error) => assert!(error.is_cancelled()),
                        }
                    }
                })
            })
            .collect();
        worker.end();
        for sender in senders {
            sender.join().expect("no panic");
        }
    }
}
