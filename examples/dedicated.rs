//! Dedicated trustees: workers that own all properties and run no tasks.
//!
//! By default each worker does both, so a request to a property may wait until a task of that
//! worker comes to an await. With `dedicated_trustees(n)` the last `n` workers only serve: the
//! answers come in even time whatever the tasks do, at the price of cores that run no tasks. It
//! pays where there are cores enough and tasks compute for long between two awaits.
//!
//! ```text
//! cargo run --release --example dedicated
//! ```

use std::time::{Duration, Instant};

use futures::future::join_all;
use gossamer::Builder;

fn main() -> Result<(), gossamer::BuildError> {
    let runtime = Builder::new().workers(3).dedicated_trustees(1).build()?;
    assert_eq!(runtime.trustees(), [runtime.trustee(2)]);

    let sums: Vec<_> = (0..4).map(|_| runtime.entrust(0_u64)).collect();
    assert!(sums.iter().all(|sum| sum.trustee().worker() == 2));

    let tasks = (0..2).map(|worker| {
        let sums = sums.clone();
        runtime.spawn_on(worker, async move || {
            let mut longest = Duration::ZERO;
            for round in 0..ROUNDS {
                compute(Duration::from_millis(1)); // keeps the worker from everything else
                let begin = Instant::now();
                sums[round as usize % sums.len()]
                    .apply(move |sum| *sum += round)
                    .await;
                longest = longest.max(begin.elapsed());
            }
            longest
        })
    });
    let longest = runtime.block_on(join_all(tasks.collect::<Vec<_>>()));
    let longest = longest
        .into_iter()
        .map(|longest| longest.expect("no task panics"))
        .max();

    let sums = runtime.block_on(join_all(sums.iter().map(|sum| sum.apply(|sum| *sum))));
    assert_eq!(sums.iter().sum::<u64>(), 2 * (0..ROUNDS).sum::<u64>());

    let metrics = runtime.metrics();
    assert_eq!(metrics[2].tasks_spawned, 0);
    assert_eq!(metrics[0].requests_served + metrics[1].requests_served, 0);
    println!(
        "worker 2 has served {} requests and run no task; the longest took {:?}",
        metrics[2].requests_served,
        longest.expect("there are tasks"),
    );
    Ok(())
}

fn compute(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

const ROUNDS: u64 = 100;
