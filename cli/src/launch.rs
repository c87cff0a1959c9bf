//! `gossamer run`: from the options to the exit status.

use std::env;
use std::io::{self, IsTerminal};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use signal_hook::iterator::Signals;

use crate::environment::Environment;
use crate::node;
use crate::options::Run;
use crate::output::{Printer, Stream};
use crate::policy::{End, Order, Policy};
use crate::program::{self, ProgramError};
use crate::rack::{self, Rack};
use crate::signals;

/// Why there is no rack.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("GOSSAMER_GRACE={value}: must be a number of seconds from 0 to 86400")]
    Grace { value: String },
    #[error("{doing}: {source}")]
    System {
        doing: &'static str,
        source: io::Error,
    },
    #[error("node {node} cannot be started: {source}; ask for fewer nodes, or raise the limit")]
    Node { node: u32, source: io::Error },
}

enum Event {
    Ended(u32, End),
    Signal(Signal),
    /// A stream of a node has been printed to its end.
    Printed,
}

/// Starts the nodes, and returns the exit status when all have ended.
pub(crate) fn run(run: &Run) -> Result<u8, LaunchError> {
    let grace = grace()?;
    let (name, _) = run.program.split_first().expect("a program is required");
    let found = program::find(name)?;
    let environment =
        Environment::new(run).map_err(system("no rendezvous can be reserved on 127.0.0.1"))?;
    let (sender, events) = channel();
    // Before there are nodes, so that no signal finds this process without them.
    forward_signals(&sender)?;
    let nodes = run.nodes.expect("it is a rack on this host");
    let names = (0..nodes).map(|node| format!("node {node}")).collect();
    let mut launch = Launch {
        rack: Rack::new().map_err(system("the guard cannot be started"))?,
        policy: Policy::new(names, run.on_node_loss, grace),
        printer: Arc::default(),
        streams: 0,
        sender,
        events,
    };
    for node in 0..nodes {
        let mut command = node::command(&run.program, &found, launch.rack.guard());
        environment.apply(node, &mut command);
        command
            .stdin(input(node))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Err(source) = launch.start(node, &mut command) {
            launch.rack.clear();
            return Err(LaunchError::Node { node, source });
        }
    }
    Ok(launch.attend(grace))
}

struct Launch {
    rack: Rack,
    policy: Policy,
    printer: Arc<Printer>,
    /// How many of them are still printed.
    streams: usize,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

impl Launch {
    fn start(&mut self, node: u32, command: &mut std::process::Command) -> io::Result<()> {
        let child = self.rack.start(command)?;
        let process = Pid::from_child(child);
        let Child {
            stdin,
            stdout,
            stderr,
            ..
        } = child;
        let (stdin, stdout, stderr) = (stdin.take(), stdout.take(), stderr.take());
        if let Some(pipe) = stdin {
            // It ends with this process.
            thread::Builder::new().spawn(move || feed(pipe))?;
        }
        self.print(node, stdout, Stream::Output)?;
        self.print(node, stderr, Stream::Error)?;
        let sender = self.sender.clone();
        thread::Builder::new().spawn(move || {
            let end = rack::wait(process).unwrap_or(End::Status(u8::MAX));
            let _ = sender.send(Event::Ended(node, end)); // or nobody cares any more
        })?;
        Ok(())
    }

    fn print<R: io::Read + Send + 'static>(
        &mut self,
        node: u32,
        from: Option<R>,
        to: Stream,
    ) -> io::Result<()> {
        let Some(from) = from else { return Ok(()) };
        let (printer, sender) = (self.printer.clone(), self.sender.clone());
        thread::Builder::new().spawn(move || {
            // If nobody reads what this process says, the node finds that nobody reads it either.
            let _ = printer.copy(node, from, to);
            let _ = sender.send(Event::Printed);
        })?;
        self.streams += 1;
        Ok(())
    }

