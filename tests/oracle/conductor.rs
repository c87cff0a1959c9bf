//! The conductor: runs a program in turns, so that it takes the same way every time.
//!
//! Only one thread does anything at a time: the conductor's own, which is the outsider, or the
//! worker that it has told to. That ends when the shutdown begins: each worker whose turn comes
//! then drops its driver and goes on by itself.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};

use futures::FutureExt;
use gossamer::{Runtime, Trust};

use crate::actor::{Actor, World};
use crate::coverage::{Situation, reached};
use crate::driver::{Command, Driver, Reply};
use crate::judge::{Phase, judge};
use crate::log::{Log, OUTSIDER, WORKERS};
use crate::program::{Farewell, Program};
use crate::scene::{self, PATIENCE, Shutdown};

pub(crate) struct Conductor {
    program: Arc<Program>,
    world: Arc<World>,
    log: Arc<Log>,
    drivers: [Option<Line>; WORKERS],
    outsider: Actor,
    /// Tells when the runtime refuses requests.
    probe: Trust<()>,
    runtime: Option<Runtime>,
    shutdown: Option<Shutdown>,
}

/// How a driver is reached, while there is one.
struct Line {
    commands: Sender<Command>,
    replies: Receiver<Reply>,
}

/// Runs the program and judges it; returns the log's digest.
pub(crate) fn run(program: &Program, label: &str) -> Result<u64, String> {
    let log = Log::new(label.to_owned());
    let mut conductor = Conductor::new(program.clone(), Arc::clone(&log));
    conductor.carry_out();
    let judged = conductor.finish().map(|()| log.digest());
    log.clear();
    judged
}

impl Conductor {
    fn new(program: Program, log: Arc<Log>) -> Self {
        let runtime = scene::runtime(&program, &log);
        let probe = runtime.trustee(0).entrust(());
        let world = scene::world(&runtime, &log, true);
        let program = Arc::new(program);
        let [zero, one, two, outsider] = world.actors();
        outsider.enter();
        let drivers = [zero, one, two].map(|actor| {
            let (commands, orders) = mpsc::channel();
            let (answers, replies) = mpsc::channel();
            let program = Arc::clone(&program);
            let worker = actor.index;
            drop(runtime.spawn_on(worker, move || Driver::new(actor, program, orders, answers)));
            Some(Line { commands, replies })
        });
        let (runtime, shutdown) = (Some(runtime), None);
        let mut this = Self {
            program,
            world,
            log,
            drivers,
            outsider,
            probe,
            runtime,
            shutdown,
        };
        for worker in 0..WORKERS {
            this.wait(worker);
        }
        this
    }

    fn carry_out(&mut self) {
        let program = Arc::clone(&self.program);
        for (index, step) in program.steps.iter().enumerate() {
            if program.shutdown_at == Some(index) {
                reached(Situation::ShutdownMidway);
                self.begin_shutdown();
            }
            self.step(step.actor, index);
            if let Some((worker, turns)) = step.turns {
                self.command(worker, Command::Turns(turns));
            }
            if !self.log.is_faultless() {
                return;
            }
        }
    }

    /// One operation; if the actor waits then, all workers make turns until it has what it wants.
    fn step(&mut self, actor: usize, index: usize) {
        let mut waits = if actor == OUTSIDER {
            self.outsider.execute(&self.program.steps[index].op);
            !self.outsider.resume(None)
        } else {
            self.command(actor, Command::Step(index))
                .is_some_and(|reply| reply.waits)
        };
        for _ in 0..ROUNDS {
            if !waits {
                return;
            }
            self.round();
            waits = if actor == OUTSIDER {
                !self.outsider.resume(None)
            } else {
                self.command(actor, Command::Resume)
                    .is_some_and(|reply| reply.waits)
            };
        }
        // Once the workers go on by themselves, an outsider may be ahead of them.
        if waits && !self.log.has_begun() {
            self.log.fault(format_args!("step {index} waits for ever"));
        }
    }

    fn finish(mut self) -> Result<(), String> {
        let mut judged = Ok(());
        if self.program.farewell != Farewell::Abrupt && self.shutdown.is_none() {
            judged = self.fall_quiet();
        }
        if self.shutdown.is_none() {
            self.begin_shutdown();
        }
        for line in self.drivers.iter().flatten() {
            // One that is not there any more needs no release.
            drop(line.commands.send(Command::Release));
        }
        let shutdown = self.shutdown.take().expect("begun above");
        shutdown.wait(&self.log, &self.program);
        self.outsider.outlive();
        self.world.empty();
        judged.and_then(|()| scene::judge_at_the_end(&self.log))
    }

    /// Lets all go of everything, and waits until nothing moves any more.
    fn fall_quiet(&mut self) -> Result<(), String> {
        for worker in 0..WORKERS {
            self.command(worker, Command::Empty(self.program.farewell));
        }
        self.outsider.empty(self.program.farewell);
        self.world.empty();
        let (mut judged, mut idle_rounds) = (Ok(()), 0);
        for round in 0..ROUNDS {
            self.round();
            idle_rounds = if self.log.in_flight() > 0 {
                0
            } else {
                idle_rounds + 1
            };
            if round % ROUNDS_PER_LOOK == 0 {
                judged = judge(&self.log, Phase::Quiet);
                if judged.is_ok() {
                    break;
                }
            }
            if idle_rounds > IDLE_ROUNDS || !self.log.is_faultless() {
                break;
            }
        }
        judged
    }

    fn round(&mut self) {
        for worker in 0..WORKERS {
            self.command(worker, Command::Turns(1));
        }
    }

    /// Tells a driver what to do and waits until it has done so; `None` if it is gone.
    fn command(&mut self, worker: usize, command: Command) -> Option<Reply> {
        let line = self.drivers[worker].as_ref()?;
        // If nobody takes it, nobody replies.
        drop(line.commands.send(command));
        self.wait(worker)
    }

    fn wait(&mut self, worker: usize) -> Option<Reply> {
        let line = self.drivers[worker].as_ref()?;
        match line.replies.recv_timeout(PATIENCE) {
            Ok(reply) => return Some(reply),
            Err(RecvTimeoutError::Timeout) => {
                scene::hang(&format!("worker {worker}"), &self.log, &self.program)
            }
            Err(RecvTimeoutError::Disconnected) => self.drivers[worker] = None,
        }
        if !self.log.has_begun() {
            self.log
                .fault(format_args!("the driver of worker {worker} has gone"));
        }
        None
    }

    /// From here on the runtime refuses what comes from outside; its workers do not know yet.
    fn begin_shutdown(&mut self) {
        let runtime = self.runtime.take().expect("begun once");
        self.shutdown = Some(Shutdown::begin(runtime, &self.log));
        let is_open = || !matches!(self.probe.try_apply(|()| ()).now_or_never(), Some(Err(_)));
        while is_open() {
            std::thread::yield_now();
        }
    }
}

/// So many turns of each worker are enough for all requests that a program has left,
const ROUNDS: u32 = 2000;
/// and so many for what follows the last of them.
const IDLE_ROUNDS: u32 = 64;
const ROUNDS_PER_LOOK: u32 = 4;
