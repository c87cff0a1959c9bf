//! Who lives: heartbeats, and verdicts that all survivors share. No I/O, no clock.
//!
//! Node 0 alone decides. Every other node has one control connection, to node 0, and says there
//! whom it cannot reach; node 0 answers all in one order. So survivors agree without a vote, and
//! no node can be half dead. What that costs is nothing that node 0 had not cost anyway: it runs
//! `main`, and with it ends the rack. A node that has lost node 0 ends itself, whether node 0 is
//! dead or only out of reach: then node 0 has declared it dead, or will.
//!
//! ```text
//!                       handle_closed, silence, suspicion, leave too early
//!            Lives ────────────────────────────────────────────────────────► Dead
//!              └────── leave after the end was told ──► Gone
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::membership::Membership;
use super::message::{Control, Party};

/// The view that one node has of the others.
pub(crate) struct Liveness {
    me: u32,
    peers: Vec<Peer>,
    silence_max: Duration,
    /// When it last looked at the clock.
    looked: Instant,
    is_ending: bool,
    is_over: bool,
    outbox: VecDeque<(u32, Control)>,
    verdicts: VecDeque<Verdict>,
}

struct Peer {
    party: Party,
    state: PeerState,
    /// When something last came from it.
    heard: Instant,
    /// When something is to be sent to it at the latest.
    beat_due: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerState {
    Lives,
    Dead,
    Gone,
}

/// What this node must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This node is dead. Each survivor is told so of the same nodes, in the same order.
    Died { party: Party, cause: Cause },
    /// This node itself was declared dead: nobody hears it any more, and it must end at once.
    Fenced { cause: Cause },
    /// Node 0 is out of reach: this node must end at once.
    Orphaned { cause: Cause },
    /// The rack ends, as node 0 has done what it had to do.
    Ends { status: i32 },
    /// The rack has ended, and all others have gone.
    Alone,
}

/// How a node was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cause {
    #[error("its connection was closed")]
    Closed,
    #[error("nothing was heard of it for too long")]
    Silent,
    #[error("it sent what cannot be read")]
    Damaged,
    #[error("another node cannot reach it")]
    Unreachable,
    #[error("it ended before the rack did")]
    Left,
    #[error("it does not answer what is written to it by RDMA")]
    RdmaUnanswered,
    #[error("it refuses what is written to it by RDMA")]
    RdmaRefused,
    #[error("its RDMA device is gone")]
    RdmaDeviceGone,
    #[error("its connection by RDMA has failed")]
    RdmaFailed,
}

impl Liveness {
    /// Of the node `me`, which watches node 0, or all others if it is node 0.
    ///
    /// `silence_max` is for how long nothing may be heard of a node that lives.
    pub(crate) fn new(
        now: Instant,
        me: u32,
        membership: &Membership,
        silence_max: Duration,
    ) -> Self {
        let peers = membership.members.iter().map(|member| Peer {
            party: Party {
                node: member.node,
                incarnation: member.incarnation,
            },
            state: PeerState::Lives,
            heard: now,
            beat_due: now + silence_max / BEATS_PER_SILENCE,
        });
        Self {
            me,
            peers: peers.collect(),
            silence_max,
            looked: now,
            is_ending: false,
            is_over: false,
            outbox: VecDeque::new(),
            verdicts: VecDeque::new(),
        }
    }

    /// Bytes of a node have come, whatever they are.
    pub(crate) fn handle_heard(&mut self, now: Instant, node: u32) {
        self.look(now);
        if let Some(peer) = self.peers.get_mut(node as usize) {
            peer.heard = now;
        }
    }

    /// A node has said this.
    pub(crate) fn handle_control(&mut self, now: Instant, from: u32, control: Control) {
        self.handle_heard(now, from);
        if self.is_over || !self.lives(from) || from == self.me {
            return;
        }
        match control {
            Control::Heartbeat => {}
            Control::Suspect { party, cause } if self.me == 0 => {
                self.decide(from, party, cause);
            }
            Control::Leave if self.me == 0 => self.handle_leave(from),
            Control::Dead { party, cause } if from == 0 => self.handle_dead(party, cause),
            Control::End { status } if from == 0 => self.handle_end(status),
            Control::Suspect { .. }
            | Control::Leave
            | Control::Dead { .. }
            | Control::End { .. } => self.lose(from, Cause::Damaged),
        }
    }

