//! What is done for whoever has proved that it knows the key, on a thread for each connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::Daemon;
use super::agent;
use super::cache::CacheError;
use super::controller::{self, Event};
use super::log::Next;
use super::refusal::Refusal;
use super::roster::Learned;
use super::watch;
use crate::control::connection::{Receiver, Sender, end_of};
use crate::control::message::{Chunk, Hash, Reply, Request, Status};
use crate::output::Stream;

/// Answers one request after another, until a connection becomes something else or ends.
pub(crate) fn serve(daemon: &Arc<Daemon>, sender: Sender, mut receiver: Receiver) {
    if receiver.set_silence_max(Some(IDLE_TIME)).is_err() {
        return;
    }
    loop {
        let Ok(request) = receiver.receive() else {
            return; // whoever has asked has gone
        };
        let reply = match request {
            Request::Status(card) => match watch::meet(daemon, &card.name, card.address) {
                Learned::Taken(address) => Reply::Refused(Refusal::NameTaken {
                    name: card.name,
                    address: address.to_string(),
                }),
                Learned::Old | Learned::New => Reply::Status(Box::new(Status {
                    card: daemon.card.clone(),
                    facts: daemon.facts(),
                    known: daemon.roster().known(),
                })),
            },
            Request::Hosts => Reply::Hosts(daemon.hosts()),
            Request::Programs => Reply::Programs(daemon.programs.states()),
            Request::Has(hash) => Reply::Has(daemon.cache.has(hash)),
            Request::Store { hash, bytes } => {
                match store(daemon, hash, bytes, &sender, &mut receiver) {
                    Ok(()) => Reply::Done,
                    Err(refusal) => Reply::Refused(refusal),
                }
            }
            Request::Run(program) => return controller::run(daemon, program, sender, receiver),
            Request::Node(plan) => return agent::serve(daemon, *plan, sender, receiver),
            Request::Attach { program, node } => {
                return attach(daemon, program, node, sender, receiver);
            }
            Request::Kill { program, signal } => answer(kill(daemon, &program, signal)),
            Request::Stats { program } => match running(daemon, &program) {
                Ok(program) => Reply::Stats(program.stats()),
                Err(refusal) => Reply::Refused(refusal),
            },
            Request::Logs {
                program,
                node,
                follow,
            } => match daemon.programs.find(&daemon.card.name, &program) {
                Ok(_) => return logs(daemon, &program, node, follow, &sender, &receiver),
                Err(refusal) => Reply::Refused(refusal),
            },
        };
        if sender.send(&reply).is_err() {
            return;
        }
    }
}

fn answer(done: Result<(), Refusal>) -> Reply {
    match done {
        Ok(()) => Reply::Done,
        Err(refusal) => Reply::Refused(refusal),
    }
}

/// A program that has not ended.
fn running(daemon: &Daemon, id: &str) -> Result<Arc<super::programs::Running>, Refusal> {
    let program = daemon.programs.find(&daemon.card.name, id)?;
    match program.outcome() {
        None => Ok(program),
        Some(_) => Err(Refusal::HasEnded { id: id.to_owned() }),
    }
}

fn kill(daemon: &Daemon, id: &str, signal: Option<i32>) -> Result<(), Refusal> {
    let program = running(daemon, id)?;
    let event = match signal {
        None => Event::End,
        Some(signal) => match rustix::process::Signal::from_named_raw(signal) {
            Some(_) => Event::Signal(signal),
            None => return Err(Refusal::NoSignal { signal }),
        },
    };
    let _ = program.events.send(event); // it has just ended
    Ok(())
}

/// Takes an executable. Whatever is wrong, all that is sent is read, so that the answer is, too.
fn store(
    daemon: &Daemon,
    hash: Hash,
    bytes: u64,
    sender: &Sender,
    receiver: &mut Receiver,
) -> Result<(), Refusal> {
    let host = || daemon.card.name.clone();
    let refusal = |error: CacheError| match error {
        CacheError::TooLarge { bytes, bytes_max } => Refusal::TooLarge {
            host: host(),
            bytes,
            bytes_max,
        },
        CacheError::Other => Refusal::OtherExecutable { host: host() },
        error => Refusal::Cache {
            host: host(),
            path: daemon.cache.folder().display().to_string(),
            cause: error.to_string(),
        },
    };
    let mut coming = daemon.cache.expect(hash, bytes).map_err(refusal)?;
    let ready: io::Result<()> = sender.send(&Reply::Done);
    ready.map_err(|error| refusal(CacheError::Write(error)))?;
    let mut left = bytes;
    let mut failed = None;
    while left > 0 {
        let Ok(piece) = receiver.receive_bytes() else {
            return Err(refusal(CacheError::Source));
        };
        left = left.saturating_sub((piece.len() as u64).max(1));
        if failed.is_none() {
            failed = coming.take(piece).err();
        }
    }
    match failed {
        None => coming.finish().map_err(refusal),
        Some(error) => Err(refusal(error)),
    }
}

fn attach(
    daemon: &Daemon,
    program: String,
    node: Option<u32>,
    sender: Sender,
    mut receiver: Receiver,
) {
    if receiver.set_silence_max(None).is_err() {
        return;
    }
    if let Some(node) = node {
        daemon.agent.attach((program, node), (sender, receiver));
        return;
    }
    let program = match running(daemon, &program) {
        Ok(program) => program,
        Err(refusal) => {
            let _ = sender.send(&Reply::Refused(refusal)); // or nobody hears it
            return;
        }
    };
    if program.attach(sender).is_err() {
        return;
    }
    while let Ok(chunk) = receiver.receive::<Chunk>() {
        program.feed(&chunk);
    }
}

fn logs(
    daemon: &Daemon,
    id: &str,
    node: Option<u32>,
    follow: bool,
    sender: &Sender,
    receiver: &Receiver,
) {
    let Ok(program) = daemon.programs.find(&daemon.card.name, id) else {
        return;
    };
    let count = program.nodes.len() as u32;
    if let Some(node) = node.filter(|node| *node >= count) {
        let id = id.to_owned();
        let nodes = count;
        // As all else: if it is not heard, nobody is there.
        return drop(sender.send(&Reply::Refused(Refusal::NoNode { id, node, nodes })));
    }
    if sender.send(&Reply::Done).is_err() {
        return;
    }
    let mut place = 0;
    let limit = follow.then_some(LOOK_INTERVAL);
    loop {
        match program.log.next(place, limit) {
            Next::Chunk(chunk, next) => {
                place = next;
                let is_wanted = node.is_none_or(|node| chunk.node == node);
                if is_wanted && !chunk.bytes.0.is_empty() && sender.send(&chunk).is_err() {
                    return;
                }
            }
            Next::Nothing if receiver.has_gone() => return,
            Next::Nothing => {}
            Next::End => break,
        }
    }
    let _ = sender.send(&end_of(0, Stream::Output));
}

/// Whoever asks for nothing for so long has to come again. Daemons ask more often.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// How often it is looked whether whoever follows what is said has gone.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
