//! Locks that two threads share.

use std::cell::RefCell;
use std::hint::spin_loop;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::recorder::Recorder;
use super::schedule::Schedule;
use crate::harness::machine::{Machine, on_threads, pin};
use crate::harness::meter::Clock;

/// How long a lock, an addition and an unlock take, while another thread does the same.
pub(crate) fn closed(machine: &Machine, millis: u64) -> Vec<f64> {
    let (counter, all) = (Mutex::new(0_u64), Mutex::new(Recorder::new()));
    on_threads(machine, 2, millis, |_, clock| {
        let mut recorder = Recorder::new();
        while !clock.is_over() {
            for _ in 0..256 {
                let start = Instant::now();
                *counter.lock().expect("no holder panics") += 1;
                recorder.record(start.elapsed());
            }
        }
        all.lock().expect("no holder panics").add(&recorder);
        1
    });
    let all = all.into_inner().expect("no holder panics");
    all.quantiles()
}

/// How long that takes from when it was due, where each thread has half of the rate; `None` if
/// they do not keep up.
pub(crate) fn open(machine: &Machine, rate: f64, millis: u64) -> Option<Vec<f64>> {
    let (counter, all) = (Mutex::new(0_u64), Mutex::new(Some(Recorder::new())));
    on_threads(machine, 2, millis, |side, _| {
        let mut recorder = Recorder::new();
        let mut schedule = Schedule::start(rate / 2.0, millis, side as u64);
        loop {
            let now = Instant::now();
            if schedule.is_over(now) {
                break;
            }
            while let Some(due) = schedule.due(now) {
                *counter.lock().expect("no holder panics") += 1;
                recorder.record(due.elapsed());
            }
            spin_loop();
        }
        let mut all = all.lock().expect("no holder panics");
        if !schedule.was_kept() {
            *all = None;
        }
        if let Some(all) = &mut *all {
            all.add(&recorder);
        }
        1
    });
    let all = all.into_inner().expect("no holder panics");
    all.as_ref().map(Recorder::quantiles)
}

/// The same by tokio's mutex, from so many tasks on each of two threads.
pub(crate) fn tokio_closed(machine: &Machine, tasks: usize, millis: u64) -> Vec<f64> {
    let counter = Arc::new(tokio::sync::Mutex::new(0_u64));
    let threads = machine.pair().map(|core| {
        let counter = Arc::clone(&counter);
        std::thread::spawn(move || {
            pin(core);
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.expect("tokio starts");
            tokio::task::LocalSet::new().block_on(&runtime, async move {
                let clock = Clock::start(millis);
                let recorder = Rc::new(RefCell::new(Recorder::new()));
                let tasks: Vec<_> = (0..tasks)
                    .map(|_| (Arc::clone(&counter), Rc::clone(&recorder)))
                    .map(|(counter, recorder)| lock_until(counter, clock, recorder))
                    .map(tokio::task::spawn_local)
                    .collect();
                for task in tasks {
                    task.await.expect("a task ran");
                }
                recorder.replace(Recorder::new())
            })
        })
    });
    let mut all = Recorder::new();
    for thread in threads {
        all.add(&thread.join().expect("a thread ran"));
    }
    all.quantiles()
}

async fn lock_until(
    counter: Arc<tokio::sync::Mutex<u64>>,
    clock: Clock,
    recorder: Rc<RefCell<Recorder>>,
) {
    while !clock.is_over() {
        for _ in 0..16 {
            let start = Instant::now();
            *counter.lock().await += 1;
            recorder.borrow_mut().record(start.elapsed());
        }
    }
}
