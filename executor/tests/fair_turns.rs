//! Nobody starves: tasks that are always ready, tasks that wake themselves, residents, timers and
//! messages each get their part of every turn.
#![cfg(not(loom))]

mod support;

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use gossamer_executor::{
    Config, Executor, Resident, charge, poll_charge, spawn, time, unconstrained, with_current,
    yield_now,
};
use support::executor;

#[test]
fn budget_ends_the_poll_of_one_that_is_always_ready() {
    let (_claim, executor) = executor();
    let budget = Config::default().budget as usize;
    executor.run_until(async move {
        let greedy = spawn(async move {
            for _ in 0..budget * 3 {
                poll_fn(poll_charge).await;
            }
        });
        let mut turns = 0;
        while !greedy.is_finished() {
            yield_now().await;
            turns += 1;
        }
        assert!(turns >= 3, "{turns}");
    });
}

#[test]
fn each_poll_has_its_own_budget() {
    let (_claim, executor) = executor();
    let budget = Config::default().budget as usize;
    executor.run_until(async move {
        assert!((0..budget).all(|_| charge()));
        assert!(!charge());
        assert!(unconstrained(async { charge() }).await);
        yield_now().await;
        assert!(charge());
    });
    assert!(charge(), "nothing is charged outside of tasks");
}

#[test]
fn awaiting_finished_tasks_is_charged() {
    let (_claim, executor) = executor();
    executor.run_until(async {
        let tasks: Vec<_> = (0..1000).map(|_| spawn(async {})).collect();
        while !tasks.iter().all(|task| task.is_finished()) {
            yield_now().await;
        }
        let other = spawn(async {});
        for task in tasks {
            task.await.expect("no panic");
        }
        assert!(other.is_finished());
    });
}

/// Counts its polls, which are always in vain.
#[derive(Default)]
struct Watches(Cell<usize>);

impl Resident for Watches {
    fn poll(&self, _: &Executor) -> bool {
        self.0.set(self.0.get() + 1);
        false
    }

    fn flush(&self) -> bool {
        false
    }

    fn sees_work(&self) -> bool {
        false
    }
}

#[test]
fn resident_beside_a_task_that_wakes_itself() {
    let (_claim, executor) = executor();
    let watches = Watches::default();
    executor.spawn(async {
        for _ in 0..100 {
            yield_now().await;
        }
        with_current(|executor| executor.expect("on a worker").stop());
    });
    executor.run(&watches);
    assert!(watches.0.get() >= 100);
}

#[test]
fn residents_together() {
    let (_claim, executor) = executor();
    let (one, two, three) = (Watches::default(), Watches::default(), Watches::default());
    executor.spawn(async {
        yield_now().await;
        with_current(|executor| executor.expect("on a worker").stop());
    });
    let several: [&dyn Resident; 2] = [&two, &three];
    executor.run(&(one, several));
    assert_eq!((two.0.get(), three.0.get()), (2, 2));
}

#[test]
fn many_tasks_take_several_turns() {
    let (_claim, executor) = executor();
    let watches = Watches::default();
    let polled = Rc::new(Cell::new(0));
    for _ in 0..1000 {
        let polled = Rc::clone(&polled);
        executor.spawn(async move { polled.set(polled.get() + 1) });
    }
    executor.spawn(async { with_current(|executor| executor.expect("on a worker").stop()) });
    executor.run(&watches);
    assert_eq!(polled.get(), 1000);
    assert!(watches.0.get() >= 3, "the resident had its turn between");
}

#[test]
fn tasks_that_charge_much_take_several_turns() {
    let (_claim, executor) = executor();
    let watches = Watches::default();
    let budget = Config::default().budget as usize;
    for _ in 0..10 {
        executor.spawn(async move { assert!((0..budget).all(|_| charge())) });
    }
    executor.spawn(async { with_current(|executor| executor.expect("on a worker").stop()) });
    executor.run(&watches);
    assert!(watches.0.get() >= 10, "the resident had its turn between");
}

#[test]
fn timer_beside_a_task_that_never_rests() {
    let (_claim, executor) = executor();
    executor.run_until(async {
        let restless = spawn(async {
            loop {
                yield_now().await;
            }
        });
        time::sleep(Duration::from_millis(1)).await;
        restless.abort();
    });
}

#[test]
fn flood_of_messages_beside_a_task() {
    let (claim, executor) = executor();
    let handled = support::Count::default();
    for _ in 0..2000 {
        let handled = handled.clone();
        claim.remote().run(move || handled.add()).expect("it runs");
    }
    let counted = handled.clone();
    let seen = executor.run_until(poll_fn(move |_| Poll::Ready(counted.is())));
    assert!(seen < 2000, "the task ran before the flood was over");
    executor.run_until(async {
        for _ in 0..10 {
            yield_now().await;
        }
    });
    assert_eq!(handled.is(), 2000, "in the end all are handled");
}

#[test]
#[should_panic(expected = "an executor runs on this thread already")]
fn executor_within_an_executor() {
    let (_claim, executor) = executor();
    executor.run_until(async {
        let (_claim, inner) = support::executor();
        inner.run_until(async {});
    });
}
