//! Small requests beside large ones: how long they take while arguments and results of 64 MiB flow
//! between two workers. Whose they are says who asks:
//!
//! - *others*: another worker of the process, of another worker of the other one;
//! - *the same client*: the worker that gives and takes what is large, of another worker;
//! - *the same trustee*: another worker, of the worker that has what is large;
//! - *the other way*: the worker that has what is large, of the one that gives and takes it;
//! - *the same link*: the worker that gives and takes what is large, of the one that has it. What is
//!   asked so waits behind what is large, as requests keep their order: nothing is promised of it.
//!
//! The large flow goes from the first worker of one process to the first of the other. Each process
//! has two workers for the first three, else one. On few cores those are more than there are cores,
//! and so they wait as `adaptive` does; nothing is pinned.
//!
//! Small requests fall due at a steady pace, whether or not those before have been answered, and
//! the time of each counts from when it was due, so that a stall is seen by all that wait for it.
//! Large values are let go of beside the workers, as giving memory back to the system takes some
//! milliseconds: where closures and tasks do that, it is theirs.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gossamer::JoinHandle;
use gossamer::rack::{self, Trust};
use serde::{Deserialize, Serialize};

use super::bytes::SharedBytes;
use super::node::{Fabric, Job, Shape};
use crate::harness::bench::{Bench, Effort};
use crate::harness::meter::Clock;
use crate::harness::sweep::{Kind, Metric, Sweep};
use crate::latency::recorder::Recorder;

/// What flows, and for how long.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Beside {
    arguments: bool,
    results: bool,
    bytes: usize,
    asker: Asker,
    millis: u64,
}

/// Whose the small requests are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Asker {
    Others,
    SameClient,
    SameTrustee,
    OtherWay,
    SameLink,
}

impl Asker {
    const ALL: [(Self, &str); 5] = [
        (Self::Others, "of others"),
        (Self::SameClient, "of the same client"),
        (Self::SameTrustee, "of the same trustee"),
        (Self::OtherWay, "the other way"),
        (Self::SameLink, "on the same link"),
    ];

    /// The workers of each process.
    fn workers(self) -> usize {
        match self {
            Self::Others | Self::SameClient | Self::SameTrustee => 2,
            Self::OtherWay | Self::SameLink => 1,
        }
    }

    /// Who asks and who is asked, of all workers, the first half of which are of the process that
    /// gives and takes.
    fn ends(self) -> (usize, usize) {
        match self {
            Self::Others => (1, 3),
            Self::SameClient => (0, 3),
            Self::SameTrustee => (1, 2),
            Self::OtherWay => (1, 0),
            Self::SameLink => (0, 1),
        }
    }
}

/// Measures it by both fabrics.
pub(super) fn run(bench: &mut Bench) {
    let points = FLOWS.map(|(name, ..)| name);
    let (rounds, millis) = if bench.options.quick {
        (3, 400)
    } else {
        (5, 2000)
    };
    for fabric in Fabric::ALL {
        let title = format!("{fabric}: {TITLE}");
        let mut sweep = Sweep::new(&title, "what flows", points, &METRICS).with_bars();
        for (asker, name) in Asker::ALL {
            let shape = Shape::anywhere(2, asker.workers(), fabric);
            // By round, what nothing else under way has given.
            let unloaded = Cell::new(f64::NAN);
            sweep.add(Kind::Ours, name, move |point, millis| {
                let (_, arguments, results) = FLOWS[point];
                let mut values: Vec<f64> = shape.run(&Job::Beside(Beside {
                    arguments,
                    results,
                    bytes: LARGE_BYTES,
                    asker,
                    millis,
                }));
                if point == 0 {
                    unloaded.set(values[0]);
                }
                values.insert(0, values[0] / unloaded.get());
                Some(values)
            });
        }
        sweep.run(bench, Effort { rounds, millis });
    }
}

/// Does it on node 0: the quantiles of the small requests, and how much has flowed.
pub(super) async fn ask(beside: Beside) -> Vec<f64> {
    let trustees = rack::trustees();
    let (asks, asked) = beside.asker.ends();
    let large = trustees[trustees.len() / 2];
    let large = rack::entrust_on(large, Large::of, beside.bytes).await;
    let small = rack::entrust_on(trustees[asked], |()| 0_u64, ()).await;
    // Made before, as whoever makes it holds its worker for some tens of milliseconds.
    let gives = Arc::new(vec![1; beside.bytes]);
    let clock = Clock::start(beside.millis);
    let small = rack::spawn_on(asks, ask_at_pace, (small, beside.millis));
    let mut flows = Vec::new();
    if beside.arguments {
        flows.push(gossamer::spawn(give(large.clone(), gives, clock)));
    }
    if beside.results {
        flows.push(gossamer::spawn(take(large.clone(), beside.bytes, clock)));
    }
    let quantiles = small.await.expect("a task runs");
    let mut flowed = 0.0;
    for flow in flows {
        flowed += flow.await.expect("a task runs");
    }
    let [half, p99, p999, longest, ..] = quantiles[..] else {
        unreachable!("there are five");
    };
    vec![p99, half, p999, longest, flowed / 1e9]
}