    /// Until all have ended.
    fn attend(mut self, grace: Duration) -> u8 {
        while !self.policy.is_over() {
            let order = match self.next(self.policy.poll_timeout()) {
                Some(Event::Ended(node, end)) => {
                    self.rack.handle_end(node);
                    let (order, note) = self.policy.handle_end(Instant::now(), node, end);
                    if let Some(note) = note {
                        eprintln!("gossamer: {note}");
                    }
                    order
                }
                Some(Event::Signal(signal)) => {
                    self.rack.signal(signal);
                    self.policy.handle_signal(Instant::now(), signal.as_raw());
                    None
                }
                Some(Event::Printed) => {
                    self.streams -= 1;
                    None
                }
                None => self.policy.handle_timeout(Instant::now()),
            };
            match order {
                Some(Order::Terminate) => self.rack.signal(Signal::TERM),
                Some(Order::Kill) => self.rack.signal(Signal::KILL),
                None => {}
            }
        }
        self.rack.clear();
        self.print_rest(grace);
        self.policy.status()
    }

    /// Prints what is left, however slowly it is read; but a process that has left its group and
    /// keeps a stream open is not waited for.
    fn print_rest(&mut self, grace: Duration) {
        let mut seen = 0;
        while self.streams > 0 {
            match self.next(Some(Instant::now() + grace.max(GRACE_OF_STREAMS))) {
                Some(Event::Printed) => self.streams -= 1,
                Some(_) => {}
                None if self.printer.is_busy(&mut seen) => {}
                None => return,
            }
        }
    }

    /// The next event, unless the deadline comes first.
    fn next(&self, deadline: Option<Instant>) -> Option<Event> {
        // There is always a sender: this has one.
        let Some(deadline) = deadline else {
            return self.events.recv().ok();
        };
        let left = deadline.saturating_duration_since(Instant::now());
        self.events.recv_timeout(left).ok()
    }
}

fn forward_signals(sender: &Sender<Event>) -> Result<(), LaunchError> {
    let doing = "signals cannot be passed on";
    let mut signals = Signals::new(signals::forwarded()).map_err(system(doing))?;
    let sender = sender.clone();
    let forward = move || {
        for signal in signals.forever().filter_map(Signal::from_named_raw) {
            let _ = sender.send(Event::Signal(signal)); // or nobody is left to get it
        }
    };
    thread::Builder::new()
        .spawn(forward)
        .map_err(system(doing))?;
    Ok(())
}

/// What a node reads. A terminal is read by the launcher, as only its group may.
fn input(node: u32) -> Stdio {
    match node {
        0 if io::stdin().is_terminal() => Stdio::piped(),
        0 => Stdio::inherit(),
        _ => Stdio::null(),
    }
}

fn feed(mut node: ChildStdin) {
    // Whoever does not read any more need not be fed.
    let _ = io::copy(&mut io::stdin().lock(), &mut node);
}

pub(crate) fn grace() -> Result<Duration, LaunchError> {
    let Some(value) = env::var_os("GOSSAMER_GRACE") else {
        return Ok(GRACE_DEFAULT);
    };
    let value = value.to_string_lossy().into_owned();
    let seconds = value.trim().parse::<f64>().ok();
    let seconds = seconds.filter(|seconds| (0.0..=86_400.0).contains(seconds));
    let grace = seconds.map(Duration::from_secs_f64);
    grace.ok_or(LaunchError::Grace { value })
}

fn system(doing: &'static str) -> impl FnOnce(io::Error) -> LaunchError {
    move |source| LaunchError::System { doing, source }
}

impl LaunchError {
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Program(error) => error.status(),
            Self::Grace { .. } => 2,
            Self::System { .. } | Self::Node { .. } => STATUS_LAUNCHER,
        }
    }
}

/// The launcher itself failed, as commands have it that start others.
const STATUS_LAUNCHER: u8 = 125;

/// How long nothing may come from a stream whose node has ended.
const GRACE_OF_STREAMS: Duration = Duration::from_secs(1);

const GRACE_DEFAULT: Duration = Duration::from_secs(5);
