//! When the nodes of a rack are to be ended, and with what status. Pure.
//!
//! ```text
//!            a node ends well             grace has passed
//! Running ─────────────────────► Leaving ─────────────────► Terminating ───────► Killing
//!    └───────────────── a node fails ─────────────────────────────▲   grace has passed
//! ```
//!
//! Under `survive` only the end of node 0 counts.

use std::fmt;
use std::time::{Duration, Instant};

use crate::options::OnNodeLoss;

pub(crate) struct Policy {
    on_node_loss: OnNodeLoss,
    grace: Duration,
    ends: Vec<Option<End>>,
    phase: Phase,
    /// The node that failed first, of those whose failure ends the rack.
    culprit: Option<u32>,
    /// Node 0 was asked to end before it did.
    was_zero_ended: bool,
    /// The user has sent a signal, which explains whatever end comes next.
    was_signalled: bool,
}

/// How a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Status(u8),
    Signal(i32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// The others are expected to end by themselves.
    Leaving(Instant),
    /// They have been asked to.
    Terminating(Instant),
    Killing,
}

/// What is to be done with all nodes that still run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Terminate,
    Kill,
}

impl Policy {
    pub(crate) fn new(nodes: u32, on_node_loss: OnNodeLoss, grace: Duration) -> Self {
        Self {
            on_node_loss,
            grace,
            ends: vec![None; nodes as usize],
            phase: Phase::Running,
            culprit: None,
            was_zero_ended: false,
            was_signalled: false,
        }
    }

    /// A node has ended. Returns what to do now, and what the user should know.
    pub(crate) fn handle_end(
        &mut self,
        now: Instant,
        node: u32,
        end: End,
    ) -> (Option<Order>, Option<String>) {
        self.ends[node as usize] = Some(end);
        let ends_all = node == 0 || self.on_node_loss == OnNodeLoss::Abort;
        let is_expected = self.was_signalled || matches!(self.phase, Phase::Terminating(_));
        let is_expected = is_expected || self.phase == Phase::Killing;
        let is_failure = end != End::Status(0) && !is_expected;
        if ends_all && is_failure {
            self.culprit = self.culprit.or(Some(node));
        }
        let order = match self.phase {
            Phase::Running | Phase::Leaving(_) if ends_all && is_failure => {
                self.transition_to_terminating(now)
            }
            Phase::Running if ends_all => {
                self.phase = Phase::Leaving(now + self.grace);
                None
            }
            _ => None,
        };
        let is_last = self.is_over();
        let note = (is_failure && !(node == 0 && is_last)).then(|| match ends_all && !is_last {
            true => format!("node {node} {end}: the other nodes are ended"),
            false => format!("node {node} {end}"),
        });
        (order.filter(|_| !is_last), note)
    }

    /// The user has sent a signal, which was passed on.
    pub(crate) fn handle_signal(&mut self) {
        self.was_signalled = true;
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Order> {
        match self.phase {
            Phase::Leaving(until) if until <= now => self.transition_to_terminating(now),
            Phase::Terminating(until) if until <= now => {
                self.phase = Phase::Killing;
                Some(Order::Kill)
            }
            _ => None,
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Leaving(until) | Phase::Terminating(until) => Some(until),
            Phase::Running | Phase::Killing => None,
        }
    }

    fn transition_to_terminating(&mut self, now: Instant) -> Option<Order> {
        self.phase = Phase::Terminating(now + self.grace);
        self.was_zero_ended = self.ends[0].is_none();
        Some(Order::Terminate)
    }

    /// All nodes have ended.
    pub(crate) fn is_over(&self) -> bool {
        self.ends.iter().all(Option::is_some)
    }

    /// The exit status of the launcher, once all is over.
    pub(crate) fn status(&self) -> u8 {
        let zero = self.ends[0].unwrap_or(End::Status(0));
        let says_nothing =
            zero == End::Status(0) || self.was_zero_ended && matches!(zero, End::Signal(_));
        match self.culprit.filter(|_| says_nothing) {
            Some(node) => self.ends[node as usize].unwrap_or(zero).status(),
            None => zero.status(),
        }
    }
}

impl End {
    fn status(self) -> u8 {
        match self {
            Self::Status(status) => status,
            // As shells have it.
            Self::Signal(signal) => 128_u8.saturating_add(signal.try_into().unwrap_or(u8::MAX)),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "ended with status {status}"),
            Self::Signal(signal) => match signal_hook::low_level::signal_name(*signal) {
                Some(name) => write!(f, "was ended by signal {signal} ({name})"),
                None => write!(f, "was ended by signal {signal}"),
            },
        }
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
