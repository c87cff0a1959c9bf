//! Work that comes when the turn has looked for it already, and before the worker sleeps.
//!
//! Whoever publishes then finds the worker awake and does not unpark it. So once the worker has
//! announced its sleep it must look again, for messages and at its residents; if it does not, it
//! sleeps on what it was sent, and the test hangs. Here the worker's own resident sends as the
//! last thing in a turn, so that it happens in that gap every time.
#![cfg(not(loom))]

use std::cell::Cell;

use gossamer_executor::{Claim, Config, Executor, Idle, Resident, with_current};

/// In the last part of the first turn, something comes up.
struct AtTheEndOfATurn<F> {
    comes_up: F,
    has_come_up: Cell<bool>,
    stops_when_seen: bool,
}

impl<F: Fn(&Executor)> Resident for AtTheEndOfATurn<F> {
    fn poll(&self, executor: &Executor) -> bool {
        if self.has_come_up.get() && self.stops_when_seen {
            executor.stop();
        }
        false
    }

    fn flush(&self) -> bool {
        if !self.has_come_up.replace(true) {
            with_current(|executor| (self.comes_up)(executor.expect("a turn of it")));
        }
        false
    }

    fn sees_work(&self) -> bool {
        self.stops_when_seen && self.has_come_up.get()
    }
}

fn run(stops_when_seen: bool, comes_up: impl Fn(&Executor)) {
    let claim = Claim::new().expect("a free place");
    let config = Config {
        idle: Idle::Park,
        ..Config::default()
    };
    let resident = AtTheEndOfATurn {
        comes_up,
        has_come_up: Cell::new(false),
        stops_when_seen,
    };
    Executor::new(claim.remote(), config).run(&resident);
}

#[test]
fn message_of_another_thread() {
    run(false, |executor| {
        let stop = || with_current(|executor| executor.expect("a turn of it").stop());
        let remote = executor.remote();
        let sender = std::thread::spawn(move || remote.run(stop).expect("it runs"));
        sender.join().expect("no panic");
    });
}

#[test]
fn task_that_is_queued() {
    run(false, |executor| {
        drop(executor.spawn(async {
            with_current(|executor| executor.expect("it runs this").stop());
        }));
    });
}

#[test]
fn work_that_only_a_resident_sees() {
    run(true, |_| ());
}
