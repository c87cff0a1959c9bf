//! The nodes of programs that run on this host, each for as long as the connection on which its
//! controller has asked for it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use socket2::{Domain, Socket, Type};

use super::Daemon;
use super::cache::Pinned;
use super::lease::ANSWER_TIME;
use super::link::Link;
use super::node_command;
use super::node_streams::Streams;
use super::refusal::Refusal;
use super::remains;
use crate::control::connection::{ReceiveError, Receiver, Sender};
use crate::control::message::{FromNode, NodePlan, NodeStats, Reply, ToNode};
use crate::rack;

/// The nodes by program and number, and the connections that their streams are to go through.
#[derive(Debug, Default)]
pub(crate) struct Agent(Mutex<BTreeMap<NodeId, Option<(Sender, Receiver)>>>);

type NodeId = (String, u32);

/// A node whose controller is connected.
struct Node<'a> {
    daemon: &'a Daemon,
    plan: NodePlan,
    executable: Pinned,
    /// Kept for node 0: nobody else gets it.
    rendezvous: Option<Socket>,
    sender: Arc<Sender>,
    link: Arc<Link>,
    process: Option<Process>,
}

struct Process {
    child: Child,
    streams: Streams,
}

impl Agent {
    pub(crate) fn count(&self) -> u32 {
        self.lock().len() as u32
    }

    /// A connection for the streams of a node that is to start; it is told whether there is one.
    pub(crate) fn attach(&self, node: NodeId, streams: (Sender, Receiver)) {
        let mut nodes = self.lock();
        let place = nodes.get_mut(&node);
        let reply = match place {
            Some(_) => Reply::Done,
            None => {
                let (id, node) = node;
                Reply::Refused(Refusal::NoNode { id, node, nodes: 0 })
            }
        };
        // Before anybody can have it start, and short.
        if streams.0.send(&reply).is_ok()
            && let Some(place) = place
        {
            *place = Some(streams);
        }
    }

    fn begin(&self, node: &NodeId) -> bool {
        let mut nodes = self.lock();
        if nodes.len() >= NODES_MAX || nodes.contains_key(node) {
            return false;
        }
        nodes.insert(node.clone(), None);
        true
    }

    fn take_streams(&self, node: &NodeId) -> Option<(Sender, Receiver)> {
        self.lock().get_mut(node)?.take()
    }

