//! What a user of futures does today: an actor on the other core, which answers each message.

use std::convert::Infallible;
use std::rc::Rc;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::message::{Context, Message};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use crate::harness::machine::{Machine, pin};
use crate::harness::meter::Clock;

/// A request to add one; the answer is what was there before.
struct Add(oneshot::Sender<u64>);

/// Asks the actor once.
trait Ask: Clone + Send + 'static {
    async fn ask(&self) -> u64;
}

/// Tokio's channels, for the request and for the answer.
pub(crate) fn tokio_pair(machine: &Machine, tasks: usize, millis: u64) -> f64 {
    let (sender, mut receiver) = mpsc::channel::<Add>(QUEUE);
    let actor = move || async move {
        let mut counter = 0;
        while let Some(Add(answer)) = receiver.recv().await {
            // A client that has gone wants no answer.
            let _ = answer.send(counter);
            counter += 1;
        }
    };
    pair(machine, tasks, millis, sender, actor)
}

impl Ask for mpsc::Sender<Add> {
    async fn ask(&self) -> u64 {
        let (answer, answered) = oneshot::channel();
        self.send(Add(answer)).await.expect("the actor lives");
        answered.await.expect("the actor answers")
    }
}

/// The requests by `async-channel`.
pub(crate) fn async_channel_pair(machine: &Machine, tasks: usize, millis: u64) -> f64 {
    let (sender, receiver) = async_channel::bounded::<Add>(QUEUE);
    let actor = move || async move {
        let mut counter = 0;
        while let Ok(Add(answer)) = receiver.recv().await {
            // A client that has gone wants no answer.
            let _ = answer.send(counter);
            counter += 1;
        }
    };
    pair(machine, tasks, millis, sender, actor)
}

impl Ask for async_channel::Sender<Add> {
    async fn ask(&self) -> u64 {
        let (answer, answered) = oneshot::channel();
        self.send(Add(answer)).await.expect("the actor lives");
        answered.await.expect("the actor answers")
    }
}

/// An actor of the crate `kameo`.
pub(crate) fn kameo_pair(machine: &Machine, tasks: usize, millis: u64) -> f64 {
    let (sender, receiver) = std::sync::mpsc::channel();
    let [client_core, actor_core] = machine.pair();
    let actor = std::thread::spawn(move || {
        pin(actor_core);
        let runtime = Builder::new_current_thread().build().expect("tokio starts");
        runtime.block_on(async move {
            let actor = Counter::spawn_with_mailbox(Counter(0), kameo::mailbox::bounded(QUEUE));
            let running = actor.downgrade();
            sender.send(actor).expect("the client waits for it");
            running.wait_for_shutdown().await;
        });
    });
    let actor_ref: ActorRef<Counter> = receiver.recv().expect("the actor was spawned");
    let rate = std::thread::spawn(move || ask_from(client_core, tasks, millis, actor_ref));
    let rate = rate.join().expect("the client ran");
    actor.join().expect("the actor ran");
    rate
}

struct Counter(u64);

impl Actor for Counter {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(counter: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(counter)
    }
}

struct AddOne;

impl Message<AddOne> for Counter {
    type Reply = u64;

    async fn handle(&mut self, _: AddOne, _: &mut Context<Self, Self::Reply>) -> u64 {
        self.0 += 1;
        self.0 - 1
    }
}

impl Ask for ActorRef<Counter> {
    async fn ask(&self) -> u64 {
        ActorRef::ask(self, AddOne)
            .await
            .expect("the actor answers")
    }
}

/// Requests a second from so many tasks on one core to an actor on the other.
fn pair<Fut: Future<Output = ()>>(
    machine: &Machine,
    tasks: usize,
    millis: u64,
    asks: impl Ask,
    actor: impl FnOnce() -> Fut + Send + 'static,
) -> f64 {
    let [client_core, actor_core] = machine.pair();
    let actor = std::thread::spawn(move || {
        pin(actor_core);
        let runtime = Builder::new_current_thread().build().expect("tokio starts");
        runtime.block_on(actor());
    });
    let client = std::thread::spawn(move || ask_from(client_core, tasks, millis, asks));
    let rate = client.join().expect("the client ran");
    actor.join().expect("the actor ran");
    rate
}

/// Asks from so many tasks until it is over.
fn ask_from(core: usize, tasks: usize, millis: u64, asks: impl Ask) -> f64 {
    pin(core);
    let runtime = Builder::new_current_thread().build().expect("tokio starts");
    LocalSet::new().block_on(&runtime, async move {
        let clock = Rc::new(Clock::start(millis));
        let running: Vec<_> = (0..tasks)
            .map(|_| tokio::task::spawn_local(ask_until(asks.clone(), Rc::clone(&clock))))
            .collect();
        drop(asks);
        let mut sum = 0;
        for task in running {
            sum += task.await.expect("a task ran");
        }
        sum as f64 / clock.elapsed()
    })
}

async fn ask_until(asks: impl Ask, clock: Rc<Clock>) -> u64 {
    let mut done = 0;
    while !clock.is_over() {
        for _ in 0..16 {
            asks.ask().await;
        }
        done += 16;
    }
    done
}

/// Messages that an actor's queue holds.
const QUEUE: usize = 1024;