    /// The control connection with a node has ended; `cause` says how.
    pub(crate) fn handle_closed(&mut self, now: Instant, node: u32, cause: Cause) {
        self.look(now);
        self.lose(node, cause);
    }

    /// This node itself cannot go on with another: its channel broke, or sent nonsense.
    pub(crate) fn suspect(&mut self, now: Instant, party: Party, cause: Cause) {
        self.look(now);
        if self.is_over || self.is_ending || !self.is_alive(party) || party.node == self.me {
            return;
        }
        match self.me {
            0 => self.declare_dead(party.node, cause),
            _ => self.say(0, Control::Suspect { party, cause }),
        }
    }

    /// Node 0 has done what it had to do, and so the rack ends.
    pub(crate) fn end(&mut self, now: Instant, status: i32) {
        assert_eq!(self.me, 0, "only node 0 ends the rack");
        self.look(now);
        if std::mem::replace(&mut self.is_ending, true) {
            return;
        }
        for node in self.watched_alive() {
            self.say(node, Control::End { status });
        }
        self.check_alone();
    }

    /// Another node has done what it does after it was told that the rack ends.
    pub(crate) fn leave(&mut self, now: Instant) {
        assert_ne!(self.me, 0, "node 0 goes last");
        self.look(now);
        if !self.is_over {
            self.say(0, Control::Leave);
            self.is_over = true;
        }
    }

