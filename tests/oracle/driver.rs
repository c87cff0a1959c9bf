//! The driver: a worker's actor in the hands of the conductor.
//!
//! A task that blocks its worker until it is told what to do. Nothing of the worker moves
//! meanwhile: it makes a turn when it is told to, and no other. So a program runs the same way
//! every time, batch by batch.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::task::{Context, Poll};

use crate::actor::Actor;
use crate::program::{Farewell, Program};

pub(crate) struct Driver {
    actor: Actor,
    program: Arc<Program>,
    commands: Receiver<Command>,
    turns_left: u32,
    // Last, so that the conductor sees the end of it after all it had was dropped.
    replies: Sender<Reply>,
}

pub(crate) enum Command {
    /// Carry out this step.
    Step(usize),
    /// Poll what the actor waits for.
    Resume,
    /// Let the worker make so many turns.
    Turns(u32),
    /// Let go of everything.
    Empty(Farewell),
    /// Let the worker go, until it drops this with all its tasks.
    Release,
}

pub(crate) struct Reply {
    /// The actor waits for something.
    pub(crate) waits: bool,
}

impl Driver {
    pub(crate) fn new(
        actor: Actor,
        program: Arc<Program>,
        commands: Receiver<Command>,
        replies: Sender<Reply>,
    ) -> Self {
        actor.enter();
        Self {
            actor,
            program,
            commands,
            // From its first poll on it keeps its worker: so that is when it first replies.
            turns_left: 1,
            replies,
        }
    }

    fn reply(&self, waits: bool) {
        // If the conductor has gone, so it has from the next command.
        drop(self.replies.send(Reply { waits }));
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.turns_left > 0 {
            self.turns_left -= 1;
            if self.turns_left > 0 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.actor.look_at_backlog();
            self.reply(false);
        }
        while let Ok(command) = self.commands.recv() {
            let mut waits = false;
            match command {
                Command::Step(index) => {
                    let program = Arc::clone(&self.program);
                    self.actor.execute(&program.steps[index].op);
                    waits = !self.actor.resume(None);
                }
                Command::Resume => waits = !self.actor.resume(None),
                Command::Turns(turns) => {
                    self.turns_left = turns;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Command::Empty(farewell) => self.actor.empty(farewell),
                Command::Release => return Poll::Pending,
            }
            self.reply(waits);
        }
        Poll::Ready(())
    }
}
