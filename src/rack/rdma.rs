//! RDMA as a fabric of the rack: which nodes use it, the connections, and how workers sleep.
//!
//! A node that may use RDMA says so when it joins; so each two nodes know, without asking, whether
//! they both do. A worker then opens a connection as for any fabric, by which both ends say what
//! they have made for each other ([`Card`]). What it writes from then on goes by RDMA; the
//! connection stays, and its end is the death of whoever has written.
//!
//! Who is written to has an *inlet* for each such connection, polled once a turn by the worker that
//! attends it. Before that worker sleeps, its inlets are armed and looked at once more, so that what
//! comes makes a descriptor readable; so are the channels by which it writes, for what fails.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::{AsyncReadExt, AsyncWriteExt};
use gossamer_executor::io::{Interest, Watch};
use gossamer_executor::time::sleep;
use gossamer_transport::rack::rdma::{
    Adapter, Card, Channel, GEOMETRY, Inlet, Memory, Opening, RdmaError, SIGNAL_EVERY, Settings,
};
use gossamer_transport::rack::{Layout, Place, Port, Refusal};
use slab::Slab;

use crate::net::TcpStream;
use crate::rack::inlet::open_on;
use crate::rack::connect::OpenError;
use crate::rack::join::{self, Cause, FabricChoice, Membership};
use crate::rack::memory::FabricError;
use crate::rack::peer::ports_workers;
use crate::rack::route::Fabric;
use crate::rack::side::{RackSide, peers};
use crate::shared::Shared;
use crate::worker::Worker;

/// The memory of this node that others write by RDMA.
#[derive(Debug)]
pub(crate) struct Registered {
    /// By node: what RDMA has to do with it.
    peers: Box<[Option<RdmaPeer>]>,
}

/// What RDMA has to do with one node.
#[derive(Clone, Debug)]
pub(crate) struct RdmaPeer {
    memory: Memory,
    /// Which writer its first worker is here, and ours there.
    first_writer: u16,
    our_first_writer: u16,
    theirs: Layout,
    /// Which mirror of the memory is that of our first worker.
    first_mirror: usize,
}

/// What a worker writes through to one node.
#[derive(Debug)]
pub(crate) struct Outlet {
    channel: Channel,
    is_told: bool,
    /// Dropped, it ends the task that waits for failures.
    _ends: oneshot::Sender<()>,
}

/// The connections that a worker attends.
#[derive(Debug, Default)]
pub(crate) struct Inlets {
    attended: RefCell<Slab<Attended>>,
    /// Whether there is a connection either way.
    is_used: Cell<bool>,
    turns: Cell<u32>,
}

#[derive(Debug)]
struct Attended {
    node: u32,
    inlet: Inlet,
    is_told: bool,
}

/// Whether this node, of this address, may use RDMA.
pub(crate) fn is_usable(choice: FabricChoice, address: IpAddr) -> bool {
    match choice {
        FabricChoice::Auto | FabricChoice::Rdma => open(address).is_ok(),
        FabricChoice::Shm | FabricChoice::Tcp => false,
    }
}

