//! A counter that tasks on all workers add to.
//!
//! `apply` awaits the result of its closure; `post` issues its closure and does not wait. Both run
//! on the worker that owns the counter, one after the other, so that nothing is locked and nothing
//! is lost. Requests from one worker to one trustee run in the order in which they were issued: an
//! `apply` behind many `post`s finds them done.
//!
//! ```text
//! cargo run --release --example counter
//! ```

use futures::future::join_all;

#[gossamer::main]
async fn main() {
    let counter = gossamer::entrust(0_u64);
    let workers = gossamer::task_workers();

    let tasks = (0..workers).map(|worker| {
        let counter = counter.clone();
        gossamer::spawn_on(worker, async move || {
            for _ in 0..ROUNDS {
                counter.apply(|count| *count += 1).await;
            }
        })
    });
    for task in join_all(tasks).await {
        task.expect("no task panics");
    }
    let applied = counter.apply(|count| *count).await;
    assert_eq!(applied, workers as u64 * ROUNDS);

    // Without an answer for each: `ready` keeps what is under way within bounds.
    for _ in 0..ROUNDS {
        counter.post(|count| *count += 1);
        counter.trustee().ready().await;
    }
    let total = counter.apply(|count| *count).await;
    assert_eq!(total, applied + ROUNDS);

    // The last trust takes the value back.
    let value = counter
        .into_inner()
        .await
        .expect("the tasks have dropped theirs");
    assert_eq!(value, total);
    println!("workers: {workers}, added by apply: {applied}, with those by post: {total}");
}

const ROUNDS: u64 = 10_000;
