//! How fast small calls go between two nodes, by whatever fabric they are started with: one task
//! that awaits each call, then many tasks, whose calls share batches.
//!
//! ```text
//! gossamer run -n 2 --workers 1 --fabric rdma -- target/release/examples/rack_rates
//! ```
//!
//! With `GOSSAMER_IDLE=spin` workers look for what comes, as a benchmark of verbs does, and each
//! needs a core.

use std::time::{Duration, Instant};

use gossamer::rack::{self, Trust};

#[gossamer::main]
async fn main() {
    let far = *rack::trustees().last().expect("there is a node");
    let counter = rack::entrust_on(far, |start: u64| start, 0).await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(round_trip(&counter).await);
    }
    rounds.sort_unstable();
    let median = rounds[ROUNDS / 2];
    println!(
        "1 task: {:.1} us a call (from {:.1} to {:.1})",
        micros(median),
        micros(rounds[0]),
        micros(rounds[ROUNDS - 1])
    );
    for tasks in [64, 256, 1024] {
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates.push(rate(&counter, tasks).await);
        }
        rates.sort_unstable_by(f64::total_cmp);
        println!(
            "{tasks} tasks: {:.0} calls/s (from {:.0} to {:.0})",
            rates[ROUNDS / 2],
            rates[0],
            rates[ROUNDS - 1]
        );
    }
    let calls = counter.apply(|calls| *calls).await;
    println!("{calls} calls in all");
}

/// The time of one call, as a mean of some.
async fn round_trip(counter: &Trust<u64>) -> Duration {
    let began = Instant::now();
    for _ in 0..CALLS {
        counter.apply_with(|calls, by| *calls += by, 1u64).await;
    }
    began.elapsed() / CALLS
}

/// Calls a second of so many tasks together.
async fn rate(counter: &Trust<u64>, tasks: u32) -> f64 {
    let began = Instant::now();
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let counter = counter.clone();
            gossamer::spawn(async move {
                let mut calls = 0u32;
                while began.elapsed() < ROUND_TIME {
                    for _ in 0..CALLS_PER_LOOK {
                        counter.apply_with(|calls, by| *calls += by, 1u64).await;
                    }
                    calls += CALLS_PER_LOOK;
                }
                calls
            })
        })
        .collect();
    let mut calls = 0;
    for task in tasks {
        calls += task.await.expect("it does not panic");
    }
    f64::from(calls) / began.elapsed().as_secs_f64()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

const ROUNDS: usize = 5;
const CALLS: u32 = 2000;
/// A look at the clock costs more than a call.
const CALLS_PER_LOOK: u32 = 16;
const ROUND_TIME: Duration = Duration::from_millis(500);
