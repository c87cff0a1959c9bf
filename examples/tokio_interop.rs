//! Trusts in tokio tasks, and tokio's channels in gossamer tasks.
//!
//! A trust works from any thread and any executor: a tokio task awaits `apply` as it awaits
//! anything else. Such a request takes a queue and a wake between threads, where one of a worker
//! takes a slot; so many small requests belong into tasks on workers. What of tokio needs no
//! reactor, as `tokio::sync` does not, works in gossamer tasks; timers and sockets of tokio do not,
//! and are used on tokio's side of a channel.
//!
//! ```text
//! cargo run --release --example tokio_interop
//! ```

use std::time::Duration;

use gossamer::{Builder, Trust};
use tokio::sync::{mpsc, oneshot};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()?;
    let gossamer = Builder::new().workers(2).build()?;

    let counted = tokio.block_on(await_trusts(gossamer.entrust(0)));

    let seen = gossamer.entrust(Vec::new());
    let (questions, queue) = mpsc::channel(16);
    let server = gossamer.spawn_on(1, move || serve(queue, seen));
    let asked = tokio.block_on(ask(questions));
    let served = gossamer.block_on(server)?;
    assert_eq!(served, asked);
    println!("{counted} requests from tokio tasks, {served} questions answered by a gossamer task");
    Ok(())
}

/// On tokio: tasks that await a trust.
async fn await_trusts(counter: Trust<u64>) -> u64 {
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let counter = counter.clone();
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    counter.apply(|count| *count += 1).await;
                }
                // Also where the future itself has to be `'static` and `Send`.
                tokio::time::timeout(Duration::from_secs(60), counter.apply_owned(|count| *count))
                    .await
            })
        })
        .collect();
    for task in tasks {
        let seen = task.await.expect("no task panics").expect("in time");
        assert!((ROUNDS..=TASKS * ROUNDS).contains(&seen));
    }
    let count = counter.apply(|count| *count).await;
    assert_eq!(count, TASKS * ROUNDS);
    count
}

/// A question, and where its answer goes.
type Question = (String, oneshot::Sender<usize>);

/// On a worker: answers questions that come by tokio's channels, with the help of a trust.
async fn serve(mut questions: mpsc::Receiver<Question>, seen: Trust<Vec<String>>) -> usize {
    while let Some((question, answer)) = questions.recv().await {
        let place = seen.apply(|seen| {
            seen.push(question);
            seen.len()
        });
        answer
            .send(place.await)
            .expect("whoever asks waits for the answer");
    }
    seen.apply(|seen| seen.len()).await
}

/// On tokio: asks, with a pause of tokio's timer in between.
async fn ask(questions: mpsc::Sender<Question>) -> usize {
    for place in 1..=QUESTIONS {
        let (answer, answered) = oneshot::channel();
        let question = format!("question {place}");
        questions
            .send((question, answer))
            .await
            .expect("the server runs until this is dropped");
        assert_eq!(answered.await, Ok(place));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    QUESTIONS
}

const TASKS: u64 = 8;
const ROUNDS: u64 = 1_000;
const QUESTIONS: usize = 20;
