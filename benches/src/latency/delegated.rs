//! Delegation: the client is worker 0, the trustee worker 1.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use futures::executor::block_on;
use gossamer::{Builder, Idle, Runtime, Trust};

use super::arrivals::{self, Arrival};
use super::recorder::Recorder;
use crate::harness::machine::Machine;
use crate::harness::meter::Clock;

/// How long `apply` takes from so many tasks.
pub(crate) fn closed(machine: &Machine, idle: Idle, tasks: usize, millis: u64) -> Vec<f64> {
    let runtime = runtime(machine, idle);
    let counter = runtime.trustee(1).entrust(0_u64);
    let recorder = block_on(runtime.spawn_on(0, move || async move {
        let clock = Clock::start(millis);
        let recorder = Rc::new(RefCell::new(Recorder::new()));
        let tasks: Vec<_> = (0..tasks)
            .map(|_| gossamer::spawn(apply_until(counter.clone(), clock, Rc::clone(&recorder))))
            .collect();
        for task in tasks {
            task.await.expect("a task ran");
        }
        recorder.borrow().quantiles()
    }));
    recorder.expect("the client ran")
}

async fn apply_until(counter: Trust<u64>, clock: Clock, recorder: Rc<RefCell<Recorder>>) {
    while !clock.is_over() {
        for _ in 0..32 {
            let start = Instant::now();
            counter.apply(|n| *n += 1).await;
            recorder.borrow_mut().record(start.elapsed());
        }
    }
}

/// How long `apply_then` takes from when it was due; `None` if it does not keep up.
pub(crate) fn open(machine: &Machine, idle: Idle, rate: f64, millis: u64) -> Option<Vec<f64>> {
    let runtime = runtime(machine, idle);
    let counter = runtime.trustee(1).entrust(0_u64);
    let kept = block_on(runtime.spawn_on(0, move || async move {
        let request = |arrival: Arrival| {
            counter.apply_then(|n| *n += 1, move |()| arrival.answered());
        };
        arrivals::run(rate, millis, request, gossamer::yield_now).await
    }));
    kept.expect("the client ran")
}

fn runtime(machine: &Machine, idle: Idle) -> Runtime {
    let builder = Builder::new().workers(2).pin_to(machine.pair()).idle(idle);
    builder.build().expect("the cores are allowed")
}
