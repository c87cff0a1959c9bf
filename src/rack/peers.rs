//! The nodes beside this one, and what is done about them wherever something has happened.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::contain::contain;
use crate::rack::ending::Ending;
use crate::rack::failpoints::{reach, reach_when_sent};
use crate::rack::join::{Cause, Connections, Door, Identity, Membership, Party, Watch};
use crate::rack::loss::{LossHook, NodeLoss};
use crate::rack::memory::Memory;
use crate::rack::peer::{Inbound, Next, Peer};
use crate::rack::rdma::Registered;
use crate::rack::references::{Actions, References};
use crate::rack::refs::{Action, Event, Moment, Node};
use crate::shared::{Message, Shared};
use crate::sync::{AtomicBool, Ordering};
use crate::worker::Worker;

/// The nodes beside this one.
pub(crate) struct Peers {
    me: Node,
    /// By node; this node's own place is there, and never used.
    peers: Box<[Peer]>,
    references: References,
    door: Door,
    hook: LossHook,
    memory: Option<Memory>,
    /// Whether the nodes of this host have more workers than this one may use cores.
    is_crowded: bool,
    /// For how long nothing may be heard of a node.
    silence_max: Duration,
    /// Who watches for deaths, while the workers run.
    watch: Mutex<Option<Arc<Watch>>>,
    /// The rack ends: what is lost from now on was to go.
    is_ending: AtomicBool,
    /// The hook has heard the last: that this node is to end.
    has_told_final: AtomicBool,
    ending: Ending,
}

impl Peers {
    pub(crate) fn new(
        identity: &Identity,
        membership: &Membership,
        connections: &Connections,
        local_workers: u32,
        hook: LossHook,
        (memory, rdma): (Option<Memory>, Option<Registered>),
        silence_max: Duration,
    ) -> Self {
        let nodes: Vec<_> = membership
            .members
            .iter()
            .map(|member| Node {
                number: member.node,
                incarnation: member.incarnation,
            })
            .collect();
        let me = nodes[identity.node as usize];
        let peer = |member: &crate::rack::join::Member| {
            let party = nodes[member.node as usize];
            let memory = memory.as_ref();
            let shm = memory.and_then(|memory| memory.with(identity.node, membership, member));
            let rdma = rdma.as_ref().and_then(|rdma| rdma.with(member.node));
            let inbound = shm.map(Inbound::Shm).or(rdma.map(Inbound::Rdma));
            Peer::new(
                party,
                member.address,
                member.workers,
                local_workers,
                inbound,
            )
        };
        let peers = membership.members.iter().map(peer).collect();
        Self {
            me,
            peers,
            references: References::new(me, nodes.iter().copied()),
            door: connections.door.clone(),
            hook,
            memory,
            is_crowded: is_crowded(identity.node, membership),
            silence_max,
            watch: Mutex::new(None),
            is_ending: AtomicBool::new(false),
            has_told_final: AtomicBool::new(false),
            ending: Ending::default(),
        }
    }

    pub(crate) fn get(&self, node: u32) -> &Peer {
        &self.peers[node as usize]
    }

