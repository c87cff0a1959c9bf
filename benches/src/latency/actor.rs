//! An actor of tokio on the other core, asked through a channel, which answers by a oneshot.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use super::arrivals::{self, Arrival};
use super::recorder::Recorder;
use crate::harness::machine::{Machine, pin};
use crate::harness::meter::Clock;

type Asks = mpsc::Sender<oneshot::Sender<u64>>;

/// How long an answer takes, from so many tasks.
pub(crate) fn closed(machine: &Machine, tasks: usize, millis: u64) -> Vec<f64> {
    with_actor(machine, async move |asks| {
        let clock = Clock::start(millis);
        let recorder = Rc::new(RefCell::new(Recorder::new()));
        let tasks: Vec<_> = (0..tasks)
            .map(|_| tokio::task::spawn_local(ask_until(asks.clone(), clock, Rc::clone(&recorder))))
            .collect();
        for task in tasks {
            task.await.expect("a task ran");
        }
        recorder.borrow().quantiles()
    })
}

async fn ask_until(asks: Asks, clock: Clock, recorder: Rc<RefCell<Recorder>>) {
    while !clock.is_over() {
        for _ in 0..16 {
            let start = Instant::now();
            ask(&asks).await;
            recorder.borrow_mut().record(start.elapsed());
        }
    }
}

/// How long an answer takes from when the request was due; `None` if it does not keep up.
pub(crate) fn open(machine: &Machine, rate: f64, millis: u64) -> Option<Vec<f64>> {
    with_actor(machine, async move |asks| {
        let request = |arrival: Arrival| {
            let asks = asks.clone();
            tokio::task::spawn_local(async move {
                ask(&asks).await;
                arrival.answered();
            });
        };
        arrivals::run(rate, millis, request, tokio::task::yield_now).await
    })
}

async fn ask(asks: &Asks) -> u64 {
    let (answer, answered) = oneshot::channel();
    asks.send(answer).await.expect("the actor lives");
    answered.await.expect("the actor answers")
}

/// Runs a client on the first core, with an actor on the second.
fn with_actor<T: Send + 'static>(
    machine: &Machine,
    client: impl AsyncFnOnce(Asks) -> T + Send + 'static,
) -> T {
    let (sender, mut receiver) = mpsc::channel::<oneshot::Sender<u64>>(1024);
    let [client_core, actor_core] = machine.pair();
    let actor = std::thread::spawn(move || {
        pin(actor_core);
        let runtime = Builder::new_current_thread().build().expect("tokio starts");
        runtime.block_on(async move {
            let mut counter = 0;
            while let Some(answer) = receiver.recv().await {
                // A client that has gone wants no answer.
                let _ = answer.send(counter);
                counter += 1;
            }
        });
    });
    let client = std::thread::spawn(move || {
        pin(client_core);
        let runtime = Builder::new_current_thread().build().expect("tokio starts");
        LocalSet::new().block_on(&runtime, client(sender))
    });
    let result = client.join().expect("the client ran");
    actor.join().expect("the actor ran");
    result
}
