//! An actor: what one thread has in hand, and the operations it carries out on that.

use std::mem::take;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use gossamer::Trustee;

use crate::coverage::{Situation, reached};
use crate::flight::{Flight, Landing};
use crate::held::{Held, Weak};
use crate::log::{ACTORS, Log, OUTSIDER, WORKERS, lock};
use crate::program::{Farewell, OnArrival, Op, Pick};
use crate::register::Testament;
use crate::taking::Taking;
use crate::work;

pub(crate) struct Actor {
    pub(crate) index: usize,
    world: Arc<World>,
    pub(crate) trusts: Vec<Held>,
    weaks: Vec<Weak>,
    flights: Vec<Flight>,
    takings: Vec<Taking>,
    /// The flight that the actor waits for.
    awaited: Option<Flight>,
    /// A burst went out since the last look at the backlog.
    has_burst: bool,
}

/// What the actors of one program share.
pub(crate) struct World {
    pub(crate) log: Arc<Log>,
    pub(crate) trustees: [Trustee; WORKERS],
    /// Only one thread does anything at a time.
    pub(crate) is_in_turns: bool,
    /// What was moved to each actor and not received yet.
    parcels: [Mutex<Vec<Parcel>>; ACTORS],
}

enum Parcel {
    Trust(Held),
    Flight(Flight, OnArrival),
}

impl World {
    pub(crate) fn new(log: Arc<Log>, trustees: [Trustee; WORKERS], is_in_turns: bool) -> Arc<Self> {
        Arc::new(Self {
            log,
            trustees,
            is_in_turns,
            parcels: Default::default(),
        })
    }

    /// Actors with one shared property in every hand, and one of their own each.
    pub(crate) fn actors(self: &Arc<Self>) -> [Actor; ACTORS] {
        let entrust = |worker| {
            let held = Held::entrust(&self.log, self.trustees[worker], Testament::default());
            held.expect("an open runtime refuses nothing")
        };
        let shared = entrust(0);
        std::array::from_fn(|index| Actor {
            index,
            world: Arc::clone(self),
            trusts: vec![shared.clone(), entrust((index + 1) % WORKERS)],
            weaks: Vec::new(),
            flights: Vec::new(),
            takings: Vec::new(),
            awaited: None,
            has_burst: false,
        })
    }

    /// Drops what nobody has received.
    pub(crate) fn empty(&self) {
        for parcels in &self.parcels {
            let parcels = take(&mut *lock(parcels));
            drop(parcels);
        }
    }

    /// Whether counts cannot change while the calling thread looks at them.
    pub(crate) fn is_calm(&self) -> bool {
        self.is_in_turns && !self.log.has_begun()
    }

    fn send(&self, to: usize, parcel: Parcel) {
        lock(&self.parcels[to]).push(parcel);
    }
}

