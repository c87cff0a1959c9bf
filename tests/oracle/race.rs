//! Races: all actors of a program run at once, each through its own steps.

use std::future::poll_fn;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier};
use std::task::Poll;

use futures::executor::block_on;
use gossamer::Runtime;

use crate::actor::{Actor, World};
use crate::coverage::{Situation, reached};
use crate::judge::{Phase, judge};
use crate::log::{ACTORS, Log, OUTSIDER, WORKERS};
use crate::program::{Farewell, Program};
use crate::theatre::{self, PATIENCE, Shutdown};

/// What an actor tells from its thread.
enum Event {
    /// It has come to where the shutdown begins.
    Shutdown,
    Done,
}

/// Runs the program and judges it.
pub(crate) fn run(program: &Program, label: &str) -> Result<(), String> {
    let log = Log::new(label.to_owned());
    let program = Arc::new(program.clone());
    let runtime = theatre::runtime(&program, &log);
    let world = theatre::world(&runtime, &log, false);
    let (sender, events) = mpsc::channel();
    let barrier = Arc::new(Barrier::new(ACTORS));
    let [zero, one, two, outsider] = world.actors();
    for actor in [zero, one, two] {
        let (program, sender, barrier) = (Arc::clone(&program), sender.clone(), Arc::clone(&barrier));
        let task = runtime.spawn_on(actor.index, move || {
            actor.enter();
            // Blocks the worker, on which there is nothing else yet.
            barrier.wait();
            play(actor, program, sender)
        });
        drop(task);
    }
    let outside = {
        let program = Arc::clone(&program);
        std::thread::spawn(move || {
            outsider.enter();
            barrier.wait();
            let outsider = block_on(play_outside(outsider, program, sender));
            outsider
        })
    };
    let judged = finish(runtime, &world, &program, &events, outside);
    log.clear();
    judged
}

fn finish(
    runtime: Runtime,
    world: &World,
    program: &Program,
    events: &Receiver<Event>,
    outside: std::thread::JoinHandle<Actor>,
) -> Result<(), String> {
    let log = &world.log;
    let mut done = 0;
    let mut is_midway = false;
    while done < ACTORS && !is_midway {
        match events.recv_timeout(PATIENCE) {
            Ok(Event::Done) => done += 1,
            Ok(Event::Shutdown) => is_midway = true,
            Err(_) => theatre::hang("an actor", log, program),
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
    while !outside.is_finished() {
        match events.recv_timeout(PATIENCE) {
            Ok(_) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => theatre::hang("the outsider", log, program),
        }
    }
    let outlived = outside.join().map(|mut outsider| outsider.outlive());
    if outlived.is_err() {
        log.fault("the outsider panicked");
    }
    world.empty();
    judged.and_then(|()| theatre::judge_at_the_end(log))
}

/// Lets all workers make turns until nothing moves any more.
fn fall_quiet(runtime: &Runtime, log: &Arc<Log>, program: &Program) -> Result<(), String> {
    let mut judged = Ok(());
    for _ in 0..ROUNDS {
        let (sender, turned) = mpsc::channel();
        for worker in 0..WORKERS {
            let sender = sender.clone();
            drop(runtime.spawn_on(worker, move || async move {
                turns(TURNS_PER_ROUND).await;
                drop(sender);
            }));
        }
        drop(sender);
        if turned.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            theatre::hang("a worker", log, program);
        }
        judged = judge(log, Phase::Quiet);
        if judged.is_ok() || !log.is_faultless() {
            break;
        }
    }
    judged
}

/// An actor on its worker, in a task that the shutdown may drop at any of its waits.
async fn play(mut actor: Actor, program: Arc<Program>, events: Sender<Event>) {
    act(&mut actor, &program, &events).await;
    if program.farewell != Farewell::Abrupt && program.shutdown_at.is_none() {
        actor.empty(program.farewell);
    }
    // The test may have given up.
    drop(events.send(Event::Done));
    if program.farewell == Farewell::Abrupt {
        std::future::pending::<()>().await;
    }
}
