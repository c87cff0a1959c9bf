//! Actors: one for each thread, which has its share of the objects; tasks of the same runtime ask.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::message::{Context, Message};
use tokio::sync::{mpsc, oneshot};

use super::STRIDE;
use super::tokio_mutex::from_tasks;
use crate::delegate::load::{Load, Object, act};
use crate::harness::machine::Machine;
use crate::harness::meter::{Clock, Sample};
use crate::harness::section::Section;

/// An operation on the object at `place` of an actor's share.
pub(crate) struct Request<const N: usize> {
    place: usize,
    amounts: Object<N>,
    answer: oneshot::Sender<Object<N>>,
}

impl<const N: usize> Request<N> {
    /// A request, and where its answer comes.
    fn new(place: usize, amounts: Object<N>) -> (Self, oneshot::Receiver<Object<N>>) {
        let (answer, answered) = oneshot::channel();
        let request = Self {
            place,
            amounts,
            answer,
        };
        (request, answered)
    }
}

/// The objects of one actor.
struct Share<const N: usize> {
    objects: Box<[Object<N>]>,
    section: Section,
}

impl<const N: usize> Share<N> {
    fn of(load: &Load) -> Self {
        Self {
            objects: vec![[0; N]; load.objects.div_ceil(load.threads)].into(),
            section: load.section,
        }
    }

    fn act(&mut self, place: usize, amounts: Object<N>) -> Object<N> {
        act(&mut self.objects[place], amounts, self.section)
    }

    fn serve(&mut self, request: Request<N>) {
        let before = self.act(request.place, request.amounts);
        // A client that has gone wants no answer.
        let _ = request.answer.send(before);
    }
}

/// Asks an actor and waits for its answer.
pub(crate) trait Ask<const N: usize>: Clone + Send + Sync + 'static {
    /// Starts an actor on the current runtime of tokio.
    fn start(load: &Load) -> Self;

    fn ask(&self, place: usize, amounts: Object<N>) -> impl Future<Output = Object<N>> + Send;
}

pub(crate) fn run<const N: usize, A: Ask<N>>(
    machine: &Machine,
    load: &Load,
    millis: u64,
) -> Sample {
    from_tasks(machine, load, millis, || {
        let actors: Arc<[A]> = (0..load.threads).map(|_| A::start(load)).collect();
        move |load: Arc<Load>, thread, task, clock: Clock| {
            let actors = Arc::clone(&actors);
            async move {
                let mut places = load.places(thread, task);
                let mut done = 0;
                while !clock.is_over() {
                    for _ in 0..STRIDE {
                        let place = places.next();
                        let actor = &actors[place % actors.len()];
                        let amounts = black_box([1; N]);
                        black_box(actor.ask(place / actors.len(), amounts).await);
                    }
                    done += STRIDE;
                }
                done
            }
        }
    })
}

impl<const N: usize> Ask<N> for mpsc::Sender<Request<N>> {
    fn start(load: &Load) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Request<N>>(QUEUE);
        let mut share = Share::of(load);
        tokio::spawn(async move {
            while let Some(request) = receiver.recv().await {
                share.serve(request);
            }
        });
        sender
    }

    async fn ask(&self, place: usize, amounts: Object<N>) -> Object<N> {
        let (request, answer) = Request::new(place, amounts);
        let sent = self.send(request).await;
        assert!(sent.is_ok(), "the actor lives");
        answer.await.expect("the actor answers")
    }
}

impl<const N: usize> Ask<N> for async_channel::Sender<Request<N>> {
    fn start(load: &Load) -> Self {
        let (sender, receiver) = async_channel::bounded::<Request<N>>(QUEUE);
        let mut share = Share::of(load);
        tokio::spawn(async move {
            while let Ok(request) = receiver.recv().await {
                share.serve(request);
            }
        });
        sender
    }

    async fn ask(&self, place: usize, amounts: Object<N>) -> Object<N> {
        let (request, answer) = Request::new(place, amounts);
        let sent = self.send(request).await;
        assert!(sent.is_ok(), "the actor lives");
        answer.await.expect("the actor answers")
    }
}

impl<const N: usize> Actor for Share<N> {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(share: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(share)
    }
}

/// The message of a kameo actor; its answer is the crate's business.
struct Operation<const N: usize>(usize, Object<N>);

impl<const N: usize> Message<Operation<N>> for Share<N> {
    type Reply = Before<N>;

    async fn handle(
        &mut self,
        Operation(place, amounts): Operation<N>,
        _: &mut Context<Self, Self::Reply>,
    ) -> Before<N> {
        Before(self.act(place, amounts))
    }
}

/// What was there before.
#[derive(kameo::Reply)]
struct Before<const N: usize>(Object<N>);

/// An actor of the crate `kameo`.
#[derive(Clone)]
pub(crate) struct Kameo<const N: usize>(ActorRef<Share<N>>);

impl<const N: usize> Ask<N> for Kameo<N> {
    fn start(load: &Load) -> Self {
        let mailbox = kameo::mailbox::bounded(QUEUE);
        Self(Share::spawn_with_mailbox(Share::of(load), mailbox))
    }

    async fn ask(&self, place: usize, amounts: Object<N>) -> Object<N> {
        let answered = self.0.ask(Operation(place, amounts)).await;
        answered.expect("the actor answers").0
    }
}

/// Messages that an actor's queue holds.
const QUEUE: usize = 1024;