fn open(address: IpAddr) -> Result<Adapter, FabricError> {
    let settings = Settings::from_env().map_err(unusable)?;
    Adapter::open(&settings, address).map_err(unusable)
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> FabricError {
    let source = Box::new(error);
    FabricError::Rdma { source }
}

/// Whether two nodes reach each other by RDMA.
fn is_between(membership: &Membership, choice: FabricChoice, one: u32, other: u32) -> bool {
    let has = |node: u32| membership.members[node as usize].has_rdma;
    let both = one != other && has(one) && has(other);
    match choice {
        FabricChoice::Auto => both && !membership.can_share_memory(one, other),
        FabricChoice::Rdma => both,
        FabricChoice::Shm | FabricChoice::Tcp => false,
    }
}

impl Registered {
    /// The memory of node `me`, if it reaches any by RDMA.
    pub(crate) fn of(
        me: u32,
        membership: &Membership,
        choice: FabricChoice,
    ) -> Result<Option<Self>, FabricError> {
        let members = &membership.members;
        let address = members[me as usize].address.ip();
        let uses = |owner, node| is_between(membership, choice, owner, node);
        if choice == FabricChoice::Rdma
            && let Some(without) = members.iter().find(|member| !member.has_rdma)
        {
            let node = without.node as usize;
            open(address)?; // which says why, if it is this one
            return Err(FabricError::NoRdma { node });
        }
        if choice == FabricChoice::Auto {
            tell_of_fallback(me, membership);
        }
        if !members.iter().any(|member| uses(me, member.node)) {
            return Ok(None);
        }
        let adapter = open(address)?;
        // By owner, which of its writers is the first of a node.
        let first_writer = |owner: u32, node: u32| -> Result<u16, FabricError> {
            let before = members[..node as usize].iter();
            let before = before.filter(|member| uses(owner, member.node));
            let writers: u32 = before.map(|member| member.workers).sum();
            u16::try_from(writers).map_err(|_| FabricError::TooManyWorkers)
        };
        let layout = |owner: u32| -> Result<Layout, FabricError> {
            let writers = members.iter().filter(|member| uses(owner, member.node));
            let writers: u32 = writers.map(|member| member.workers).sum();
            Ok(Layout {
                writers: u16::try_from(writers).map_err(|_| FabricError::TooManyWorkers)?,
                workers: ports_workers(members[owner as usize].workers),
                geometry: GEOMETRY,
            })
        };
        let local_workers = members[me as usize].workers as usize;
        let others = members.iter().filter(|member| uses(me, member.node));
        let mirrors = others
            .flat_map(|member| std::iter::repeat_n(ports_workers(member.workers), local_workers));
        let memory = Memory::register(&adapter, layout(me)?, mirrors).map_err(unusable)?;
        let mut first_mirror = 0;
        let peers = members.iter().map(|member| {
            let node = member.node;
            if !uses(me, node) {
                return Ok(None);
            }
            first_mirror += local_workers;
            Ok(Some(RdmaPeer {
                memory: memory.clone(),
                first_writer: first_writer(me, node)?,
                our_first_writer: first_writer(node, me)?,
                theirs: layout(node)?,
                first_mirror: first_mirror - local_workers,
            }))
        });
        let peers = peers.collect::<Result<_, _>>()?;
        Ok(Some(Self { peers }))
    }

    /// What it has to do with a node, if that is reached by it.
    pub(crate) fn with(&self, node: u32) -> Option<RdmaPeer> {
        self.peers[node as usize].clone()
    }
}

/// Says once why a node of another host is reached by TCP.
fn tell_of_fallback(me: u32, membership: &Membership) {
    let members = &membership.members;
    let mut far = members
        .iter()
        .filter(|member| !membership.can_share_memory(me, member.node));
    let ours = &members[me as usize];
    if far.clone().next().is_some() && !ours.has_rdma {
        let error = open(ours.address.ip()).err();
        let reason = error.map_or_else(String::new, |error| with_causes(&error));
        eprintln!("gossamer: node {me} reaches other hosts by TCP: {reason}");
    } else if let Some(without) = far.find(|member| !member.has_rdma) {
        let node = without.node;
        eprintln!("gossamer: node {node} has no RDMA device, and is reached by TCP");
    }
}

impl RdmaPeer {
    /// What its worker `writer` writes for our worker `local`.
    pub(crate) fn port(&self, writer: u32, local: u16) -> Port {
        let writer = self.first_writer + writer as u16;
        self.memory.ports().port(writer, local)
    }

    /// Opens the channel of our worker `worker`, by a connection to the node's worker that attends
    /// it.
    pub(super) async fn connect(
        &self,
        node: u32,
        worker: u32,
        patience: Duration,
        mut stream: &TcpStream,
    ) -> Result<(), OpenError> {
        let refused = |error: RdmaError| {
            tell(node, &error);
            OpenError::Refused
        };
        let mirror = self.first_mirror + worker as usize;
        let opening = Opening::new(&self.memory, mirror, SIGNAL_EVERY).map_err(refused)?;
        stream.write_all(&opening.card().to_bytes()).await?;
        let mut card = [0; Card::BYTES];
        // However long it takes: who has asked and goes away is taken for dead.
        stream.read_exact(&mut card).await?;
        let card = Card::from_bytes(&card).map_err(refused)?;
        let writer = self.our_first_writer + worker as u16;
        let channel = opening.connect(&card, self.theirs, writer, patience);
        let channel = channel.map_err(refused)?;
        let descriptor = channel.as_fd().try_clone_to_owned();
        let descriptor = descriptor.map_err(OpenError::Resources)?;
        let (ends, ended) = oneshot::channel();
        let outlet = Outlet {
            channel,
            is_told: false,
            _ends: ends,
        };
        with_side(|_, side| {
            let mut route = side.route(node).borrow_mut();
            if !route.is_dead {
                route.fabric = Fabric::Rdma(outlet);
                route.is_dirty = true;
            }
            side.rdma.begin();
            side.set_dirty();
        });
        drop(gossamer_executor::spawn(async move {
            let events = events(descriptor, || {
                with_side(|_, side| match &mut side.route(node).borrow_mut().fabric {
                    Fabric::Rdma(outlet) => outlet.channel.take_events(),
                    _ => false,
                })
            });
            select(pin!(events), ended).await;
        }));
        Ok(())
    }

    /// Lets a worker of the node write to us until its connection ends, or the node is lost.
    pub(super) async fn attend(
        &self,
        shared: &Arc<Shared>,
        mut stream: TcpStream,
        channel: join::Channel,
        cut: oneshot::Receiver<()>,
    ) -> Option<Cause> {
        let node = channel.from.node;
        let mut card = [0; Card::BYTES];
        if stream.read_exact(&mut card).await.is_err() {
            return None; // it was not in time for the writer, who comes again
        }
        let writer = self.first_writer + channel.worker as u16;
        let accepted =
            Card::from_bytes(&card).and_then(|card| Inlet::accept(&self.memory, &card, writer));
        let (inlet, card) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => return Some(tell(node, &error)),
        };
        let descriptor = inlet.as_fd().try_clone_to_owned().ok()?;
        // Before it can write, all look where it will.
        for worker in 0..=shared.workers().len() {
            open_on(shared, worker, node, channel.worker);
        }
        let attended = Attended {
            node,
            inlet,
            is_told: false,
        };
        let at = with_side(|_, side| {
            side.rdma.begin();
            side.rdma.attended.borrow_mut().insert(attended)
        })?;
        let events = events(descriptor, || {
            with_side(|_, side| side.rdma.attended.borrow()[at].inlet.take_events())
        });
        let mut end = pin!(async {
            if stream.write_all(&card.to_bytes()).await.is_err() {
                return Some(Cause::Closed);
            }
            // It writes nothing more: what can be read is the end.
            match stream.read(&mut [0]).await {
                Ok(1..) => Some(Cause::Damaged),
                Ok(0) | Err(_) => Some(Cause::Closed),
            }
        });
        let ended = select(&mut end, cut);
        let cause = match select(pin!(events), ended).await {
            Either::Right((Either::Left((cause, _)), _)) => cause,
            Either::Right((Either::Right(_), _)) => None,
            Either::Left(_) => Some(Cause::RdmaFailed),
        };
        with_side(|worker, side| side.end_inlet(worker, at));
        cause
    }
}

