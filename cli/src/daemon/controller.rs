//! A program from its start to its end, on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Daemon;
use super::lease::Lease;
use super::plan;
use super::programs::Running;
use super::refusal::Refusal;
use crate::control::connection::{ReceiveError, Receiver, Sender};
use crate::control::message::{Chunk, FromNode, FromProgram, Program, Reply, ToNode, ToProgram};
use crate::policy::{End, Loss, Order, Policy};

/// What happens to a program.
#[derive(Debug)]
pub(crate) enum Event {
    Node(u32, FromNode),
    NodeLost(u32, Loss),
    /// One of the two streams of a node has ended.
    Printed(u32),
    /// Nothing more comes of either.
    AllPrinted(u32),
    Launcher(ToProgram),
    LauncherLost,
    Signal(i32),
    /// It is to end.
    End,
}

/// Runs a program for whoever has asked for it, on this thread, until all is over.
pub(crate) fn run(daemon: &Arc<Daemon>, program: Program, sender: Sender, receiver: Receiver) {
    let sender = Arc::new(sender);
    let refuse = |refusal| drop(sender.send(&Reply::Refused(refusal)));
    let placed = match plan::place(daemon, &program) {
        Ok(placed) => placed,
        Err(refusal) => return refuse(refusal),
    };
    let (events, heard) = channel();
    let name = &daemon.card.name;
    let command = plan::command_line(&program.arguments);
    let begun = daemon.programs.begin(name, command, placed, events.clone());
    let running = match begun {
        Ok(running) => running,
        Err(refusal) => return refuse(refusal),
    };
    let leases = match plan::open_leases(daemon, &program, &running) {
        Ok(leases) => leases,
        Err(refusal) => {
            daemon.programs.withdraw(&running);
            return refuse(refusal);
        }
    };
    let reply = Reply::Placed {
        program: running.id.clone(),
        nodes: running.nodes.clone(),
    };
    daemon.remember(&running.id);
    if sender.send(&reply).is_err() {
        daemon.programs.withdraw(&running);
        return;
    }
    let labels = running
        .nodes
        .iter()
        .map(|node| format!("node {} on {}", node.node, node.host));
    let grace = Duration::from_millis(program.grace_millis);
    let mut control = Control {
        daemon,
        policy: Policy::new(labels.collect(), program.on_node_loss, grace),
        ended: vec![false; running.nodes.len()],
        streams: vec![0; running.nodes.len()],
        to_nodes: Vec::new(),
        early: Vec::new(),
        is_to_end: false,
        running: running.clone(),
        leases: Vec::new(),
        launcher: program.is_attached.then(|| sender.clone()),
        note: None,
        heard,
    };
    let is_heard = listen_to_launcher(daemon, &events, receiver, program.is_attached);
    let go = is_heard.map_err(|error| control.not_started(0, &error));
    if let Err(refusal) = go.and_then(|()| control.await_go()) {
        daemon.programs.withdraw(&running);
        let _ = sender.send(&FromProgram::Refused(refusal)); // or it has gone
        return;
    }
    let outcome = control.start(leases, &events);
    if !program.is_attached {
        let told = match &outcome {
            Ok(()) => FromProgram::Started,
            Err(refusal) => FromProgram::Refused(refusal.clone()),
        };
        let _ = sender.send(&told); // it runs, heard or not
        sender.finish();
    }
    control.attend(outcome.err());
}

struct Control<'a> {
    daemon: &'a Arc<Daemon>,
    running: Arc<Running>,
    policy: Policy,
    /// By node.
    ended: Vec<bool>,
    leases: Vec<Arc<Sender>>,
    /// By node, how many of its streams are still copied.
    streams: Vec<u8>,
    /// By node, the connection of its streams.
    to_nodes: Vec<Arc<Sender>>,
    /// Signals that came before there were nodes.
    early: Vec<i32>,
    /// Whoever has asked for the end does not wait for those who do not read.
    is_to_end: bool,
    /// Who is told, if it wants to be.
    launcher: Option<Arc<Sender>>,
    /// Why the program has ended.
    note: Option<String>,
    heard: mpsc::Receiver<Event>,
}

