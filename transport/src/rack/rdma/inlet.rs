//! The end of a connection that is written to.

use std::os::fd::{AsFd, BorrowedFd};

use crate::rack::error::WireError;
use crate::rack::layout::Layout;
use crate::rack::port::{Port, Ports};
use crate::rack::rdma::card::Card;
use crate::rack::rdma::completion::{Operation, Status};
use crate::rack::rdma::error::RdmaError;
use crate::rack::rdma::memory::Memory;
use crate::rack::rdma::queue_pair::{QueuePair, ReadyToReceive, Reset};
use crate::rack::rdma::told::place_of;
use crate::rack::rdma::verbs::POLL_MAX;

/// Takes what one remote worker writes over one connection.
///
/// Each WRITE of a [`Channel`](super::Channel) consumes a receive here, by which it is known for
/// whom it was, so that whoever sleeps can be woken; and where the device promises no order, the
/// placement is shown to whoever reads it.
pub struct Inlet {
    pair: QueuePair<ReadyToReceive>,
    arrivals: Arrivals,
    /// Receives that were consumed and are not posted again.
    consumed: usize,
    /// Posted again when so many were consumed.
    consumed_max: usize,
    failure: Option<RdmaError>,
}

/// Where placements of one writer become visible.
#[derive(Debug)]
struct Arrivals {
    layout: Layout,
    /// By worker.
    ports: Box<[Port]>,
    are_veiled: bool,
    /// Workers for whom something came.
    touched: Box<[bool]>,
}

impl Inlet {
    /// The end for the remote worker that has given this card, and is this writer of the memory;
    /// and the card for it.
    ///
    /// # Errors
    /// What the device says.
    ///
    /// # Panics
    /// If the memory has no such writer.
    pub fn accept(memory: &Memory, peer: &Card, writer: u16) -> Result<(Self, Card), RdmaError> {
        let arrivals = Arrivals::new(memory.ports(), writer);
        let limits = memory.adapter().limits();
        let receives = receives(arrivals.layout);
        let receives = receives.min(limits.requests).min(limits.completions - 1);
        let pair: QueuePair<Reset> = QueuePair::new(memory.region(), 1, receives)?;
        let pair = pair.init(memory.adapter(), true)?;
        let card = pair.card();
        let mut pair = pair.ready_to_receive(memory.adapter(), peer)?;
        let receives = pair.capacity().receives;
        pair.post_receives(receives as usize)?;
        let inlet = Self {
            pair,
            arrivals,
            consumed: 0,
            consumed_max: (receives / 4).max(1) as usize,
            failure: None,
        };
        Ok((inlet, card))
    }

    /// Takes what has come, and returns how many placements that were.
    ///
    /// # Errors
    /// If the connection has failed, or the peer told what cannot be. Then so does every later
    /// call's, by [`failure`](Self::failure).
    pub fn poll(&mut self) -> Result<usize, &RdmaError> {
        let mut count = 0;
        while self.failure.is_none() {
            let (arrivals, mut failure) = (&mut self.arrivals, None);
            let polled = self.pair.completions_mut().poll(|completion| {
                if completion.status != Status::SUCCESS {
                    failure.get_or_insert(RdmaError::Failed {
                        operation: Operation::Receive,
                        status: completion.status,
                    });
                } else if let Err(error) = arrivals.take(completion.immediate, completion.bytes) {
                    failure.get_or_insert(error.into());
                }
            });
            let polled = match polled {
                Ok(polled) => polled,
                Err(error) => {
                    self.failure = Some(error);
                    break;
                }
            };
            self.failure = failure;
            count += polled;
            self.consumed += polled;
            if self.consumed >= self.consumed_max && self.failure.is_none() {
                let consumed = std::mem::take(&mut self.consumed);
                self.failure = self.pair.post_receives(consumed).err();
            }
            if polled < POLL_MAX || count >= TAKEN_MAX {
                break;
            }
        }
        match &self.failure {
            Some(failure) => Err(failure),
            None => Ok(count),
        }
    }

    /// The local workers for whom something came since this was asked last.
    pub fn take_touched(&mut self) -> impl Iterator<Item = u16> {
        let workers = (0..).zip(&mut self.arrivals.touched);
        workers.filter_map(|(worker, touched)| std::mem::take(touched).then_some(worker))
    }

    /// Has the descriptor become readable when something comes; what has come before is to be
    /// looked for afterwards.
    ///
    /// # Errors
    /// What the device says.
    pub fn arm(&self) -> Result<(), RdmaError> {
        self.pair.completions().arm()
    }

    /// Takes what has made the descriptor readable; returns whether there was something.
    pub fn take_events(&self) -> bool {
        self.pair.completions().take_events()
    }

    /// What has failed.
    pub fn failure(&self) -> Option<&RdmaError> {
        self.failure.as_ref()
    }
}

impl AsFd for Inlet {
    /// Readable when something has come, once [`arm`](Self::arm) has been called.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pair.completions().as_fd()
    }
}

impl std::fmt::Debug for Inlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inlet")
            .field("arrivals", &self.arrivals)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl Arrivals {
    fn new(ports: &Ports, writer: u16) -> Self {
        let layout = ports.layout();
        let workers = 0..layout.workers;
        Self {
            layout,
            ports: workers.map(|worker| ports.port(writer, worker)).collect(),
            are_veiled: ports.are_veiled(),
            touched: vec![false; usize::from(layout.workers)].into(),
        }
    }

    /// A WRITE of so many bytes is complete, which told so.
    fn take(&mut self, told: u32, bytes: u32) -> Result<(), WireError> {
        let place = place_of(told, self.layout)?;
        let worker = usize::from(place.worker);
        if self.are_veiled {
            let used = (bytes as usize).checked_sub(8);
            let used = used.filter(|used| *used <= place.ring.used_bytes_max());
            let used = used.ok_or(WireError::FrameLength(bytes))?;
            self.ports[worker].show(place, used);
        }
        self.touched[worker] = true;
        Ok(())
    }
}

/// As many as one writer can have under way before its links wait for answers, and some for credit.
fn receives(layout: Layout) -> u32 {
    let geometry = layout.geometry;
    let of_a_link = 2 * u32::from(geometry.depth) + 4 * u32::from(geometry.pieces);
    (u32::from(layout.workers) * of_a_link).max(RECEIVES_MIN)
}

const RECEIVES_MIN: u32 = 64;
/// What is more waits for the next turn.
const TAKEN_MAX: usize = 256;

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