impl Outlet {
    /// How many WRITEs there were.
    pub(super) fn writes(&self) -> u64 {
        self.channel.signals().writes
    }

    /// What has failed, once.
    fn take_failure(&mut self) -> Option<&RdmaError> {
        let failure = self.channel.failure()?;
        (!std::mem::replace(&mut self.is_told, true)).then_some(failure)
    }
}

impl gossamer_transport::rack::Channel for Outlet {
    #[inline]
    fn push(&mut self, place: Place, used: &[u8], seal: u64) -> Result<(), Refusal> {
        self.channel.push(place, used, seal)
    }

    #[inline]
    fn flush(&mut self) -> Result<(), Refusal> {
        self.channel.flush()
    }
}

impl RackSide {
    /// Takes what has come, once a turn; now and then looks for what has failed.
    #[inline(always)]
    pub(super) fn poll_rdma(&self, worker: &Worker) -> bool {
        self.rdma.is_used.get() && self.poll_connections(worker)
    }

    fn poll_connections(&self, worker: &Worker) -> bool {
        let mut progressed = false;
        for (_, attended) in &mut *self.rdma.attended.borrow_mut() {
            progressed |= attended.poll(worker);
        }
        let turns = self.rdma.turns.get().wrapping_add(1);
        self.rdma.turns.set(turns);
        if turns.is_multiple_of(TURNS_PER_LOOK) {
            self.look_at_outlets(worker, |channel| channel.poll());
        }
        progressed
    }

