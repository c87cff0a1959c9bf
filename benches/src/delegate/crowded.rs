//! More workers than cores: what it costs, by whom each asks.

use std::rc::Rc;

use futures::executor::block_on;
use gossamer::{Builder, Idle, Trust};

use super::gossamer_side::fetch_add;
use crate::harness::bench::{Bench, Effort};
use crate::harness::machine::Machine;
use crate::harness::meter::Clock;
use crate::harness::report::{Ratio, Report};

/// Whom the tasks of a worker ask; never their own worker.
#[derive(Clone, Copy)]
enum Asked {
    Next,
    /// Each task one of all.
    OneOfAll,
    /// Each task all, in turn.
    AllInTurn,
    First,
}

impl Asked {
    /// Of so many workers, by `worker`.
    fn by(self, worker: usize, workers: usize) -> Vec<usize> {
        match self {
            Self::Next => vec![(worker + 1) % workers],
            Self::OneOfAll | Self::AllInTurn => {
                (0..workers).filter(|&other| other != worker).collect()
            }
            Self::First if worker == 0 => vec![],
            Self::First => vec![0],
        }
    }
}

const ROWS: [(Asked, &str, &str); 4] = [
    (Asked::Next, ALONE[0], CROWDED[0]),
    (Asked::OneOfAll, ALONE[1], CROWDED[1]),
    (Asked::AllInTurn, ALONE[2], CROWDED[2]),
    (Asked::First, ALONE[3], CROWDED[3]),
];
const ALONE: [&str; 4] = [
    "a worker a core, asks the next",
    "a worker a core, a task asks one of all",
    "a worker a core, a task asks all in turn",
    "a worker a core, all ask one",
];
const CROWDED: [&str; 4] = [
    "four workers a core, asks the next",
    "four workers a core, a task asks one of all",
    "four workers a core, a task asks all in turn",
    "four workers a core, all ask one",
];
const RATIOS: [Ratio; 4] = [
    ("four a core to one, asks the next", CROWDED[0], ALONE[0]),
    ("four a core to one, one of all", CROWDED[1], ALONE[1]),
    ("four a core to one, all in turn", CROWDED[2], ALONE[2]),
    ("four a core to one, all ask one", CROWDED[3], ALONE[3]),
];

/// Measures it all.
pub(crate) fn run(bench: &mut Bench) {
    for (tasks, title) in TASKS {
        run_with(tasks, title, bench);
    }
}

fn run_with(tasks: usize, title: &'static str, bench: &mut Bench) {
    let machine = bench.machine.clone();
    let mut report = Report::new(title, &bench.options);
    for (asked, alone, crowded) in ROWS {
        for (name, times) in [(alone, 1), (crowded, 4)] {
            let machine = &machine;
            report.row(name, move |millis| {
                apply(machine, times * machine.cores.len(), asked, tasks, millis)
            });
        }
    }
    let (rounds, millis) = if bench.options.quick {
        (5, 60)
    } else {
        (9, 200)
    };
    report.run(&RATIOS, bench, Effort { rounds, millis });
}

/// Requests a second of all workers, of so many tasks each.
fn apply(machine: &Machine, workers: usize, asked: Asked, tasks: usize, millis: u64) -> f64 {
    let cores = machine.cores.iter().copied().cycle().take(workers);
    let builder = Builder::new()
        .workers(workers)
        .pin_to(cores)
        .idle(Idle::Adaptive);
    let runtime = builder.build().expect("the cores are allowed");
    let running: Vec<_> = (0..workers)
        .map(|worker| {
            let asked_workers = asked.by(worker, workers).into_iter();
            let counters: Vec<_> = asked_workers
                .map(|other| runtime.trustee(other).entrust(0_u64))
                .collect();
            runtime.spawn_on(worker, move || worker_until(counters, asked, tasks, millis))
        })
        .collect();
    let rates = running.into_iter().map(block_on);
    rates.map(|rate| rate.expect("a worker ran")).sum()
}

/// The tasks of one worker; none if it asks nobody.
async fn worker_until(counters: Vec<Trust<u64>>, asked: Asked, tasks: usize, millis: u64) -> f64 {
    let clock = Rc::new(Clock::start(millis));
    let tasks = if counters.is_empty() { 0 } else { tasks };
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let first = task % counters.len();
            let counters = match asked {
                Asked::AllInTurn => [&counters[first..], &counters[..first]].concat(),
                _ => vec![counters[first].clone()],
            };
            gossamer::spawn(ask_until(counters, Rc::clone(&clock)))
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.expect("a task ran");
    }
    done as f64 / clock.elapsed()
}

async fn ask_until(counters: Vec<Trust<u64>>, clock: Rc<Clock>) -> u64 {
    let mut done = 0;
    while !clock.is_over() {
        for counter in counters.iter().cycle().take(64) {
            counter.apply(|n| fetch_add(n, 1)).await;
        }
        done += 64;
    }
    done
}

/// How many tasks each worker has: what a worker finds to do when it gets a core, for one switch.
const TASKS: [(usize, &str); 2] = [
    (
        64,
        "more workers than cores, idle strategy adaptive, 64 tasks a worker, 8 bytes",
    ),
    (
        256,
        "more workers than cores, idle strategy adaptive, 256 tasks a worker, 8 bytes",
    ),
];