impl Control<'_> {
    /// Whether the launcher is ready for what the nodes say.
    fn await_go(&mut self) -> Result<(), Refusal> {
        if self.launcher.is_none() {
            return Ok(());
        }
        let id = self.running.id.clone();
        let deadline = Instant::now() + self.daemon.settings.silence;
        loop {
            match self.next(deadline) {
                Some(Event::Launcher(ToProgram::Go)) => return Ok(()),
                Some(Event::End) => return Err(Refusal::HasEnded { id }),
                Some(Event::LauncherLost) | None => return Err(Refusal::NotReady { id }),
                Some(Event::Launcher(ToProgram::Signal(signal)) | Event::Signal(signal)) => {
                    self.early.push(signal);
                }
                Some(_) => {}
            }
        }
    }

    fn start(&mut self, leases: Vec<Lease>, events: &mpsc::Sender<Event>) -> Result<(), Refusal> {
        let rendezvous = leases.iter().find_map(|lease| lease.rendezvous);
        let Some(rendezvous) = rendezvous else {
            let host = self.running.nodes[0].host.clone();
            return Err(Refusal::Unexpected { host });
        };
        self.leases = leases.iter().map(|lease| lease.sender.clone()).collect();
        self.running.set_leases(self.leases.clone());
        let mut input = None;
        for lease in leases {
            let Lease {
                node,
                sender,
                receiver,
                streams: (to_node, said),
                ..
            } = lease;
            if node == 0 {
                input = Some(to_node.clone());
            }
            self.to_nodes.push(to_node);
            self.streams[node as usize] = 2;
            spawn_listener(events, node, receiver)
                .and_then(|()| spawn_copier(events, &self.running, node, said))
                .map_err(|error| self.not_started(node, &error))?;
            // If it is not heard, that shows at the other end of this connection.
            let _ = sender.send(&ToNode::Start { rendezvous });
        }
        if let (Some(input), Some(launcher)) = (input, &self.launcher) {
            self.running.set_input(input);
            let _ = launcher.send(&FromProgram::Started); // as above
        }
        Ok(())
    }

    /// There is no thread for a node.
    fn not_started(&self, node: u32, error: &io::Error) -> Refusal {
        Refusal::NotStarted {
            node,
            host: self.daemon.card.name.clone(),
            cause: error.to_string(),
        }
    }

    /// Until all is over.
    fn attend(mut self, refused: Option<Refusal>) {
        let interval = self.daemon.settings.interval();
        let mut ping = Instant::now();
        if let Some(refusal) = refused {
            self.tell(refusal.to_string());
            (0..self.ended.len() as u32).for_each(|node| self.handle_end(node, End::Status(125)));
        }
        for signal in std::mem::take(&mut self.early) {
            self.handle(Event::Signal(signal));
        }
        while !self.policy.is_over() {
            let now = Instant::now();
            if now >= ping {
                self.send(ToNode::Ping);
                ping = now + interval;
            }
            let deadline = self
                .policy
                .poll_timeout()
                .map_or(ping, |timeout| timeout.min(ping));
            match self.next(deadline) {
                Some(event) => self.handle(event),
                None => {
                    let order = self.policy.handle_timeout(Instant::now());
                    self.carry_out(order);
                }
            }
        }
        self.print_rest();
        self.send(ToNode::Finish);
        let status = self.policy.status();
        self.running.end(status, self.note.take());
        if let Some(launcher) = &self.launcher {
            let _ = launcher.send(&FromProgram::Ended { status }); // if it is still there
            launcher.finish();
        }
        match self.running.is_blocked() {
            true => self.running.close_launcher(),
            false => self.running.finish_launcher(),
        }
        self.to_nodes.iter().for_each(|to_node| to_node.close());
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Node(node, said) => self.handle_node(node, said),
            Event::NodeLost(node, loss) => self.handle_end(node, End::Lost(loss)),
            Event::Printed(node) => {
                let streams = &mut self.streams[node as usize];
                *streams = streams.saturating_sub(1);
            }
            Event::AllPrinted(node) => self.streams[node as usize] = 0,
            Event::Launcher(ToProgram::Ping) => {
                if let Some(launcher) = &self.launcher {
                    let _ = launcher.send(&FromProgram::Pong); // it hears that it is not heard
                }
            }
            Event::Launcher(ToProgram::Signal(signal)) | Event::Signal(signal) => {
                self.send(ToNode::Signal(signal));
                self.policy.handle_signal(Instant::now(), signal);
            }
            Event::Launcher(ToProgram::Go) => {}
            Event::LauncherLost => {
                self.running.close_launcher();
                if self.launcher.take().is_some() {
                    self.tell("its launcher has gone: all nodes are ended".to_owned());
                    let order = self.policy.handle_order(Instant::now());
                    self.carry_out(order);
                }
            }
            Event::End => {
                self.is_to_end = true;
                let order = self.policy.handle_order(Instant::now());
                self.carry_out(order);
            }
        }
    }

    fn handle_node(&mut self, node: u32, said: FromNode) {
        match said {
            FromNode::Ended(end) => self.handle_end(node, end),
            FromNode::Lost { node, cause } => self.policy.handle_testimony(node, cause),
            FromNode::Stats(stats) => self.running.handle_stats(stats),
            FromNode::Refused(refusal) => {
                self.tell(refusal.to_string());
                self.handle_end(node, End::Status(125));
            }
            FromNode::Pong | FromNode::Started { .. } | FromNode::Finished => {}
        }
    }

    fn handle_end(&mut self, node: u32, end: End) {
        let place = node as usize;
        if std::mem::replace(&mut self.ended[place], true) {
            return;
        }
        if matches!(end, End::Lost(_)) {
            // Also its streams are: what has come of them is still read.
            self.leases[place].close();
            self.to_nodes[place].close();
        }
        let (order, note) = self.policy.handle_end(Instant::now(), node, end);
        if let Some(note) = note {
            self.tell(note);
        }
        self.carry_out(order);
    }

    fn carry_out(&self, order: Option<Order>) {
        match order {
            Some(Order::Terminate) => {
                self.send(ToNode::Signal(rustix::process::Signal::TERM.as_raw()))
            }
            Some(Order::Kill) => self.send(ToNode::Signal(rustix::process::Signal::KILL.as_raw())),
            None => {}
        }
    }

    fn send(&self, order: ToNode) {
        for lease in &self.leases {
            // If it is not heard, that shows at the other end.
            let _ = lease.send(&order);
        }
    }

    /// Says something to the user, and keeps it for those who ask later.
    fn tell(&mut self, note: String) {
        self.daemon
            .log(&format!("program {}: {note}", self.running.id));
        if let Some(launcher) = &self.launcher {
            let _ = launcher.send(&FromProgram::Note(note.clone())); // it hears nothing any more
        }
        self.note.get_or_insert(note);
    }

    /// Takes what is left of the streams, however slowly it is read; but a process that has left
    /// its group and keeps a stream open is not waited for.
    fn print_rest(&mut self) {
        let mut seen = self.running.log.place();
        let silence = self.daemon.settings.silence;
        let mut deadline = Instant::now() + silence;
        let mut ping = Instant::now();
        while self.streams.iter().any(|streams| *streams > 0) {
            let now = Instant::now();
            if now >= ping {
                self.send(ToNode::Ping);
                ping = now + self.daemon.settings.interval();
            }
            if now >= deadline {
                let place = self.running.log.place();
                let is_awaited = self.running.is_blocked() && !self.is_to_end;
                if std::mem::replace(&mut seen, place) == place && !is_awaited {
                    return;
                }
                deadline = now + silence;
            }
            match self.next(deadline.min(ping)) {
                // Nobody is waited for any more that does not read.
                Some(Event::LauncherLost) => {
                    self.running.close_launcher();
                    self.launcher = None;
                }
                Some(Event::End) => self.running.close_launcher(),
                Some(event) => self.handle(event),
                None => {}
            }
        }
    }

    fn next(&self, deadline: Instant) -> Option<Event> {
        let left = deadline.saturating_duration_since(Instant::now());
        // There is always a sender: the program's entry has one.
        self.heard.recv_timeout(left).ok()
    }
}

