//! What a user of futures does today: an actor behind a channel, which answers by a oneshot.

use std::rc::Rc;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use crate::harness::machine::{Clock, Machine, pin};

struct Add(oneshot::Sender<u64>);

/// Requests a second from so many tasks on one core to an actor on the other.
pub(crate) fn run(machine: &Machine, tasks: usize, millis: u64) -> f64 {
    let (sender, mut receiver) = mpsc::channel::<Add>(1024);
    let [client_core, actor_core] = machine.pair;
    let actor = std::thread::spawn(move || {
        pin(actor_core);
        let runtime = Builder::new_current_thread().build().expect("tokio starts");
        runtime.block_on(async move {
            let mut counter = 0_u64;
            while let Some(Add(answer)) = receiver.recv().await {
                // A client that has gone wants no answer.
                let _ = answer.send(counter);
                counter += 1;
            }
        });
    });
    let client = std::thread::spawn(move || {
        pin(client_core);
        let runtime = Builder::new_current_thread().build().expect("tokio starts");
        LocalSet::new().block_on(&runtime, async move {
            let clock = Rc::new(Clock::start(millis));
            let running: Vec<_> = (0..tasks)
                .map(|_| tokio::task::spawn_local(ask_until(sender.clone(), Rc::clone(&clock))))
                .collect();
            drop(sender);
            let mut sum = 0;
            for task in running {
                sum += task.await.expect("a task ran");
            }
            sum as f64 / clock.elapsed()
        })
    });
    let rate = client.join().expect("the client ran");
    actor.join().expect("the actor ran");
    rate
}

async fn ask_until(sender: mpsc::Sender<Add>, clock: Rc<Clock>) -> u64 {
    let mut done = 0;
    while !clock.is_over() {
        for _ in 0..16 {
            let (answer, answered) = oneshot::channel();
            sender.send(Add(answer)).await.expect("the actor lives");
            answered.await.expect("the actor answers");
        }
        done += 16;
    }
    done
}
