//! The fabric between processes of one host, and of one user: memory that both have mapped.
//!
//! A node makes one [`Ports`], hands its descriptor to the others, and maps theirs. To push is a
//! copy and a Release store, as in memory; a worker that sleeps has [said so](Parking) in the
//! memory of its node, and whoever flushes finds that and has to ring its bell, which is not ours.
//!
//! Within a process the same works on [`Ports::private`].
//!
//! Cost: that of a link in memory and, a flush, one fence and one load a worker that was written
//! to, 2 to 5 ns.

mod parking;

pub use parking::Parking;

use crate::rack::channel::Refusal;
use crate::rack::layout::{Geometry, Place};
use crate::rack::port::{Port, Ports};
use crate::sync::{Ordering, fence};

/// What fills the round trip between two cores, as in memory, and two pieces, so that one is
/// written while the other is read.
pub const GEOMETRY: Geometry = Geometry {
    depth: if cfg!(loom) { 2 } else { 4 },
    pieces: if cfg!(loom) { 2 } else { 4 },
};

/// What one worker writes to one node.
#[derive(Debug)]
pub struct Channel {
    remote: Ports,
    /// Our port for each worker of the node.
    ports: Box<[Port]>,
    /// Which workers were written to since the last flush.
    touched: Box<[bool]>,
    /// Workers that slept when we flushed, and are to be woken; each once.
    bells: Vec<u16>,
    /// Whether any of `touched` is set.
    is_touched: bool,
    is_dead: bool,
}

impl Channel {
    /// The channel of worker `writer`, as the node that reads `remote` counts those that write.
    ///
    /// # Panics
    /// If the layout of `remote` has no such writer.
    pub fn new(remote: &Ports, writer: u16) -> Self {
        let workers = remote.layout().workers;
        Self {
            remote: remote.clone(),
            ports: (0..workers)
                .map(|worker| remote.port(writer, worker))
                .collect(),
            touched: vec![false; usize::from(workers)].into(),
            bells: Vec::new(),
            is_touched: false,
            is_dead: false,
        }
    }

    /// The workers of the node that slept when they were written to: their bells are to be rung.
    pub fn take_bells(&mut self) -> std::vec::Drain<'_, u16> {
        self.bells.drain(..)
    }

    /// Refuses everything from now on, because the peer is gone.
    pub fn kill(&mut self) {
        self.is_dead = true;
    }

    fn look_for_sleepers(&mut self) {
        self.is_touched = false;
        // SeqCst: the race in parking.rs; pairs with the fence in `Parking::announce`.
        fence(Ordering::SeqCst);
        for (worker, touched) in (0..).zip(&mut self.touched) {
            if std::mem::take(touched)
                && Parking::is_asleep(&self.remote, worker)
                && !self.bells.contains(&worker)
            {
                self.bells.push(worker);
            }
        }
    }
}

impl crate::rack::Channel for Channel {
    #[inline]
    fn push(&mut self, place: Place, used: &[u8], seal: u64) -> Result<(), Refusal> {
        if self.is_dead {
            return Err(Refusal::Dead);
        }
        let worker = usize::from(place.worker);
        self.ports[worker].store(place, used, seal);
        self.touched[worker] = true;
        self.is_touched = true;
        Ok(())
    }

    #[inline(always)]
    fn prepare(&mut self, place: Place) {
        self.ports[usize::from(place.worker)].prepare(place.ring, place.index);
    }

    #[inline]
    fn flush(&mut self) -> Result<(), Refusal> {
        if self.is_touched {
            self.look_for_sleepers();
        }
        if self.is_dead {
            return Err(Refusal::Dead);
        }
        Ok(())
    }
}
