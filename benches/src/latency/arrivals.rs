//! Arrivals: requests that come when they are due, whether or not others were answered.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use super::recorder::Recorder;
use super::schedule::Schedule;

/// A request that has come and waits for its answer.
pub(crate) struct Arrival {
    due: Instant,
    log: Rc<Log>,
}

struct Log {
    recorder: RefCell<Recorder>,
    under_way: Cell<usize>,
}

impl Arrival {
    /// Its answer is there.
    pub(crate) fn answered(self) {
        self.log.recorder.borrow_mut().record(self.due.elapsed());
        self.log.under_way.set(self.log.under_way.get() - 1);
    }
}

/// Makes a `request` of each arrival, at random times of the given rate, and lets others run in
/// between; returns how long answers took from when requests were due, or `None` if they did not
/// keep up.
pub(crate) async fn run(
    rate: f64,
    millis: u64,
    mut request: impl FnMut(Arrival),
    let_others_run: impl AsyncFn(),
) -> Option<Vec<f64>> {
    let log = Rc::new(Log {
        recorder: RefCell::new(Recorder::new()),
        under_way: Cell::new(0),
    });
    let mut schedule = Schedule::start(rate, millis, 0);
    loop {
        let now = Instant::now();
        if schedule.is_over(now) {
            break;
        }
        while let Some(due) = schedule.due(now) {
            log.under_way.set(log.under_way.get() + 1);
            let log = Rc::clone(&log);
            request(Arrival { due, log });
        }
        let_others_run().await;
    }
    while log.under_way.get() > 0 {
        let_others_run().await;
    }
    schedule
        .was_kept()
        .then(|| log.recorder.borrow().quantiles())
}