/// Asks for small things as they fall due, whether or not those before have been answered; the
/// quantiles.
async fn ask_at_pace((counter, millis): (Trust<u64>, u64)) -> Vec<f64> {
    let recorder = Rc::new(RefCell::new(Recorder::new()));
    let clock = Clock::start(millis);
    let mut due = Instant::now();
    let mut tasks = VecDeque::new();
    let mut asked = 0;
    while !clock.is_over() {
        while Instant::now() < due {
            gossamer::yield_now().await;
        }
        asked += 1;
        let (counter, recorder) = (counter.clone(), Rc::clone(&recorder));
        tasks.push_back(gossamer::spawn(async move {
            let count = counter.apply_with(add, 1).await;
            recorder.borrow_mut().record(due.elapsed());
            assert_eq!(count, asked, "in the order in which they were asked");
        }));
        while tasks.front().is_some_and(JoinHandle::is_finished) {
            let first = tasks.pop_front().expect("there is one");
            first.await.expect("a task runs");
        }
        due += PACE;
    }
    for task in tasks {
        task.await.expect("a task runs");
    }
    assert_eq!(counter.apply(|counter| *counter).await, asked);
    let recorder = recorder.borrow();
    recorder.quantiles()
}

fn add(counter: &mut u64, amount: u64) -> u64 {
    *counter += amount;
    *counter
}

/// Bytes at the trustee: what it has to give, and how many it has got.
struct Large {
    gives: Arc<Vec<u8>>,
    got: usize,
}

impl Large {
    fn of(bytes: usize) -> Self {
        Self {
            gives: Arc::new(vec![1; bytes]),
            got: 0,
        }
    }
}

/// Gives arguments until it is over; bytes a second.
async fn give(to: Trust<Large>, gives: Arc<Vec<u8>>, clock: Clock) -> f64 {
    let mut given = 0;
    while !clock.is_over() {
        let take = |large: &mut Large, SharedBytes(gift): SharedBytes| {
            large.got += gift.len() * usize::from(gift[0] & gift[gift.len() - 1]);
            let_go(gift);
            large.got
        };
        given += gives.len();
        let got = to.apply_with(take, SharedBytes(Arc::clone(&gives))).await;
        assert_eq!(got, given, "all of it has come");
    }
    given as f64 / clock.elapsed()
}

/// Takes results until it is over; bytes a second.
async fn take(from: Trust<Large>, bytes: usize, clock: Clock) -> f64 {
    let mut taken = 0;
    while !clock.is_over() {
        let give = |large: &mut Large, ()| SharedBytes(Arc::clone(&large.gives));
        let SharedBytes(gift) = from.apply_with(give, ()).await;
        assert_eq!((gift.len(), gift[0], gift[bytes - 1]), (bytes, 1, 1));
        let_go(gift);
        taken += bytes;
    }
    taken as f64 / clock.elapsed()
}

/// Drops it beside the workers.
fn let_go(gift: Arc<Vec<u8>>) {
    drop(gossamer::spawn(gossamer::unblock(|| drop(gift))));
}

const TITLE: &str = "small requests, due every 100 µs, beside 64 MiB (asked: five times the p99 \
                     of none, for all but those on the same link)";

/// What flows: arguments, results.
const FLOWS: [(&str, bool, bool); 4] = [
    ("nothing", false, false),
    ("arguments", true, false),
    ("results", false, true),
    ("both", true, true),
];

const LARGE_BYTES: usize = 64 << 20;
const PACE: Duration = Duration::from_micros(100);

const METRICS: [Metric; 6] = [
    metric("p99, times that beside nothing", true),
    metric("p99, µs", true),
    metric("p50, µs", false),
    metric("p99.9, µs", false),
    metric("longest, µs", false),
    Metric {
        name: "gigabytes that flow a second",
        is_drawn: false,
        is_cost: false,
        is_extreme: false,
    },
];

const fn metric(name: &'static str, is_drawn: bool) -> Metric {
    Metric {
        name,
        is_drawn,
        is_cost: true,
        is_extreme: false,
    }
}