impl Actor {
    /// The thread of the actor is the calling one.
    pub(crate) fn enter(&self) {
        self.world.log.enter(self.index);
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Carries out an operation; [`resume`](Self::resume) tells whether it waits for something.
    pub(crate) fn execute(&mut self, op: &Op) {
        self.receive();
        match *op {
            Op::Nothing => {}
            Op::Entrust {
                trustee,
                explodes,
                posts_at_end,
            } => {
                let post = posts_at_end.then(|| work::testament(self)).flatten();
                let testament = Testament { post, explodes };
                let trustee = self.world.trustees[trustee];
                self.trusts
                    .extend(Held::entrust(&self.world.log, trustee, testament));
            }
            Op::Delegate {
                trust,
                call,
                shape,
                work,
                polls,
            } => {
                let Some(flight) = work::flight(self, trust, call, shape, work) else {
                    return;
                };
                match polls {
                    true => self.keep_flight(flight),
                    false => self.flights.push(flight),
                }
            }
            Op::Then {
                trust,
                shape,
                work,
                follow,
            } => work::then(self, trust, shape, work, follow),
            Op::Post { trust, shape, work } => work::post(self, trust, shape, work),
            Op::Burst {
                trust,
                count,
                is_mixed,
                drops,
            } => {
                work::burst(self, trust, count, is_mixed);
                self.has_burst = self.index != OUTSIDER;
                if drops {
                    drop(pick(&self.trusts, trust).map(|index| self.trusts.remove(index)));
                }
            }
            Op::Clone { .. }
            | Op::DropTrust { .. }
            | Op::ForgetTrust { .. }
            | Op::MoveTrust { .. }
            | Op::Downgrade { .. }
            | Op::Upgrade { .. }
            | Op::DropWeak { .. } => self.execute_on_trust(op),
            Op::IntoInner { trust, polls } => {
                let Some(held) = self.take_trust(trust) else {
                    return;
                };
                self.takings.push(Taking::new(held));
                if polls {
                    self.poll_taking(0);
                }
            }
            Op::PollTaking { taking } => self.poll_taking(taking),
            Op::DropTaking { taking } => drop(self.take_taking(taking)),
            _ => self.execute_on_flight(op),
        }
    }

    /// Polls what the actor waits for; false if it still waits.
    pub(crate) fn resume(&mut self, outer: Option<&Waker>) -> bool {
        let Some(mut flight) = self.awaited.take() else {
            return true;
        };
        match flight.poll(true, outer) {
            Poll::Ready(landing) => self.keep(landing),
            Poll::Pending => self.awaited = Some(flight),
        }
        self.awaited.is_none()
    }

    /// Counts whether the last burst has filled its link, after the turn that sent it.
    pub(crate) fn look_at_backlog(&mut self) {
        if take(&mut self.has_burst) && gossamer::metrics()[self.index].backlog_depth > 0 {
            reached(Situation::FullLink);
        }
    }

    /// Lets go of everything.
    pub(crate) fn empty(&mut self, farewell: Farewell) {
        self.receive();
        self.weaks.clear();
        self.takings.clear();
        if farewell == Farewell::Trusts {
            self.trusts.clear();
        }
        self.awaited = None;
        self.flights.clear();
        self.trusts.clear();
        // What came out of the flights' results.
        self.receive();
        self.flights.clear();
        self.trusts.clear();
    }

    /// After the shutdown: each flight that was polled has an end, and is polled to it or dropped.
    pub(crate) fn outlive(&mut self) {
        self.receive();
        let flights = take(&mut self.flights)
            .into_iter()
            .chain(self.awaited.take());
        for mut flight in flights {
            let (is_polled, number) = (flight.is_polled(), flight.request().number);
            if number.is_multiple_of(3) {
                continue;
            }
            if self.poll(&mut flight, true).is_pending() {
                let polled = if is_polled { "polled" } else { "unpolled" };
                self.world
                    .log
                    .fault(format_args!("{polled} {number} outlives the runtime"));
            }
        }
        self.empty(Farewell::Trusts);
    }

    pub(crate) fn trust(&self, trust: Pick) -> Option<&Held> {
        Some(&self.trusts[pick(&self.trusts, trust)?])
    }

    /// Takes a trust out of the actor's hands, or clones its last one.
    pub(crate) fn take_trust(&mut self, trust: Pick) -> Option<Held> {
        match self.trusts.len() {
            0 => None,
            1 => self.trusts.first().cloned(),
            _ => pick(&self.trusts, trust).map(|index| self.trusts.remove(index)),
        }
    }

    /// Polls a delegation and keeps it, if it has not landed by that.
    pub(crate) fn keep_flight(&mut self, mut flight: Flight) {
        if self.poll(&mut flight, true).is_pending() {
            self.flights.push(flight);
        }
    }

    fn receive(&mut self) {
        let parcels = take(&mut *lock(&self.world.parcels[self.index]));
        for parcel in parcels {
            match parcel {
                Parcel::Trust(held) => self.trusts.push(held),
                Parcel::Flight(flight, OnArrival::Poll) => self.keep_flight(flight),
                Parcel::Flight(flight, OnArrival::Drop) => drop(flight),
                Parcel::Flight(flight, OnArrival::Stay) => self.flights.push(flight),
            }
        }
    }

    fn execute_on_trust(&mut self, op: &Op) {
        match *op {
            Op::Upgrade { weak } => {
                let Some(index) = pick(&self.weaks, weak) else {
                    return;
                };
                let held = self.weaks[index].upgrade(self.world.is_calm());
                self.trusts.extend(held);
            }
            Op::DropWeak { weak } => {
                drop(pick(&self.weaks, weak).map(|index| self.weaks.remove(index)));
            }
            Op::Clone { trust } => {
                let Some(held) = self.trust(trust).cloned() else {
                    return;
                };
                if self.world.is_calm() {
                    held.check_count();
                }
                self.trusts.push(held);
            }
            Op::Downgrade { trust } => {
                let weak = self.trust(trust).map(Held::downgrade);
                self.weaks.extend(weak);
            }
            Op::DropTrust { trust } | Op::ForgetTrust { trust } | Op::MoveTrust { trust, .. } => {
                let Some(index) = pick(&self.trusts, trust) else {
                    return;
                };
                let held = self.trusts.remove(index);
                match *op {
                    Op::MoveTrust { to, .. } => self.world.send(to, Parcel::Trust(held)),
                    Op::ForgetTrust { .. } => self.world.log.forget(held),
                    _ => drop(held),
                }
            }
            _ => unreachable!("not on a trust"),
        }
    }

    fn execute_on_flight(&mut self, op: &Op) {
        let (Op::Poll { flight, .. }
        | Op::Await { flight }
        | Op::DropFlight { flight }
        | Op::ForgetFlight { flight }
        | Op::MoveFlight { flight, .. }) = *op
        else {
            unreachable!("not on a flight")
        };
        let Some(index) = pick(&self.flights, flight) else {
            return;
        };
        let mut flight = self.flights.remove(index);
        match *op {
            Op::Poll { is_fresh, .. } => {
                if self.poll(&mut flight, is_fresh).is_pending() {
                    self.flights.insert(index, flight);
                }
            }
            Op::Await { .. } => self.awaited = Some(flight),
            Op::ForgetFlight { .. } => flight.forget(),
            Op::MoveFlight { to, then, .. } => self.world.send(to, Parcel::Flight(flight, then)),
            _ => drop(flight),
        }
    }

    fn poll(&mut self, flight: &mut Flight, is_fresh: bool) -> Poll<()> {
        flight
            .poll(is_fresh, None)
            .map(|landing| self.keep(landing))
    }

    fn keep(&mut self, landing: Landing) {
        match landing {
            Landing::Value(held) => self.trusts.extend(held),
            Landing::Panicked | Landing::Closed => {}
        }
    }

    fn poll_taking(&mut self, taking: Pick) {
        let Some(mut taking) = self.take_taking(taking) else {
            return;
        };
        match taking.poll(self.world.is_calm()) {
            Poll::Ready(held) => self.trusts.extend(held),
            Poll::Pending => self.takings.push(taking),
        }
    }

    fn take_taking(&mut self, taking: Pick) -> Option<Taking> {
        pick(&self.takings, taking).map(|index| self.takings.remove(index))
    }
}

/// The index that a pick means, counted back from the last.
fn pick<T>(list: &[T], pick: Pick) -> Option<usize> {
    (!list.is_empty()).then(|| list.len() - 1 - usize::from(pick) % list.len())
}
