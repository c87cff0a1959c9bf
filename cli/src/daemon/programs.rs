//! The programs that this host controls, and those that it did lately.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender as Events;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::controller::Event;
use super::log::Log;
use super::refusal::Refusal;
use crate::control::connection::Sender;
use crate::control::message::{Chunk, NodeStats, Placed, ProgramState, Reply, ToNode};

#[derive(Debug, Default)]
pub(crate) struct Programs(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// The number of the last.
    last: u64,
    programs: BTreeMap<u64, Arc<Running>>,
}

/// A program, as other threads than its own see it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) id: String,
    pub(crate) command: String,
    pub(crate) nodes: Vec<Placed>,
    pub(crate) began: Instant,
    pub(crate) log: Log,
    pub(crate) events: Events<Event>,
    /// Where what the nodes say goes besides, if anywhere.
    launcher: Mutex<Option<Arc<Sender>>>,
    /// How many threads wait until the launcher takes that.
    passing_on: AtomicUsize,
    /// Where what node 0 reads is to go.
    input: Mutex<Option<Arc<Sender>>>,
    outcome: Mutex<Option<(u8, Option<String>)>>,
    /// What nodes can be asked by.
    leases: Mutex<Vec<Arc<Sender>>>,
    stats: Mutex<BTreeMap<u32, (u64, NodeStats)>>,
    stats_came: Condvar,
}

impl Programs {
    /// A new one, if there is room; ids have the host's name, as any host may be asked for any.
    pub(crate) fn begin(
        &self,
        host: &str,
        command: String,
        nodes: Vec<Placed>,
        events: Events<Event>,
    ) -> Result<Arc<Running>, Refusal> {
        let mut table = self.lock();
        let live = table
            .programs
            .values()
            .filter(|program| program.outcome().is_none());
        if live.count() >= PROGRAMS_MAX {
            return Err(Refusal::TooMany {
                host: host.to_owned(),
                programs_max: PROGRAMS_MAX as u32,
            });
        }
        table.last += 1;
        let number = table.last;
        let program = Arc::new(Running {
            id: format!("{host}-{number}"),
            command,
            nodes,
            began: Instant::now(),
            log: Log::default(),
            events,
            launcher: Mutex::default(),
            passing_on: AtomicUsize::new(0),
            input: Mutex::default(),
            outcome: Mutex::default(),
            leases: Mutex::default(),
            stats: Mutex::default(),
            stats_came: Condvar::new(),
        });
        table.programs.insert(number, program.clone());
        table.forget();
        Ok(program)
    }

    /// It never began.
    pub(crate) fn withdraw(&self, program: &Arc<Running>) {
        self.lock()
            .programs
            .retain(|_, other| !Arc::ptr_eq(other, program));
    }

    /// Numbers begin where those of a predecessor have ended.
    pub(crate) fn set_last(&self, last: u64) {
        self.lock().last = last;
    }

    pub(crate) fn find(&self, host: &str, id: &str) -> Result<Arc<Running>, Refusal> {
        let table = self.lock();
        let found = table.programs.values().find(|program| program.id == id);
        found.cloned().ok_or_else(|| Refusal::NoProgram {
            id: id.to_owned(),
            host: host.to_owned(),
        })
    }

    pub(crate) fn states(&self) -> Vec<ProgramState> {
        self.lock()
            .programs
            .values()
            .map(|program| program.state())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        lock(&self.0)
    }
}

impl Table {
    /// Of those that have ended, the last few are kept.
    fn forget(&mut self) {
        let ended = self
            .programs
            .iter()
            .filter(|(_, program)| program.outcome().is_some());
        let ended: Vec<_> = ended.map(|(number, _)| *number).collect();
        for number in ended.iter().take(ended.len().saturating_sub(ENDED_MAX)) {
            self.programs.remove(number);
        }
    }
}

impl Running {
    pub(crate) fn state(&self) -> ProgramState {
        let outcome = self.outcome();
        ProgramState {
            id: self.id.clone(),
            command: self.command.clone(),
            nodes: self.nodes.clone(),
            age_seconds: self.began.elapsed().as_secs(),
            status: outcome.as_ref().map(|(status, _)| *status),
            note: outcome.and_then(|(_, note)| note),
        }
    }

    pub(crate) fn outcome(&self) -> Option<(u8, Option<String>)> {
        lock(&self.outcome).clone()
    }

    pub(crate) fn end(&self, status: u8, note: Option<String>) {
        *lock(&self.outcome) = Some((status, note));
        lock(&self.leases).clear();
        self.log.end();
        lock(&self.input).take();
    }

