//! The end of a connection that writes.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::rack::channel::Refusal;
use crate::rack::layout::{Layout, Place};
use crate::rack::rdma::card::Card;
use crate::rack::rdma::completion::Status;
use crate::rack::rdma::error::RdmaError;
use crate::rack::rdma::memory::Memory;
use crate::rack::rdma::mirror::Mirror;
use crate::rack::rdma::queue_pair::{Init, QueuePair, ReadyToSend, Reset, Write};
use crate::rack::rdma::verbs::POLL_MAX;

/// A channel that has a card for the peer, and none of it yet.
pub struct Opening {
    pair: QueuePair<Init>,
    memory: Memory,
    mirror: usize,
    signal_every: u32,
}

/// What one worker writes to one node, by one queue pair.
///
/// A placement is one WRITE of its used bytes and its seal, which also tells the peer's [`Inlet`]
/// which place it was for. They are posted by [`flush`](crate::rack::Channel::flush), chained, with
/// one doorbell. Of many only one is *signalled*: its completion says that all before it are done,
/// which makes room in the queue. What fails completes in any case.
///
/// [`Inlet`]: super::Inlet
pub struct Channel {
    pair: QueuePair<ReadyToSend>,
    mirror: Mirror,
    signal_every: u32,
    /// The next WRITE that is signalled as one in so many is.
    due: u64,
    /// WRITEs until the last that was signalled.
    signalled: u64,
    /// WRITEs of which it is known that they are done.
    done: u64,
    signals: Signals,
    failure: Option<RdmaError>,
    is_dead: bool,
}

/// How many WRITEs a channel has posted, and for what it has asked for completions.
///
/// `completed` is `every + full + idle` when all is done, and `every` is `writes` divided by the
/// number after which one is signalled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signals {
    /// WRITEs posted.
    pub writes: u64,
    /// Signalled as one in so many is.
    pub every: u64,
    /// Signalled as half of the queue was taken.
    pub full: u64,
    /// Signalled as the worker was about to sleep, or has waited for long.
    pub idle: u64,
    /// Completions that came of them.
    pub completed: u64,
}

impl Opening {
    /// Begins a channel that has a mirror of the memory to itself, and signals one in so many
    /// WRITEs; [`SIGNAL_EVERY`] is a good number.
    ///
    /// # Errors
    /// What the device says.
    ///
    /// # Panics
    /// If the memory has no such mirror, or none is to be signalled.
    pub fn new(memory: &Memory, mirror: usize, signal_every: u32) -> Result<Self, RdmaError> {
        assert!(signal_every > 0, "one in none");
        let _ = memory.mirror(mirror);
        let limits = memory.adapter().limits();
        let sends = signal_every.saturating_mul(2).clamp(SENDS_MIN, SENDS_MAX);
        let sends = sends.min(limits.requests).min(limits.completions - 1);
        let pair: QueuePair<Reset> = QueuePair::new(memory.region(), sends, 1)?;
        Ok(Self {
            pair: pair.init(memory.adapter(), false)?,
            memory: memory.clone(),
            mirror,
            signal_every,
        })
    }

    /// What the peer needs, for [`Inlet::accept`](super::Inlet::accept).
    pub fn card(&self) -> Card {
        self.pair.card()
    }

    /// The channel to the peer that has given this card, whose memory is laid out so, as the writer
    /// of this number. A peer that does not answer is given up after about `patience`.
    ///
    /// # Errors
    /// What the device says.
    ///
    /// # Panics
    /// If the layout has no such writer, or more workers than the mirror has room for.
    pub fn connect(
        self,
        peer: &Card,
        layout: Layout,
        writer: u16,
        patience: Duration,
    ) -> Result<Channel, RdmaError> {
        let (start, workers) = self.memory.mirror(self.mirror);
        assert!(layout.workers <= workers, "the mirror has no room");
        assert!(writer < layout.writers, "no such writer");
        assert_eq!(layout.geometry, self.memory.geometry(), "laid out alike");
        let card = self.card();
        let pair = self.pair.ready_to_receive(self.memory.adapter(), peer)?;
        let pair = pair.ready_to_send(&card, patience)?;
        let region = self.memory.region().memory();
        Ok(Channel {
            pair,
            mirror: Mirror::new(region, start, peer, layout, writer),
            signal_every: self.signal_every,
            due: self.signal_every.into(),
            signalled: 0,
            done: 0,
            signals: Signals::default(),
            failure: None,
            is_dead: false,
        })
    }
}

impl Channel {
    /// Looks for what has failed; to be called now and then.
    ///
    /// # Errors
    /// [`Refusal::Dead`] if something has.
    #[inline]
    pub fn poll(&mut self) -> Result<(), Refusal> {
        if self.signals.writes > self.done {
            self.look();
        }
        self.alive()
    }

    /// The worker is about to sleep: what is under way is signalled, and the descriptor becomes
    /// readable when it is done, or fails.
    ///
    /// # Errors
    /// [`Refusal::Dead`] if something has.
    pub fn settle(&mut self) -> Result<(), Refusal> {
        if !self.is_dead && self.signals.writes > self.signalled && self.has_room() {
            self.post_nothing();
        }
        if let (false, Err(error)) = (self.is_dead, self.pair.completions().arm()) {
            self.fail(error);
        }
        // After that, so that nothing is missed.
        self.look();
        self.alive()
    }

