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

use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM};

use crate::options::OnNodeLoss;

pub(crate) struct Policy {
    on_node_loss: OnNodeLoss,
    grace: Duration,
    /// What users call the nodes.
    names: Vec<String>,
    ends: Vec<Option<End>>,
    phase: Phase,
    /// The node that failed first, of those whose failure ends the rack.
    culprit: Option<u32>,
    /// The node that ended first because it had lost another: it is to blame only if no other is.
    witness: Option<u32>,
    /// Whom a node has lost, and why, as it said itself.
    testimony: Option<(u32, String)>,
    /// Node 0 was asked to end before it did.
    was_zero_ended: bool,
    /// What was sent to the nodes because the user wanted it, and when; the last one last.
    signals: Vec<(i32, Instant)>,
    /// By which of them the first node has ended.
    ended_by: Option<i32>,
}

/// How a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    Status(u8),
    Signal(i32),
    /// Nobody knows how it ended: its host cannot be asked any more.
    Lost(Loss),
}

/// What has happened to the connection with the host of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Loss {
    Closed,
    Silent,
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
    pub(crate) fn new(names: Vec<String>, on_node_loss: OnNodeLoss, grace: Duration) -> Self {
        Self {
            on_node_loss,
            grace,
            ends: vec![None; names.len()],
            names,
            phase: Phase::Running,
            culprit: None,
            witness: None,
            testimony: None,
            was_zero_ended: false,
            signals: Vec::new(),
            ended_by: None,
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
        let signal = self.signal_of(now, end);
        let is_failure = end != End::Status(0) && signal.is_none() && !self.is_ordered(end);
        let is_witness = end == End::Status(STATUS_LOST);
        if !is_witness {
            self.ended_by = self.ended_by.or(signal);
        }
        if ends_all && is_failure {
            let place = if is_witness {
                &mut self.witness
            } else {
                &mut self.culprit
            };
            place.get_or_insert(node);
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
        let name = &self.names[node as usize];
        // The status of the rack is that of node 0, which says it if it is one.
        let is_shown = node == 0 && is_last && matches!(end, End::Status(_));
        let is_told = is_failure && !is_witness && !is_shown;
        let note = is_told.then(|| match ends_all && !is_last {
            true => format!("{name} {end}: the other nodes are ended"),
            false => format!("{name} {end}"),
        });
        let note = note.or_else(|| self.blame_witness().filter(|_| is_last));
        (order.filter(|_| !is_last), note)
    }

    /// A node says that it has lost another.
    pub(crate) fn handle_testimony(&mut self, lost: u32, cause: String) {
        self.testimony.get_or_insert((lost, cause));
    }

    /// What has become of the rack if all that is known is that a node has lost another.
    fn blame_witness(&self) -> Option<String> {
        let is_explained = self.culprit.is_some() || self.ended_by.is_some();
        let witness = self.witness.filter(|_| !is_explained)?;
        if let Some((lost, cause)) = &self.testimony
            && let Some(name) = self.names.get(*lost as usize)
        {
            return Some(format!("{name} is lost: {cause}"));
        }
        // Alone, node 0 says it by its status.
        let name = &self.names[witness as usize];
        (witness != 0).then(|| format!("{name} ended with status {STATUS_LOST}: it lost another"))
    }

    /// The signal of the user that says why a node ends like this. Some end by it, others in their
    /// own way: for that they have some time.
    fn signal_of(&self, now: Instant, end: End) -> Option<i32> {
        let is_it = |(signal, sent): &&(i32, Instant)| match end {
            End::Signal(other) => *signal == other,
            End::Status(_) => is_to_end(*signal) && now <= *sent + self.grace,
            End::Lost(_) => false,
        };
        self.signals.iter().rfind(is_it).map(|(signal, _)| *signal)
    }

    /// Whether nodes were told to end, and one ends like this because of that.
    fn is_ordered(&self, end: End) -> bool {
        match (self.phase, end) {
            (Phase::Running | Phase::Leaving(_), _) | (_, End::Lost(_)) => false,
            (Phase::Terminating(_), End::Signal(signal)) => signal == SIGTERM,
            (Phase::Terminating(_), End::Status(_)) | (Phase::Killing, _) => true,
        }
    }

    /// The user has sent a signal, which was passed on.
    pub(crate) fn handle_signal(&mut self, now: Instant, signal: i32) {
        self.signals.retain(|(sent, _)| *sent != signal);
        self.signals.push((signal, now));
    }

    /// The user wants it to end.
    pub(crate) fn handle_order(&mut self, now: Instant) -> Option<Order> {
        self.handle_signal(now, SIGTERM);
        match self.phase {
            Phase::Running | Phase::Leaving(_) => self.transition_to_terminating(now),
            Phase::Terminating(_) | Phase::Killing => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Order> {
        match self.phase {
            Phase::Leaving(until) if until <= now => self.transition_to_terminating(now),
            Phase::Terminating(until) if until <= now => {
                self.phase = Phase::Killing;
                if self.signals.iter().any(|(signal, _)| is_to_end(*signal)) {
                    self.handle_signal(now, SIGKILL);
                }
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
        let is_witness = zero == End::Status(STATUS_LOST);
        let was_killed = self.was_zero_ended && matches!(zero, End::Signal(_));
        let says_nothing = matches!(zero, End::Status(0)) || is_witness || was_killed;
        match (self.culprit, self.ended_by) {
            (Some(node), _) if says_nothing => self.ends[node as usize].unwrap_or(zero).status(),
            // It has lost one that the signal has come to before.
            (None, Some(signal)) if is_witness => End::Signal(signal).status(),
            // Another was faster to notice what it would have ended by.
            (None, None) if was_killed && self.witness.is_some() => STATUS_LOST,
            _ => zero.status(),
        }
    }
}

/// Whether whoever gets this signal is expected to end, in whatever way.
fn is_to_end(signal: i32) -> bool {
    matches!(signal, SIGHUP | SIGINT | SIGQUIT | SIGTERM)
}

impl End {
    fn status(self) -> u8 {
        match self {
            Self::Status(status) => status,
            // As shells have it.
            Self::Signal(signal) => 128_u8.saturating_add(signal.try_into().unwrap_or(u8::MAX)),
            Self::Lost(_) => STATUS_LOST,
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
            Self::Lost(Loss::Closed) => f.write_str("is lost: the daemon of its host has ended"),
            Self::Lost(Loss::Silent) => f.write_str("is lost: nothing is heard of its host"),
        }
    }
}

/// What a node ends with that has lost the rack; `EX_UNAVAILABLE` of `sysexits.h`.
const STATUS_LOST: u8 = 69;

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
