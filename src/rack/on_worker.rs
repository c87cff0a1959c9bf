//! What a worker is asked to do for the rack, if it is part of one of several nodes.

use std::sync::Arc;

use crate::rack::continuation::Continuation;
use crate::rack::error::{CallError, NotExecuted};
use crate::rack::outbound::{Load, Outbound};
use crate::rack::refs::{self, Control, Envelope};
use crate::rack::remote::{Home, PropertyId, Share};
use crate::rack::visit::{Outcome, ReplyTo, Returned};
use crate::worker::Worker;

impl Worker {
    /// Issues a call to another node.
    pub(crate) fn rack_issue(&self, outbound: Outbound, then: Option<Continuation>) {
        let Outbound {
            question,
            load,
            target,
        } = outbound;
        if let Some(target) = &target {
            target.set_used_by(self);
        }
        if let Some(side) = self.rack() {
            match load {
                Load::Parcel(parcel) => {
                    side.issue_otherwise(self, question, parcel, then, target);
                }
                Load::Large(encode) => side.issue_large(self, question, encode, then, target),
            }
        } else if let Some(then) = then {
            // A trust of another node is none of a rack of one.
            let mut closed = Err(CallError::NotExecuted(NotExecuted::Closed));
            then.call(self, Returned::Other(&mut closed));
        }
    }

    /// The last trust of a property elsewhere has gone, on which this worker has issued calls.
    pub(crate) fn rack_leave(&self, home: Home, share: Arc<Share>) {
        if let Some(side) = self.rack() {
            side.leave(home, share);
        }
    }

    /// A property of this worker is let go: no node has a trust of it.
    pub(crate) fn rack_forget(&self, id: PropertyId) {
        if let Some(side) = self.rack() {
            side.properties.forget(id);
        }
    }

    /// Sends the outcome of a call that was not answered at once.
    pub(crate) fn rack_reply(&self, to: ReplyTo, outcome: Outcome) {
        if let Some(side) = self.rack() {
            side.reply(self, to, outcome);
        }
    }

    /// Sends word about references; on worker 0.
    pub(crate) fn rack_control(&self, node: u32, control: &Control) {
        if let Some(side) = self.rack() {
            side.send_control(self, node, control);
        }
    }

    /// The trusts of a message that waits here are registered.
    pub(crate) fn rack_deliver(&self, envelope: Envelope, handles: Vec<refs::Handle>) {
        if let Some(side) = self.rack() {
            side.deliver(self, envelope, &handles);
        }
    }

    /// A worker of another node has written for this one, or for control, which is on worker 0.
    pub(crate) fn rack_open(&self, node: u32, writer: u16, is_control: bool) {
        if let Some(side) = self.rack() {
            side.open(self, node, writer, is_control);
        }
    }

    /// The worker ends, and with it all that waits here for other nodes.
    pub(crate) fn sweep_rack(&self) {
        if let Some(side) = self.rack() {
            side.sweep(self);
        }
    }

    /// A node is lost: takes in what has come from it, and lets it go.
    pub(crate) fn rack_drain(&self, node: u32) {
        if let Some(side) = self.rack() {
            side.drain(self, node);
        }
    }
}
