//! What a worker is asked to do for the rack, if it is part of one of several nodes.

use crate::rack::error::{CallError, NotExecuted};
use crate::rack::outbound::{Completion, Outbound};
use crate::rack::refs::{self, Control, Envelope};
use crate::rack::visit::{Outcome, ReplyTo};
use crate::worker::Worker;

impl Worker {
    /// Issues a call to another node.
    pub(crate) fn rack_issue(&self, outbound: Outbound, completion: Completion) {
        match self.rack() {
            Some(side) => side.issue(self, outbound, completion),
            // A trust of another node is none of a rack of one.
            None => completion.complete(Err(CallError::NotExecuted(NotExecuted::Closed))),
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
