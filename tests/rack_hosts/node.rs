//! The nodes, as the test sees them.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::judge::Testimony;
use crate::network::{Host, Network, PORT};
use crate::process::command;
use crate::report::{Ask, Report};
use crate::scene::SILENCE_SECONDS;

/// A process in the namespace of its host. It does not outlive the test.
pub(crate) struct Node {
    pub(crate) number: usize,
    child: Child,
    reports: Receiver<Report>,
    /// What it has said besides.
    talk: Option<JoinHandle<String>>,
    testimony: Testimony,
}

/// A rack with a node on each host of a network.
pub(crate) fn start(network: &Network, silence: Duration) -> Vec<Node> {
    let hosts: Vec<_> = (0..network.count()).collect();
    start_on(network, &hosts, silence)
}

/// A rack with a node on each of these hosts.
pub(crate) fn start_on(network: &Network, hosts: &[usize], silence: Duration) -> Vec<Node> {
    start_by(network, hosts, silence, |command| command)
}

/// A rack with a node on each of these hosts, which `prepare` has the last word on starting.
pub(crate) fn start_by(
    network: &Network,
    hosts: &[usize],
    silence: Duration,
    prepare: impl Fn(Command) -> Command,
) -> Vec<Node> {
    let rendezvous = network.host(hosts[0]).address;
    let nodes = hosts.len();
    let start = |(number, host): (usize, &usize)| {
        let is_first = hosts[..number].iter().all(|before| before != host);
        let host = network.host(*host);
        let set = [
            ("GOSSAMER_NODE", number.to_string()),
            ("GOSSAMER_NODES", nodes.to_string()),
            ("GOSSAMER_RENDEZVOUS", format!("{rendezvous}:{PORT}")),
            // Others of one host take any port.
            (
                "GOSSAMER_BIND",
                match is_first {
                    true => format!("{}:{PORT}", host.address),
                    false => host.address.to_string(),
                },
            ),
            ("GOSSAMER_KEY", "ba5e".repeat(16)),
            ("GOSSAMER_START_LIMIT", "600".to_owned()),
            ("GOSSAMER_ON_NODE_LOSS", "survive".to_owned()),
            (SILENCE_SECONDS, silence.as_secs().to_string()),
        ];
        Node::start(number, host, set, &prepare)
    };
    hosts.iter().enumerate().map(start).collect()
}

impl Node {
    fn start<const N: usize>(
        number: usize,
        host: &Host,
        set: [(&str, String); N],
        prepare: impl Fn(Command) -> Command,
    ) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = command(&program, "scene::body_of_a_node");
        command.envs(set);
        let mut command = prepare(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped());
        let child = host.namespace.within(|| command.spawn());
        let mut child = child.expect("a process starts");
        let said = child.stdout.take().expect("piped");
        let mut complained = child.stderr.take().expect("piped");
        let (sender, reports) = channel();
        let talk = spawn(move || {
            let mut talk = String::new();
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                match Report::of(&line) {
                    // A test that has failed does not care.
                    Some(report) => drop(sender.send(report)),
                    None => talk += &(line + "\n"),
                }
            }
            talk
        });
        let talk = spawn(move || {
            let mut errors = String::new();
            let read = complained.read_to_string(&mut errors);
            let said = talk.join().expect("no panic");
            format!(
                "{said}{errors}{}",
                read.map_or_else(|error| error.to_string(), |_| String::new())
            )
        });
        Self {
            number,
            child,
            reports,
            talk: Some(talk),
            testimony: Testimony::default(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to end its calls, if it has not ended.
    pub(crate) fn stop(&mut self) {
        let _ = self.ask(Ask::Stop);
    }

    fn ask(&mut self, ask: Ask) -> io::Result<()> {
        let stdin = self.child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{ask}")
    }

    /// How many values each of its callers has got at least, by node that they call.
    pub(crate) fn count(&mut self) -> BTreeMap<usize, usize> {
        if let Err(error) = self.ask(Ask::Count) {
            self.fail(&format!("it hears nothing: {error}"));
        }
        loop {
            if let Some(count) = self.next() {
                return count;
            }
        }
    }

    /// Waits until it is told that a node is lost.
    pub(crate) fn await_loss_of(&mut self, node: usize) {
        while !self.testimony.lost.contains(&node) {
            let _old = self.next();
        }
    }

    /// Whom it was told to have lost, as far as it was asked for something since.
    pub(crate) fn lost(&self) -> &[usize] {
        &self.testimony.lost
    }

    /// Waits until its callers have got so many more values from each of these nodes.
    pub(crate) fn await_values(&mut self, from: &[usize], more: usize) {
        let began = Instant::now();
        let before = self.count();
        loop {
            let now = self.count();
            let is_enough = |node: &usize| match (before.get(node), now.get(node)) {
                (before, Some(now)) => *now >= before.copied().unwrap_or(0) + more,
                (_, None) => false,
            };
            if from.iter().all(is_enough) {
                return;
            }
            if began.elapsed() > LIMIT {
                self.fail(&format!("its calls stand still: {before:?}, {now:?}"));
            }
            sleep(PAUSE);
        }
    }

    /// Waits for its end; what it has said of all its calls.
    pub(crate) fn end(mut self) -> Testimony {
        while !self.testimony.is_complete {
            let _old = self.next();
        }
        let ended = self.child.wait().expect("it is ours");
        if !ended.success() {
            self.fail(&format!("it ended with {ended}"));
        }
        std::mem::take(&mut self.testimony)
    }

    /// Takes what it says next, which is kept; returns counts.
    fn next(&mut self) -> Option<BTreeMap<usize, usize>> {
        let report = match self.reports.recv_timeout(LIMIT) {
            Ok(report) => report,
            Err(RecvTimeoutError::Timeout) => self.fail("it says nothing any more"),
            Err(RecvTimeoutError::Disconnected) => self.fail("it has ended"),
        };
        match report {
            Report::Lost(node) => self.testimony.lost.push(node),
            Report::Count(count) => return Some(count),
            Report::Told(at, told) => drop(self.testimony.told.insert(at, told)),
            Report::Effects(caller, effects) => {
                drop(self.testimony.effects.insert(caller, effects));
            }
            Report::End => self.testimony.is_complete = true,
        }
        None
    }

    fn fail(&mut self, what: &str) -> ! {
        let _ = self.child.kill(); // it may have ended by itself
        let talk = self.talk.take().map(JoinHandle::join);
        let talk = talk.and_then(Result::ok).unwrap_or_default();
        panic!("node {}: {what}; {:?}\n{talk}", self.number, self.testimony);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// For what must come, however busy the machine is.
pub(crate) const LIMIT: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(20);
