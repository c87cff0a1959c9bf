//! Races: all actors of a program run at once, each through its own steps.

use std::future::{pending, poll_fn};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Barrier};
use std::task::Poll;

use futures::executor::block_on;
use gossamer::Runtime;

use crate::actor::{Actor, World};
use crate::coverage::{Situation, reached};
use crate::judge::{Phase, judge};
use crate::log::{ACTORS, Log, WORKERS};
use crate::program::{Farewell, Program};
use crate::scene::{self, PATIENCE, Shutdown};

/// What actors tell from their threads.
enum Event {
    /// One has come to where the shutdown begins.
    Shutdown,
    /// One has come to its end.
    Done,
    /// The outsider has let go of everything.
    Over,
}

/// Runs the program and judges it.
pub(crate) fn run(program: &Program, label: &str) -> Result<(), String> {
    let log = Log::new(label.to_owned());
    let program = Arc::new(program.clone());
    let runtime = scene::runtime(&program, &log);
    let world = scene::world(&runtime, &log, false);
    let (sender, events) = mpsc::channel();
    let barrier = Arc::new(Barrier::new(ACTORS));
    let [zero, one, two, outsider] = world.actors().map(|actor| {
        let exit = Exit {
            log: Arc::clone(&log),
            events: sender.clone(),
        };
        Player {
            actor,
            program: Arc::clone(&program),
            exit,
        }
    });
    for player in [zero, one, two] {
        let barrier = Arc::clone(&barrier);
        drop(runtime.spawn_on(player.actor.index, move || {
            player.actor.enter();
            barrier.wait(); // blocks the worker, on which there is nothing else yet
            player.play_inside()
        }));
    }
    let (runtime_lives, shutdown_ends) = mpsc::channel();
    let outside = std::thread::spawn(move || {
        outsider.actor.enter();
        barrier.wait();
        outsider.play_outside(&shutdown_ends);
    });
    let judged = finish(runtime, runtime_lives, &world, &program, &events);
    if outside.join().is_err() {
        log.fault("the outsider panicked");
    }
    world.empty();
    let judged = judged.and_then(|()| scene::judge_at_the_end(&log));
    log.clear();
    judged
}

/// Waits for the actors, or for the one that ends it all, and shuts down.
fn finish(
    runtime: Runtime,
    runtime_lives: Sender<()>,
    world: &World,
    program: &Program,
    events: &Receiver<Event>,
) -> Result<(), String> {
    let log = &world.log;
    let mut done = 0;
    let mut is_midway = false;
    while done < ACTORS && !is_midway {
        match events.recv_timeout(PATIENCE) {
            Ok(Event::Done) => done += 1,
            Ok(Event::Shutdown) => is_midway = true,
            Ok(Event::Over) | Err(_) => scene::hang("an actor", log, program),
        }
    }
    let mut judged = Ok(());
    if is_midway {
        reached(Situation::ShutdownMidway);
    } else if program.farewell != Farewell::Abrupt {
        world.empty();
        judged = fall_quiet(&runtime, log, program);
    }
    Shutdown::begin(runtime, log).wait(log, program);
    drop(runtime_lives);
    loop {
        match events.recv_timeout(PATIENCE) {
            Ok(Event::Over) | Err(RecvTimeoutError::Disconnected) => return judged,
            Ok(Event::Shutdown | Event::Done) => {}
            Err(RecvTimeoutError::Timeout) => scene::hang("the outsider", log, program),
        }
    }
}

/// Lets all workers make turns until nothing moves any more.
fn fall_quiet(runtime: &Runtime, log: &Log, program: &Program) -> Result<(), String> {
    let mut judged = Ok(());
    for _ in 0..ROUNDS {
        let (sender, turned) = mpsc::channel::<()>();
        for worker in 0..WORKERS {
            let sender = sender.clone();
            drop(runtime.spawn_on(worker, move || async move {
                turns(TURNS_PER_ROUND).await;
                drop(sender);
            }));
        }
        drop(sender);
        if turned.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            scene::hang("a worker", log, program);
        }
        judged = judge(log, Phase::Quiet);
        if judged.is_ok() || !log.is_faultless() {
            break;
        }
    }
    judged
}

/// An actor with its part in the program.
struct Player {
    actor: Actor,
    program: Arc<Program>,
    // Last, so that an actor is gone when it tells that.
    exit: Exit,
}

impl Player {
    /// On a worker, in a task that the shutdown may drop at any of its waits.
    async fn play_inside(mut self) {
        self.act().await;
        if self.program.may_fall_quiet() {
            self.actor.empty(self.program.farewell);
        } else {
            self.exit.tell(Event::Done);
            pending::<()>().await;
        }
    }

    /// On a thread of its own, which outlives the runtime.
    fn play_outside(mut self, shutdown_ends: &Receiver<()>) {
        block_on(self.act());
        if self.program.may_fall_quiet() {
            self.actor.empty(self.program.farewell);
        }
        self.exit.tell(Event::Done);
        shutdown_ends.recv().expect_err("nothing is ever sent");
        self.actor.outlive();
        self.exit.tell(Event::Over);
    }

    async fn act(&mut self) {
        let program = Arc::clone(&self.program);
        for (index, step) in program.steps.iter().enumerate() {
            if step.actor != self.actor.index {
                continue;
            }
            if program.shutdown_at == Some(index) {
                self.exit.tell(Event::Shutdown);
            }
            self.actor.execute(&step.op);
            poll_fn(|context| match self.actor.resume(Some(context.waker())) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
            if let Some((_, count)) = step.turns {
                turns(count).await;
                self.actor.look_at_backlog();
            }
        }
    }
}

/// Tells that an actor has come to its end, whatever way.
struct Exit {
    log: Arc<Log>,
    events: Sender<Event>,
}

impl Exit {
    fn tell(&self, event: Event) {
        // If nobody listens any more, the runtime is shutting down already.
        drop(self.events.send(event));
    }
}

impl Drop for Exit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.log.fault("an actor panicked");
        }
        self.tell(Event::Done);
    }
}

async fn turns(count: u32) {
    for _ in 0..count {
        gossamer::yield_now().await;
    }
}

const ROUNDS: u32 = 2000;
const TURNS_PER_ROUND: u32 = 4;
