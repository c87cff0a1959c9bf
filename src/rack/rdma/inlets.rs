//! What a worker writes through and is written to by, driven once a turn.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures::channel::oneshot;
use gossamer_executor::time::sleep;
use gossamer_transport::rack::rdma::{Adapter, Channel, Inlet, RdmaError, Signals};
use gossamer_transport::rack::{Place, Refusal};
use slab::Slab;

use crate::metrics::RdmaMetrics;
use crate::rack::join::Cause;
use crate::rack::rdma::{with_causes, with_side};
use crate::rack::route::Fabric;
use crate::rack::side::{RackSide, peers};
use crate::stderr::say;
use crate::worker::Worker;

/// What a worker writes through to one node.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(super) channel: Channel,
    is_told: bool,
    /// What the metrics know.
    counted: Signals,
    /// Dropped, it ends the task that waits for failures.
    _ends: oneshot::Sender<()>,
}

/// The connections that a worker attends.
#[derive(Debug, Default)]
pub(crate) struct Inlets {
    pub(super) attended: RefCell<Slab<Attended>>,
    /// Whether there is a connection either way.
    is_used: Cell<bool>,
    turns: Cell<u32>,
}

#[derive(Debug)]
pub(super) struct Attended {
    node: u32,
    pub(super) inlet: Inlet,
    is_told: bool,
}

impl Outlet {
    pub(super) fn new(channel: Channel, ends: oneshot::Sender<()>) -> Self {
        Self {
            channel,
            is_told: false,
            counted: Signals::default(),
            _ends: ends,
        }
    }

    /// How many WRITEs there were.
    pub(crate) fn writes(&self) -> u64 {
        self.channel.signals().writes
    }

    /// Adds what has happened since the last time.
    fn count(&mut self, metrics: &mut RdmaMetrics) {
        let now = self.channel.signals();
        let before = std::mem::replace(&mut self.counted, now);
        metrics.queue_pairs += 1;
        metrics.writes += now.writes - before.writes;
        metrics.signals_every += now.every - before.every;
        metrics.signals_full += now.full - before.full;
        metrics.signals_idle += now.idle - before.idle;
        metrics.completions += now.completed - before.completed;
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
    pub(crate) fn poll_rdma(&self, worker: &Worker) -> bool {
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
    pub(crate) fn sees_rdma(&self, worker: &Worker) -> bool {
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
        let mut metrics = RdmaMetrics::default();
        for node in 0..self.routes.len() as u32 {
            let Fabric::Rdma(outlet) = &mut self.route(node).borrow_mut().fabric else {
                continue;
            };
            let looked = look(&mut outlet.channel);
            outlet.count(&mut metrics);
            if looked.is_err()
                && let Some(error) = outlet.take_failure()
            {
                lose(worker, node, error);
            }
        }
        metrics.queue_pairs_attended = self.rdma.attended.borrow().len() as u64;
        worker.home().stats().rdma().add(&metrics);
    }

    /// The device of this node is gone, and so this node for all whom it reaches by it. Whoever says
    /// of node 0 that it is out of reach goes itself.
    fn lose_device(&self, worker: &Worker) {
        let peers = peers(worker);
        let me = worker.shared().rack().id();
        say(format_args!(
            "gossamer: node {me}: {}",
            RdmaError::DeviceGone
        ));
        for node in 0..peers.count() as u32 {
            let is_reached = me == 0 && peers.get(node).rdma().is_some();
            if is_reached || (me != 0 && node == 0) {
                peers.suspect(node, Cause::RdmaDeviceGone);
            }
        }
    }

    /// The connection has ended: what has come until now counts.
    pub(super) fn end_inlet(&self, worker: &Worker, at: usize) {
        let mut attended = self.rdma.attended.borrow_mut().remove(at);
        // What is wrong with it now is that it ends.
        attended.is_told = true;
        while attended.poll(worker) {}
    }
}

impl Inlets {
    /// There is a connection from now on: what a device, or its driver, has forgotten to tell of is
    /// looked for now and then, which costs next to nothing.
    pub(super) fn begin(&self, adapter: &Adapter) {
        if self.is_used.replace(true) {
            return;
        }
        let adapter = adapter.clone();
        drop(gossamer_executor::spawn(async move {
            loop {
                sleep(LOOK_PAUSE).await;
                let is_gone = adapter.check().is_err();
                let look = |worker: &Worker, side: &RackSide| {
                    side.poll_connections(worker);
                    side.look_at_outlets(worker, Channel::nudge);
                    if is_gone {
                        side.lose_device(worker);
                    }
                };
                if with_side(look).is_none() || is_gone {
                    return;
                }
            }
        }));
    }
}

impl Attended {
    pub(super) fn new(node: u32, inlet: Inlet) -> Self {
        Self {
            node,
            inlet,
            is_told: false,
        }
    }

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
pub(super) fn tell(node: u32, error: &RdmaError) -> Cause {
    say(format_args!(
        "gossamer: RDMA with node {node}: {}",
        with_causes(error)
    ));
    match error {
        RdmaError::Failed { status, .. } if status.is_unanswered() => Cause::RdmaUnanswered,
        RdmaError::Failed { status, .. } if status.is_refused() => Cause::RdmaRefused,
        RdmaError::Wire(_) => Cause::Damaged,
        RdmaError::DeviceGone => Cause::RdmaDeviceGone,
        _ => Cause::RdmaFailed,
    }
}

/// How long what a device has forgotten to tell of may wait.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// So often failures are looked for while nothing is sent: a look takes as long as a turn in vain.
const TURNS_PER_LOOK: u32 = 1024;
