//! The load: workers of a rack ask for fetch-and-adds on counters of the next worker, and what the
//! counters have at the end is compared with what was answered.

use std::cell::Cell;
use std::rc::Rc;

use gossamer::JoinHandle;
use gossamer::rack::{self, Trust};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::process::Done;
use super::tally::Tally;
use crate::harness::meter::{Clock, cpu_time};

/// Who asks, how, and for how long.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Load {
    pub(super) how: How,
    pub(super) sides: Sides,
    /// Requests that each worker has under way.
    pub(super) depth: usize,
    /// The arguments of each.
    pub(super) bytes: usize,
    pub(super) millis: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum How {
    /// Tasks that await each answer.
    Apply,
    /// Without tasks that wait.
    ApplyThen,
}

/// Which workers of the rack ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Sides {
    One,
    All,
}

/// What a load has given.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Requests a second.
    pub(super) rate: f64,
    pub(super) count: u64,
    /// What all nodes together have used.
    pub(super) used: Tally,
}

/// Runs it from node 0.
pub(super) async fn run(load: Load) -> Outcome {
    let (trustees, workers) = (rack::trustees(), rack::workers());
    let sides = match load.sides {
        Sides::One => 1,
        Sides::All => workers,
    };
    let mut counters = Vec::new();
    for worker in 0..sides {
        let next = trustees[(worker + 1) % workers];
        counters.push(rack::entrust_on(next, |()| Counter::default(), ()).await);
    }
    let before = Tally::of_all().await;
    let tasks: Vec<_> = (0..sides)
        .map(|worker| rack::spawn_on(worker, ask, (load, counters[worker].clone())))
        .collect();
    let mut done = Vec::new();
    for task in tasks {
        let of_task: Done = task.await.expect("a side runs");
        done.push(of_task);
    }
    let used = Tally::of_all().await - before;
    for (counter, done) in counters.iter().zip(&done) {
        let served = counter.apply(|counter| counter.0).await;
        assert_eq!(served, done.count, "each request counts once");
    }
    Outcome {
        rate: done.iter().map(Done::rate).sum(),
        count: done.iter().map(|done| done.count).sum(),
        used,
    }
}

/// What is shared.
#[derive(Default)]
struct Counter(u64);

impl Counter {
    fn fetch_add(&mut self, amount: u64) -> u64 {
        let before = self.0;
        self.0 = before.wrapping_add(amount);
        before
    }
}

/// The arguments of a request, from which it takes what to add.
trait Payload: Serialize + DeserializeOwned + Send + 'static {
    /// One of so many bytes that says 1.
    fn one(bytes: usize) -> Self;
    fn amount(&self) -> u64;
}

impl<const N: usize> Payload for [u64; N]
where
    Self: Serialize + DeserializeOwned,
{
    #[inline(always)]
    fn one(_: usize) -> Self {
        [1; N]
    }

    #[inline(always)]
    fn amount(&self) -> u64 {
        self[N - 1]
    }
}

impl Payload for Bytes {
    fn one(bytes: usize) -> Self {
        Self(vec![1; bytes])
    }

    /// Both ends have come.
    fn amount(&self) -> u64 {
        u64::from(self.0[0] & self.0[self.0.len() - 1])
    }
}

/// Asks from this worker until it is over.
async fn ask((load, counter): (Load, Trust<Counter>)) -> Done {
    match load.bytes {
        8 => ask_with::<[u64; 1]>(load, counter).await,
        16 => ask_with::<[u64; 2]>(load, counter).await,
        32 => ask_with::<[u64; 4]>(load, counter).await,
        64 => ask_with::<[u64; 8]>(load, counter).await,
        _ => ask_with::<Bytes>(load, counter).await,
    }
}

async fn ask_with<A: Payload>(load: Load, counter: Trust<Counter>) -> Done {
    // Whatever is opened at first use is open then.
    counter.apply(|counter| counter.0).await;
    let (clock, cpu) = (Rc::new(Clock::start(load.millis)), cpu_time());
    let count = match load.how {
        How::Apply => {
            let tasks = (0..load.depth).map(|_| {
                let asks = apply_until::<A>(counter.clone(), Rc::clone(&clock), load.bytes);
                gossamer::spawn(asks)
            });
            sum(tasks.collect()).await
        }
        How::ApplyThen => apply_then_until::<A>(counter, &clock, load).await,
    };
    Done {
        count,
        seconds: clock.elapsed(),
        cpu: (cpu_time() - cpu).as_secs_f64(),
    }
}

async fn apply_until<A: Payload>(counter: Trust<Counter>, clock: Rc<Clock>, bytes: usize) -> u64 {
    let requests = requests_a_look(bytes);
    let mut done = 0;
    while !clock.is_over() {
        for _ in 0..requests {
            let add = |counter: &mut Counter, payload: A| counter.fetch_add(payload.amount());
            let before = counter.apply_with(add, A::one(bytes)).await;
            assert!(before >= done, "what this task has added is there");
            done += 1;
        }
    }
    done
}

async fn apply_then_until<A: Payload>(counter: Trust<Counter>, clock: &Clock, load: Load) -> u64 {
    let turns = requests_a_look(load.bytes);
    let mut done = 0;
    while !clock.is_over() {
        for _ in 0..turns {
            while UNDER_WAY.get() < load.depth {
                UNDER_WAY.set(UNDER_WAY.get() + 1);
                counter.apply_then_with(
                    |counter: &mut Counter, payload: A| counter.fetch_add(payload.amount()),
                    A::one(load.bytes),
                    |_| UNDER_WAY.set(UNDER_WAY.get() - 1),
                );
                done += 1;
            }
            gossamer::yield_now().await;
        }
    }
    while UNDER_WAY.get() > 0 {
        gossamer::yield_now().await;
    }
    done
}

/// How many requests lie between two looks at the clock, which costs as much as a short one.
fn requests_a_look(bytes: usize) -> u64 {
    if bytes <= 1024 { 64 } else { 1 }
}

async fn sum(tasks: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for task in tasks {
        sum += task.await.expect("a task runs");
    }
    sum
}

thread_local! {
    /// Requests of this worker whose results have not come back.
    static UNDER_WAY: Cell<usize> = const { Cell::new(0) };
}