/// Hears what a launcher says, until it has gone.
fn listen_to_launcher(
    daemon: &Daemon,
    events: &mpsc::Sender<Event>,
    mut receiver: Receiver,
    is_attached: bool,
) -> io::Result<()> {
    if !is_attached {
        return Ok(());
    }
    let silence = daemon.settings.silence;
    let events = events.clone();
    let listen = move || {
        // Else it is heard until its connection ends.
        let _ = receiver.set_silence_max(Some(silence));
        while let Ok(said) = receiver.receive() {
            let _ = events.send(Event::Launcher(said)); // or the program has ended
        }
        let _ = events.send(Event::LauncherLost);
    };
    spawn(listen)
}

fn spawn_listener(
    events: &mpsc::Sender<Event>,
    node: u32,
    mut receiver: Receiver,
) -> io::Result<()> {
    let events = events.clone();
    spawn(move || {
        let error = loop {
            match receiver.receive() {
                Ok(said) => drop(events.send(Event::Node(node, said))), // as above
                Err(error) => break error,
            }
        };
        let loss = match error {
            ReceiveError::Silent => Loss::Silent,
            _ => Loss::Closed,
        };
        let _ = events.send(Event::NodeLost(node, loss));
    })
}

/// Copies what a node says into the log, and to the launcher.
fn spawn_copier(
    events: &mpsc::Sender<Event>,
    running: &Arc<Running>,
    node: u32,
    mut receiver: Receiver,
) -> io::Result<()> {
    let (events, running) = (events.clone(), running.clone());
    spawn(move || {
        while let Ok(chunk) = receiver.receive::<Chunk>() {
            let is_end = chunk.bytes.0.is_empty();
            running.pass_on(chunk);
            if is_end {
                let _ = events.send(Event::Printed(node)); // as above
            }
        }
        let _ = events.send(Event::AllPrinted(node)); // as above
    })
}

fn spawn(f: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().spawn(f).map(drop)
}