    fn end(&self, node: &NodeId) {
        self.lock().remove(node);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Option<(Sender, Receiver)>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves a controller that wants a node, until nothing is left of that.
pub(crate) fn serve(daemon: &Daemon, plan: NodePlan, sender: Sender, mut receiver: Receiver) {
    let id = (plan.program.clone(), plan.node);
    let host = || daemon.card.name.clone();
    let refuse = |refusal: Refusal| drop(sender.send(&Reply::Refused(refusal)));
    if !is_sound(&plan) {
        return refuse(Refusal::Unexpected { host: host() });
    }
    let Some(executable) = daemon.cache.pin(plan.executable) else {
        return refuse(Refusal::NoExecutable { host: host() });
    };
    let silence = Duration::from_millis(plan.silence_millis);
    let reserved = match plan.node {
        0 => reserve(daemon.card.address.ip()).map(Some),
        _ => Ok(None),
    };
    let reserved = reserved.and_then(|reserved| {
        // Until it starts, its controller waits for other hosts and for the launcher.
        receiver.set_silence_max(Some(2 * silence + ANSWER_TIME))?;
        Ok(reserved)
    });
    let reserved = match reserved {
        Ok(reserved) => reserved,
        Err(error) => {
            return refuse(Refusal::NotStarted {
                node: plan.node,
                host: host(),
                cause: error.to_string(),
            });
        }
    };
    if !daemon.agent.begin(&id) {
        return refuse(Refusal::TooMany {
            host: host(),
            programs_max: NODES_MAX as u32,
        });
    }
    let (rendezvous, address) = reserved.unzip();
    if sender
        .send(&Reply::Ready {
            rendezvous: address,
        })
        .is_ok()
    {
        let mut node = Node {
            daemon,
            plan,
            executable,
            rendezvous,
            sender: Arc::new(sender),
            link: Arc::default(),
            process: None,
        };
        node.attend(&mut receiver, silence);
        node.end();
    }
    daemon.agent.end(&id);
}

/// What a controller of the same version never says otherwise.
fn is_sound(plan: &NodePlan) -> bool {
    let has_place = plan
        .nodes
        .get(plan.node as usize)
        .is_some_and(|own| own.node == plan.node);
    has_place && !plan.arguments.is_empty() && (1..=86_400_000).contains(&plan.silence_millis)
}

impl Node<'_> {
    /// Does what the controller says, until it has enough or is not heard any more.
    fn attend(&mut self, receiver: &mut Receiver, silence: Duration) {
        loop {
            let said = match receiver.receive() {
                Ok(said) => said,
                Err(error) => {
                    self.log_loss(&error);
                    return;
                }
            };
            let answer = match said {
                ToNode::Ping => Some(FromNode::Pong),
                ToNode::Start { rendezvous } => {
                    // From now on it is heard. Else its connection's end counts.
                    let _ = receiver.set_silence_max(Some(silence));
                    match self.start(rendezvous) {
                        Ok(process) => Some(FromNode::Started { process }),
                        Err(refusal) => Some(FromNode::Refused(refusal)),
                    }
                }
                ToNode::Signal(signal) => {
                    self.signal(signal);
                    None
                }
                ToNode::Stats => Some(FromNode::Stats(self.stats(silence))),
                ToNode::Finish => return,
            };
            // Whether it is heard shows with the next that is received.
            if let Some(answer) = answer {
                let _ = self.sender.send(&answer);
            }
        }
    }

    fn start(&mut self, rendezvous: SocketAddr) -> Result<u32, Refusal> {
        let id = (self.plan.program.clone(), self.plan.node);
        let not_started = |cause: String| Refusal::NotStarted {
            node: self.plan.node,
            host: self.daemon.card.name.clone(),
            cause,
        };
        let streams = self.daemon.agent.take_streams(&id);
        let Some((sender, receiver)) = streams.filter(|_| self.process.is_none()) else {
            return Err(not_started("its streams lead nowhere".to_owned()));
        };
        let command = node_command::command(
            self.daemon,
            &self.plan,
            self.executable.path(),
            rendezvous,
            &self.link,
        );
        let spawned = command.and_then(|command| self.daemon.spawner.spawn(command));
        let mut child = spawned.map_err(|error| not_started(error.to_string()))?;
        let process = Pid::from_child(&child);
        let streams = Streams::start(self.plan.node, &mut child, sender, receiver);
        let streams = streams.and_then(|streams| {
            let (sender, link) = (self.sender.clone(), self.link.clone());
            std::thread::Builder::new().spawn(move || {
                let end = rack::wait(process);
                if let Some((node, cause)) = link.lost() {
                    let _ = sender.send(&FromNode::Lost { node, cause }); // as below
                }
                if let Ok(end) = end {
                    let _ = sender.send(&FromNode::Ended(end)); // or nobody cares any more
                }
            })?;
            Ok(streams)
        });
        match streams {
            Ok(streams) => {
                self.process = Some(Process { child, streams });
                Ok(process.as_raw_nonzero().get().unsigned_abs())
            }
            Err(error) => {
                let _ = kill_process_group(process, Signal::KILL); // it may have ended
                let _ = child.wait();
                Err(not_started(error.to_string()))
            }
        }
    }

    /// To the node and what it has started.
    fn signal(&self, signal: i32) {
        if let (Some(process), Some(signal)) = (&self.process, Signal::from_named_raw(signal)) {
            // It may just have ended; until it is waited for, its number stands for nothing else.
            let _ = kill_process_group(Pid::from_child(&process.child), signal);
        }
    }

    fn stats(&self, silence: Duration) -> NodeStats {
        let process = self
            .process
            .as_ref()
            .map_or(0, |process| process.child.id());
        let usage = super::machine::usage(process);
        let (resident_bytes, processor_seconds) = usage.unwrap_or_default();
        NodeStats {
            node: self.plan.node,
            host: self.daemon.card.name.clone(),
            process,
            resident_bytes,
            processor_seconds,
            workers: self.link.ask(STATS_TIME.min(silence / 4)),
        }
    }

    fn log_loss(&self, error: &ReceiveError) {
        let (program, node) = (&self.plan.program, self.plan.node);
        let what = format!("node {node} of program {program} is ended, as its controller is lost");
        self.daemon.log(&format!("{what}: {error}"));
    }

    /// Ends all that is left of the node.
    fn end(&mut self) {
        self.daemon.links.forget(&self.link);
        if let Some(mut process) = self.process.take() {
            let group = Pid::from_child(&process.child);
            // Most have left nothing behind.
            let _ = kill_process_group(group, Signal::KILL);
            let _ = process.child.wait();
            // Only now: until it has ended it may still make itself known.
            self.daemon.guard().forget(group);
            let program = format!("GOSSAMER_PROGRAM={}", self.plan.program);
            let [mark, _] = self.daemon.marks();
            remains::end(&[mark, program]);
            process.streams.end();
        }
        self.rendezvous = None;
        let _ = self.sender.send(&FromNode::Finished); // if anybody still wants to know
    }
}

/// A port of the system's choice that nobody else gets: this socket is bound to it and never
/// listens, and node 0, which is told so, shares it.
fn reserve(ip: IpAddr) -> std::io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address((ip, 0).into()), Type::STREAM, None)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::new(ip, 0).into())?;
    let address = socket.local_addr()?.as_socket();
    let address = address.ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    Ok((socket, address))
}

/// How many nodes a host takes.
const NODES_MAX: usize = 256;

const STATS_TIME: Duration = Duration::from_secs(1);