    pub(crate) fn count(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn references(&self) -> &References {
        &self.references
    }

    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    /// Whether the nodes of this host have more workers than there are cores.
    pub(crate) fn is_crowded(&self) -> bool {
        self.is_crowded
    }

    /// What others of this host write for this node.
    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// For how long nothing may be heard of a node.
    pub(crate) fn silence_max(&self) -> Duration {
        self.silence_max
    }

    pub(crate) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Deaths are watched for from now on.
    pub(crate) fn set_watch(&self, watch: Watch) {
        *self.lock_watch() = Some(Arc::new(watch));
    }

    /// A process of the rack that still counts.
    pub(crate) fn is_alive(&self, party: Party) -> bool {
        let peer = self.peers.get(party.node as usize);
        let is_known = |peer: &Peer| peer.party.incarnation == party.incarnation && peer.is_live();
        let counts = || self.watch().is_some_and(|watch| watch.is_alive(party));
        peer.is_some_and(is_known) && counts()
    }

    /// A connection with it has broken, or it has sent nonsense: node 0 decides.
    pub(crate) fn suspect(&self, node: u32, cause: Cause) {
        // Relaxed: only whether anything is said at all hangs on it.
        if self.is_ending() {
            return;
        }
        let incarnation = self.get(node).party.incarnation;
        if let Some(watch) = self.watch() {
            watch.suspect(Party { node, incarnation }, cause);
        }
    }

    /// Node 0 has said that the rack ends, in good order.
    pub(crate) fn set_ended(&self, status: i32) {
        self.set_ending();
        self.ending.set_status(status);
    }

    /// This node is to end, as the rack goes on without it, or not at all.
    pub(crate) fn end_by(&self, shared: &Arc<Shared>, loss: &NodeLoss) {
        self.set_ending();
        self.tell(loss);
        // If it lets the process go on: nobody hears this node any more, and nobody else will say
        // so. What waits for another node has waited for the last time.
        for peer in &self.peers {
            if peer.party.number != self.me.number {
                self.let_go(shared, peer);
            }
        }
        // Whoever serves need not wait any more.
        self.ending.set_cut_off();
        self.ending.set_alone();
    }

    /// Ends the rack, as node 0, and waits until the others have gone; or, as another, says that
    /// this one goes, if the rack has ended.
    pub(crate) fn leave(&self, status: i32) {
        let Some(watch) = self.watch() else {
            return;
        };
        if self.me.number == 0 {
            self.set_ending();
            watch.end(status);
            self.ending.wait_until_alone(LEAVE_TIME);
        } else if self.is_ending() {
            watch.leave();
        }
    }

    /// The workers have ended: nobody is watched any more, nothing is held.
    pub(crate) fn end(&self) {
        let watch = self.lock_watch().take();
        drop(watch);
        self.references.end();
    }

    fn set_ending(&self) {
        // Relaxed: as in `suspect`.
        self.is_ending.store(true, Ordering::Relaxed);
    }

    fn is_ending(&self) -> bool {
        // Relaxed: as in `suspect`.
        self.is_ending.load(Ordering::Relaxed)
    }

    fn watch(&self) -> Option<Arc<Watch>> {
        self.lock_watch().clone()
    }

    fn lock_watch(&self) -> MutexGuard<'_, Option<Arc<Watch>>> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node is dead; all survivors hear of it.
    pub(crate) fn lose(&self, shared: &Arc<Shared>, loss: &NodeLoss) {
        // It may have been let go already, by what another node has said. **Invariant:** each death
        // is told of once, as it is of the verdict alone, which comes once.
        // The default ends the process, unless the rack is to survive.
        self.tell(loss);
        self.let_go(shared, self.get(loss.node as u32));
    }

    /// Nothing is expected of a node any more.
    fn let_go(&self, shared: &Arc<Shared>, peer: &Peer) {
        let party = peer.party;
        shared.rack().arrivals().lose(party.number as usize);
        self.carry_out(shared, self.references.handle(Event::Died(party)));
        // References that have ended ask for nothing.
        self.step(shared, party.number, peer.lose());
    }

    /// Tells the hook of a loss, unless it has been told that this node is to end. It is foreign
    /// code, and whoever calls this has to go on.
    fn tell(&self, loss: &NodeLoss) {
        // Relaxed: nothing else is read by whoever sees it.
        let has_told_final = match loss.is_final() {
            true => self.has_told_final.swap(true, Ordering::Relaxed),
            false => self.has_told_final.load(Ordering::Relaxed),
        };
        if has_told_final {
            return;
        }
        // The panic has been printed; there is nobody else to be told.
        contain(|| (self.hook)(loss), |_| ());
    }

    /// Does what is next about a node that is being lost.
    pub(crate) fn step(&self, shared: &Arc<Shared>, node: u32, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Drain => {
                for worker in shared.workers() {
                    let drain = move |worker: &Worker| worker.rack_drain(node);
                    // A worker that has ended has let the node go.
                    drop(worker.send(Message::Settle(Box::new(drain))));
                }
            }
            Next::Drained => {
                let event = Event::Drained(self.get(node).party);
                self.carry_out(shared, self.references.handle(event));
            }
        }
    }

    /// Does what the references ask for. Runs no code of users: a trust that goes sends word to
    /// its trustee.
    pub(crate) fn carry_out(&self, shared: &Arc<Shared>, actions: Actions) {
        for action in actions {
            let step = action.step();
            reach(Moment::Before.of(step));
            match action {
                Action::Send { to, control } => {
                    let send = move |worker: &Worker| {
                        worker.rack_control(to.number, &control);
                        reach_when_sent(Moment::After.of(step));
                    };
                    // On the worker that has the links for it; if it has ended, so has the rack.
                    on_worker(shared, 0, send);
                    continue; // it is carried out there
                }
                Action::Deliver { envelope, handles } => {
                    let Some(worker) = self.references.take_waiting(envelope) else {
                        continue; // whoever has waited for it has gone
                    };
                    let deliver = move |worker: &Worker| worker.rack_deliver(envelope, handles);
                    on_worker(shared, worker, deliver);
                    continue; // it is carried out there
                }
                Action::Free { key, property } => {
                    // Its worker remembers it, and is the last to have it.
                    let worker = property.worker();
                    let forget = move |worker: &Worker| {
                        worker.rack_forget(key.place);
                        drop(property);
                    };
                    on_worker(shared, worker, forget);
                }
                // The links to its node are dead, or will be: calls end there.
                Action::Lost(_) => {}
                Action::Drain(node) => {
                    // All hear of deaths from node 0; this one has been heard of otherwise.
                    self.step(shared, node.number, self.get(node.number).lose());
                }
                Action::Reject { node, .. } => self.suspect(node.number, Cause::Damaged),
                Action::End => self.end_by(shared, &NodeLoss::fenced(self.me.number)),
            }
            reach(Moment::After.of(step));
        }
    }
}

/// Whether the nodes of this one's host have more workers than it may use cores. A worker may be
/// pinned to one, so that this is not to be asked by one.
fn is_crowded(me: u32, membership: &Membership) -> bool {
    let members = &membership.members;
    let host = members[me as usize].host;
    let neighbours = members.iter().filter(|member| member.host == host);
    let workers: u32 = neighbours.map(|member| member.workers).sum();
    let cores = gossamer_executor::allowed_cores().map_or(1, |cores| cores.len());
    workers as usize > cores
}

/// Has a worker do something: later, so that nothing of whoever asks is borrowed.
fn on_worker(shared: &Shared, worker: u32, f: impl FnOnce(&Worker) + Send + 'static) {
    drop(shared.workers()[worker as usize].send(Message::Settle(Box::new(f))));
}

/// How long node 0 waits for the others at the end.
const LEAVE_TIME: Duration = Duration::from_secs(10);

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers")
            .field("me", &self.me)
            .field("nodes", &self.count())
            .finish_non_exhaustive()
    }
}
