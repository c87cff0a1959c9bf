//! Messages that wait until their trusts are registered.

use std::collections::hash_map::Entry;

use crate::rack::codec::{Body, Opened};
use crate::rack::continuation::Continuation;
use crate::rack::envelope::Relative;
use crate::rack::failpoints::reach;
use crate::rack::node::Member;
use crate::rack::references::{self, trusts};
use crate::rack::refs::{self, Envelope, Moment, Step};
use crate::rack::route::{Arrival, Blocked};
use crate::rack::side::{RackSide, peers};
use crate::rack::visit::ReplyTo;
use crate::worker::Worker;

/// A message that waits for the references.
pub(crate) enum Parked {
    /// The result of a call.
    Reply {
        then: Option<Continuation>,
        relatives: Vec<Relative>,
        node: u32,
        body: Body<'static>,
    },
    /// The call at which the pair with this worker of this node is blocked.
    Call { node: u32, remote: u16 },
    /// A call of a node that is lost.
    Orphan(Box<Arrival>, ReplyTo),
}

impl RackSide {
    /// Keeps a message until its trusts are registered. It comes back if one of the same number
    /// waits already, which only a peer that lies brings about.
    pub(super) fn park(&self, envelope: Envelope, parked: Parked) -> Result<(), Parked> {
        match self.parked.borrow_mut().entry(envelope) {
            Entry::Vacant(place) => {
                place.insert(parked);
                Ok(())
            }
            Entry::Occupied(_) => Err(parked),
        }
    }

    /// The trusts of a message are registered.
    pub(crate) fn deliver(&self, worker: &Worker, envelope: Envelope, handles: &[refs::Handle]) {
        let parked = self.parked.borrow_mut().remove(&envelope);
        self.deliver_to(worker, parked, handles);
        reach(Moment::After.of(Step::Deliver));
    }

    fn deliver_to(&self, worker: &Worker, parked: Option<Parked>, handles: &[refs::Handle]) {
        match parked {
            Some(Parked::Reply {
                then,
                relatives,
                node,
                body,
            }) => {
                let handles = trusts(worker.shared(), handles, &relatives);
                let opened = Opened {
                    node,
                    body,
                    handles,
                };
                self.complete(worker, then, Ok(opened));
            }
            Some(Parked::Call { node, remote }) => self.unblock(worker, node, remote, handles),
            Some(Parked::Orphan(arrival, from)) => {
                let _nobody_hears_it = self.run(worker, *arrival, handles, from);
            }
            // Whoever has waited is gone, and so go its trusts.
            None => {
                let unknown = vec![Relative::UNKNOWN; handles.len()];
                drop(trusts(worker.shared(), handles, &unknown));
            }
        }
    }

    fn unblock(&self, worker: &Worker, node: u32, remote: u16, handles: &[refs::Handle]) {
        let mut route = self.route(node).borrow_mut();
        let at = route.pairs.iter().position(|pair| pair.remote == remote);
        let at = at.expect("a route that goes makes an orphan of what is blocked");
        let blocked = route.pairs[at].blocked.replace(Blocked::Beside);
        drop(route);
        let Some(Blocked::Trusts(arrival)) = blocked else {
            unreachable!("what is parked is blocked");
        };
        let from = ReplyTo {
            node,
            worker: u32::from(remote),
            token: arrival.token,
        };
        if let Some(response) = self.run(worker, arrival, handles, from) {
            self.respond_later(from, response);
        }
    }
}

/// A message with trusts has come.
pub(super) fn arrived(worker: &Worker, node: u32, header: refs::Header) -> references::Arrival {
    let peers = peers(worker);
    let from = peers.get(node).party;
    let (arrived, actions) = peers.references().arrived(from, header, worker.index());
    if matches!(arrived, references::Arrival::Deliver(_)) {
        reach(Moment::Before.of(Step::Deliver));
    }
    peers.carry_out(worker.shared(), actions);
    arrived
}

/// Who a table of trusts may speak of.
pub(super) fn members(worker: &Worker) -> &[Member] {
    worker.shared().rack().members()
}