    /// Sends heartbeats, and finds who is silent. What has come before `now` must have been
    /// handled before.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.look(now);
        for node in self.watched_alive() {
            let peer = &self.peers[node as usize];
            if peer.heard + self.silence_max <= now {
                self.lose(node, Cause::Silent);
            } else if peer.beat_due <= now {
                self.say(node, Control::Heartbeat);
            }
        }
        let next_beat = now + self.silence_max / BEATS_PER_SILENCE;
        for peer in &mut self.peers {
            if peer.beat_due <= now {
                peer.beat_due = next_beat;
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if nothing happens before.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let nodes = self.watched_alive().into_iter();
        let due = nodes.map(|node| {
            let peer = &self.peers[node as usize];
            peer.beat_due.min(peer.heard + self.silence_max)
        });
        due.min()
    }

    /// What is to be sent next, and to whom. To a node that was declared dead nothing follows.
    pub(crate) fn poll_transmit(&mut self) -> Option<(u32, Control)> {
        self.outbox.pop_front()
    }

    /// What there is to know next.
    pub(crate) fn poll_verdict(&mut self) -> Option<Verdict> {
        self.verdicts.pop_front()
    }

    /// A process is in the rack and not declared dead.
    pub(crate) fn is_alive(&self, party: Party) -> bool {
        let peer = self.peers.get(party.node as usize);
        peer.is_some_and(|peer| peer.party == party && peer.state == PeerState::Lives)
    }

    /// Nothing more will be heard or said, once what there is to transmit is sent.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Starts all clocks anew if this process stood still: what others sent meanwhile may not have
    /// been read yet. If it stood for too long, they know, and have said so.
    fn look(&mut self, now: Instant) {
        let stood_still = now.saturating_duration_since(self.looked) > self.silence_max / 2;
        self.looked = self.looked.max(now);
        if stood_still {
            for peer in &mut self.peers {
                peer.heard = now;
            }
        }
    }

    fn lives(&self, node: u32) -> bool {
        let peer = self.peers.get(node as usize);
        peer.is_some_and(|peer| peer.state == PeerState::Lives)
    }

    /// The nodes with which this one has a connection and speaks.
    fn watched_alive(&self) -> Vec<u32> {
        let watched = match (self.is_over, self.me) {
            (true, _) => 0..0,
            (_, 0) => 1..self.peers.len() as u32,
            _ => 0..1,
        };
        watched.filter(|node| self.lives(*node)).collect()
    }

    fn say(&mut self, to: u32, control: Control) {
        self.peers[to as usize].beat_due = self.looked + self.silence_max / BEATS_PER_SILENCE;
        self.outbox.push_back((to, control));
    }

    /// The connection with a watched node is of no use any more.
    fn lose(&mut self, node: u32, cause: Cause) {
        if self.is_over || node == self.me || !self.lives(node) {
            return;
        }
        if self.me != 0 && node == 0 {
            self.peers[0].state = PeerState::Dead;
            // Once the end was told, it may close before this node has left.
            if !self.is_ending {
                self.verdicts.push_back(Verdict::Orphaned { cause });
            }
            self.is_over = true;
        } else if self.me == 0 && self.is_ending && cause == Cause::Closed {
            self.transition_to_gone(node);
        } else if self.me == 0 {
            self.declare_dead(node, cause);
        }
    }

    /// What node 0 does when `accuser` cannot reach `accused`: one of the two must go, or calls
    /// between them would never end.
    fn decide(&mut self, accuser: u32, accused: Party, cause: Cause) {
        if accused.node == 0 {
            // Node 0 is not dead, as it hears this.
            let cause = match cause {
                Cause::Damaged => Cause::Unreachable,
                cause => cause.told(),
            };
            self.declare_dead(accuser, cause);
        } else if !self.is_ending && accused.node != accuser && self.is_alive(accused) {
            self.declare_dead(accused.node, cause.told());
        }
    }

    fn declare_dead(&mut self, node: u32, cause: Cause) {
        let party = self.peers[node as usize].party;
        // The node itself is told too, in case it only seems dead.
        for to in self.watched_alive() {
            self.say(to, Control::Dead { party, cause });
        }
        self.peers[node as usize].state = PeerState::Dead;
        self.verdicts.push_back(Verdict::Died { party, cause });
        self.check_alone();
    }

    fn handle_dead(&mut self, party: Party, cause: Cause) {
        if party == self.peers[self.me as usize].party {
            self.verdicts.push_back(Verdict::Fenced { cause });
            self.is_over = true;
        } else if self.is_alive(party) {
            self.peers[party.node as usize].state = PeerState::Dead;
            self.verdicts.push_back(Verdict::Died { party, cause });
        }
    }

    fn handle_end(&mut self, status: i32) {
        if !std::mem::replace(&mut self.is_ending, true) {
            self.verdicts.push_back(Verdict::Ends { status });
        }
    }

    fn handle_leave(&mut self, node: u32) {
        match self.is_ending {
            true => self.transition_to_gone(node),
            false => self.declare_dead(node, Cause::Left),
        }
    }

    fn transition_to_gone(&mut self, node: u32) {
        self.peers[node as usize].state = PeerState::Gone;
        self.check_alone();
    }

    fn check_alone(&mut self) {
        if self.is_ending && self.watched_alive().is_empty() && !self.is_over {
            self.verdicts.push_back(Verdict::Alone);
            self.is_over = true;
        }
    }
}

impl Cause {
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        let all = [
            Self::Closed,
            Self::Silent,
            Self::Damaged,
            Self::Unreachable,
            Self::Left,
            Self::RdmaUnanswered,
            Self::RdmaRefused,
            Self::RdmaDeviceGone,
            Self::RdmaFailed,
        ];
        all.get(usize::from(code)).copied()
    }

    /// What all are told when one node has said this of another.
    fn told(self) -> Self {
        match self {
            Self::Closed | Self::Silent | Self::Left => Self::Unreachable,
            cause => cause,
        }
    }
}

/// How often something is sent in the time after which silence is death: some may be late.
const BEATS_PER_SILENCE: u32 = 4;

#[cfg(test)]
#[path = "liveness_tests.rs"]
mod tests;