    /// A launcher is there, for what the nodes say, and told so before it hears any of that.
    pub(crate) fn attach(&self, sender: Sender) -> Result<(), Refusal> {
        let mut launcher = lock(&self.launcher);
        // The end of this stream comes behind that of the program.
        if self.outcome().is_some() {
            let refusal = Refusal::HasEnded {
                id: self.id.clone(),
            };
            let _ = sender.send(&Reply::Refused(refusal.clone())); // or nobody hears it
            return Err(refusal);
        }
        // The first on this connection, and short; if it has gone, it says so on the other.
        let _ = sender.send(&Reply::Done);
        *launcher = Some(Arc::new(sender));
        Ok(())
    }

    /// The launcher gets no more of what the nodes say than is on its way.
    pub(crate) fn finish_launcher(&self) {
        if let Some(launcher) = lock(&self.launcher).take() {
            launcher.finish();
        }
    }

    /// The launcher takes nothing any more: whoever passes something on goes on.
    pub(crate) fn close_launcher(&self) {
        if let Some(launcher) = lock(&self.launcher).take() {
            launcher.close();
        }
    }

    /// A node has said something.
    pub(crate) fn pass_on(&self, chunk: Chunk) {
        let launcher = lock(&self.launcher).clone();
        if let Some(launcher) = launcher {
            // SeqCst: it is only to be seen soon.
            self.passing_on.fetch_add(1, Ordering::SeqCst);
            let _ = launcher.send(&chunk); // or it has gone
            self.passing_on.fetch_sub(1, Ordering::SeqCst);
        }
        self.log.append(chunk);
    }

    /// The launcher has not taken yet what nodes have said.
    pub(crate) fn is_blocked(&self) -> bool {
        // SeqCst: as in `pass_on`.
        self.passing_on.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn set_input(&self, sender: Arc<Sender>) {
        *lock(&self.input) = Some(sender);
    }

    /// Something that node 0 is to read; nobody may.
    pub(crate) fn feed(&self, chunk: &Chunk) {
        let input = lock(&self.input).clone();
        if let Some(input) = input {
            let _ = input.send(chunk); // it has ended
        }
    }

    pub(crate) fn set_leases(&self, leases: Vec<Arc<Sender>>) {
        *lock(&self.leases) = leases;
    }

    pub(crate) fn handle_stats(&self, stats: NodeStats) {
        let mut all = lock(&self.stats);
        let times = all.get(&stats.node).map_or(0, |(times, _)| *times);
        all.insert(stats.node, (times + 1, stats));
        drop(all);
        self.stats_came.notify_all();
    }

    /// Asks all nodes; those that do not answer in time are left out.
    pub(crate) fn stats(&self) -> Vec<NodeStats> {
        let mut all = lock(&self.stats);
        let times = |all: &BTreeMap<u32, (u64, NodeStats)>, node| {
            all.get(&node).map_or(0, |(times, _)| *times)
        };
        let before: Vec<_> = self
            .nodes
            .iter()
            .map(|node| times(&all, node.node))
            .collect();
        for lease in &*lock(&self.leases) {
            let _ = lease.send(&ToNode::Stats); // then it does not answer
        }
        let deadline = Instant::now() + STATS_TIME;
        let has_come =
            |all: &BTreeMap<_, _>, place: usize| times(all, self.nodes[place].node) > before[place];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || (0..before.len()).all(|place| has_come(&all, place)) {
                break;
            }
            let waited = self.stats_came.wait_timeout(all, left);
            all = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let answered = (0..before.len()).filter(|place| has_come(&all, *place));
        let stats = answered.filter_map(|place| all.get(&self.nodes[place].node));
        stats.map(|(_, stats)| stats.clone()).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many programs one host controls at a time.
const PROGRAMS_MAX: usize = 64;

/// How many that have ended are remembered.
const ENDED_MAX: usize = 16;

const STATS_TIME: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::control::connection::tests::connected;
    use crate::control::message::Bytes;
    use crate::output::Stream;

    #[test]
    fn a_launcher_that_comes_hears_all_from_then_on_and_the_end() {
        let (events, _heard) = channel();
        let begun = Programs::default().begin("a", String::new(), Vec::new(), events);
        let running = begun.expect("there is room");
        let [(sender, _one), (_other, mut receiver)] = connected();
        running.attach(sender).expect("it runs");
        let chunk = Chunk {
            node: 0,
            stream: Stream::Output,
            bytes: Bytes(vec![1]),
        };
        running.pass_on(chunk.clone());
        running.end(0, None);
        running.finish_launcher();
        assert_eq!(receiver.receive::<Reply>().expect("it comes"), Reply::Done);
        assert_eq!(receiver.receive::<Chunk>().expect("it comes"), chunk);
        assert!(receiver.receive::<Chunk>().is_err(), "it has ended");
        // One that comes too late is told so, and does not wait for ever.
        let [(sender, _one), (_other, mut receiver)] = connected();
        assert!(running.attach(sender).is_err());
        let reply = receiver.receive::<Reply>().expect("it comes");
        assert!(matches!(reply, Reply::Refused(Refusal::HasEnded { .. })));
    }
}