    /// Asked when the worker is about to sleep: from now on what comes wakes it, and what fails.
    #[inline(always)]
    pub(super) fn sees_rdma(&self, worker: &Worker) -> bool {
        self.rdma.is_used.get() && self.arm_connections(worker)
    }

    fn arm_connections(&self, worker: &Worker) -> bool {
        self.look_at_outlets(worker, Channel::settle);
        let mut progressed = false;
        for (_, attended) in &mut *self.rdma.attended.borrow_mut() {
            // What cannot be armed has failed, as the poll finds.
            let _ = attended.inlet.arm();
            progressed |= attended.poll(worker);
        }
        progressed
    }

    fn look_at_outlets(&self, worker: &Worker, look: impl Fn(&mut Channel) -> Result<(), Refusal>) {
        for node in 0..self.routes.len() as u32 {
            if let Fabric::Rdma(outlet) = &mut self.route(node).borrow_mut().fabric
                && look(&mut outlet.channel).is_err()
                && let Some(error) = outlet.take_failure()
            {
                lose(worker, node, error);
            }
        }
    }

    /// The connection has ended: what has come until now counts.
    fn end_inlet(&self, worker: &Worker, at: usize) {
        let mut attended = self.rdma.attended.borrow_mut().remove(at);
        // What is wrong with it now is that it ends.
        attended.is_told = true;
        while attended.poll(worker) {}
    }
}

impl Inlets {
    /// There is a connection from now on: what a device, or its driver, has forgotten to tell of is
    /// looked for now and then, which costs next to nothing.
    fn begin(&self) {
        if self.is_used.replace(true) {
            return;
        }
        drop(gossamer_executor::spawn(async {
            let mut lives = true;
            while lives {
                sleep(LOOK_PAUSE).await;
                lives = with_side(|worker, side| side.poll_connections(worker)).is_some();
            }
        }));
    }
}

impl Attended {
    /// Takes what has come, and wakes whom it is for; returns whether there was anything.
    fn poll(&mut self, worker: &Worker) -> bool {
        if self.is_told && self.inlet.failure().is_some() {
            return false;
        }
        let polled = self.inlet.poll();
        let taken = *polled.as_ref().unwrap_or(&0);
        if let Err(error) = polled
            && !std::mem::replace(&mut self.is_told, true)
        {
            lose(worker, self.node, error);
        }
        if taken == 0 {
            return false;
        }
        let workers = worker.shared().workers();
        for touched in self.inlet.take_touched() {
            let touched = match usize::from(touched) {
                touched if touched < workers.len() => touched,
                _ => 0, // for control
            };
            if touched != worker.index() as usize {
                workers[touched].notify();
            }
        }
        true
    }
}

/// A connection with a node has failed.
#[cold]
fn lose(worker: &Worker, node: u32, error: &RdmaError) {
    let cause = tell(node, error);
    peers(worker).suspect(node, cause);
}

/// Says what has failed, as nobody but an operator can do something about it.
#[cold]
fn tell(node: u32, error: &RdmaError) -> Cause {
    eprintln!("gossamer: RDMA with node {node}: {}", with_causes(error));
    match error {
        RdmaError::Failed { status, .. } if status.is_unanswered() => Cause::RdmaUnanswered,
        RdmaError::Failed { status, .. } if status.is_refused() => Cause::RdmaRefused,
        RdmaError::Wire(_) => Cause::Damaged,
        RdmaError::DeviceGone => Cause::RdmaDeviceGone,
        _ => Cause::RdmaFailed,
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Takes what makes a descriptor readable, again and again; the turn in which it is woken does the
/// rest. Ends if the descriptor cannot be watched.
async fn events(descriptor: OwnedFd, take: impl Fn() -> Option<bool>) {
    let watch = Watch::new(descriptor);
    let take = |_: &OwnedFd| match take() {
        Some(true) => Ok(()),
        Some(false) | None => Err(io::Error::from(io::ErrorKind::WouldBlock)),
    };
    while watch.io(Interest::Read, take).await.is_ok() {}
}

/// Gives `f` this thread's side of the rack.
fn with_side<R>(f: impl FnOnce(&Worker, &RackSide) -> R) -> Option<R> {
    Worker::with(|worker| {
        let worker = worker?;
        Some(f(worker, worker.rack()?))
    })
}

/// How long what a device has forgotten to tell of may wait.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// So often failures are looked for while nothing is sent.
const TURNS_PER_LOOK: u32 = 64;