    /// Writes nothing, if it is not known of all that was written that it has arrived; to be called
    /// some times a second.
    ///
    /// When the last packet before a pause is lost, a device asks again only after its time for an
    /// answer, which is long if the patience is: nothing else tells it. What follows does at once,
    /// as the peer's device misses what was before.
    ///
    /// # Errors
    /// [`Refusal::Dead`] if something has failed.
    pub fn nudge(&mut self) -> Result<(), Refusal> {
        self.look();
        if !self.is_dead && !self.is_settled() && self.has_room() {
            self.post_nothing();
        }
        self.alive()
    }

    /// Takes what has made the descriptor readable; returns whether there was something.
    pub fn take_events(&mut self) -> bool {
        let taken = self.pair.completions().take_events();
        self.look();
        taken
    }

    /// How many WRITEs there were, and how many of them were signalled.
    pub fn signals(&self) -> Signals {
        self.signals
    }

    /// Whether all that was posted is known to be done.
    pub fn is_settled(&self) -> bool {
        self.done == self.signals.writes
    }

    /// What has failed; the channel refuses everything since.
    pub fn failure(&self) -> Option<&RdmaError> {
        self.failure.as_ref()
    }

    /// The most bytes of a WRITE that its request carries itself.
    pub fn inline_bytes(&self) -> u32 {
        self.pair.capacity().inline_bytes
    }

    /// Refuses everything from now on, because the peer is gone.
    pub fn kill(&mut self) {
        self.is_dead = true;
    }

    fn alive(&self) -> Result<(), Refusal> {
        match self.is_dead {
            true => Err(Refusal::Dead),
            false => Ok(()),
        }
    }

    fn sends(&self) -> u64 {
        self.pair.capacity().sends.into()
    }

    fn has_room(&self) -> bool {
        self.signals.writes - self.done < self.sends()
    }

    /// Takes all that has completed.
    fn look(&mut self) {
        loop {
            let (done, completed) = (&mut self.done, &mut self.signals.completed);
            let mut failure = None;
            let polled = self.pair.completions_mut().poll(|completion| {
                if completion.status == Status::SUCCESS {
                    *done = completion.id;
                    *completed += 1;
                } else {
                    failure.get_or_insert(RdmaError::Failed {
                        // Of what has failed the device need not say it; there is nothing else.
                        operation: super::Operation::Write,
                        status: completion.status,
                    });
                }
            });
            if let Some(failure) = failure {
                self.fail(failure);
            }
            match polled {
                Ok(POLL_MAX..) => {}
                Ok(_) => return,
                Err(error) => return self.fail(error),
            }
        }
    }

    fn fail(&mut self, error: RdmaError) {
        self.is_dead = true;
        self.failure.get_or_insert(error);
    }

    /// Whether the next WRITE is signalled; counts it, and why.
    fn count(&mut self) -> bool {
        let signals = &mut self.signals;
        signals.writes += 1;
        let half = u64::from(self.pair.capacity().sends).div_ceil(2);
        if signals.writes == self.due {
            signals.every += 1;
            self.due += u64::from(self.signal_every);
        } else if signals.writes - self.signalled >= half {
            signals.full += 1;
        } else {
            return false;
        }
        self.signalled = signals.writes;
        true
    }

    /// A WRITE of nothing, which is done when all before it is.
    #[cold]
    fn post_nothing(&mut self) {
        if !self.count() {
            self.signals.idle += 1;
            self.signalled = self.signals.writes;
        }
        let posted = self.pair.write(&Write {
            id: self.signals.writes,
            is_signalled: true,
            ..self.mirror.nothing()
        });
        if let Err(error) = posted.and_then(|()| self.pair.ring()) {
            self.fail(error);
        }
    }

    fn write(&mut self, place: Place, used: &[u8], seal: u64) -> Result<(), RdmaError> {
        let is_signalled = self.count();
        let post = || self.pair.ring();
        let write = self.mirror.put(place, used, seal, post)?;
        self.pair.write(&Write {
            id: self.signals.writes,
            is_signalled,
            ..write
        })
    }
}

impl crate::rack::Channel for Channel {
    fn push(&mut self, place: Place, used: &[u8], seal: u64) -> Result<(), Refusal> {
        self.alive()?;
        if !self.has_room() {
            self.flush()?;
            self.look();
            self.alive()?;
            if !self.has_room() {
                return Err(Refusal::Busy);
            }
        }
        if let Err(error) = self.write(place, used, seal) {
            self.fail(error);
        }
        self.alive()
    }

    fn flush(&mut self) -> Result<(), Refusal> {
        self.alive()?;
        if self.pair.is_gathering()
            && let Err(error) = self.pair.ring()
        {
            self.fail(error);
        }
        if self.signalled > self.done {
            self.look();
        }
        self.alive()
    }
}

impl AsFd for Channel {
    /// Readable when something has failed, or all is done, once [`settle`](Self::settle) has been called.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pair.completions().as_fd()
    }
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel")
            .field("signals", &self.signals)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// One WRITE in so many is signalled.
pub const SIGNAL_EVERY: u32 = 1000;
/// How many WRITEs may be under way.
const SENDS_MIN: u32 = 16;
const SENDS_MAX: u32 = 4096;

const _: () = assert!(2 * SIGNAL_EVERY <= SENDS_MAX);
