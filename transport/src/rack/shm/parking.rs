//! [`Parking`]: how a worker goes to sleep without missing what other processes write for it.
//!
//! ```text
//!            announce                  the sleeper:  announce, look again, block or cancel
//!        ┌────────────────►┐           a publisher:  store the seal, fence, look,
//!      AWAKE            SLEEPING                          and ring for who sleeps
//!        └◄────────────────┘
//!              cancel
//! ```
//!
//! The race by name is store buffering: the sleeper stores its state and loads seals; the publisher
//! stores a seal and loads the state. With a full fence between on both sides, one of the two
//! sees what the other stored.
//!
//! Only the sleeper writes its word, and every publisher that finds SLEEPING rings, whoever else
//! does: one that has looked may be stopped, or stuck in a long closure, before its bell is rung,
//! and no other may rely on it. A sleep may so cost a few bells, of which all but one say nothing
//! new; a ring of slots bounds how often a publisher finds something to publish meanwhile. One
//! that dies before it rings leaves a sleeper with what it wrote last: whoever watches for dead
//! processes wakes all workers when one has died.
//!
//! A peer that writes nonsense here makes a worker sleep that should not, or the reverse: what a
//! silent peer does, or a busy one.

use crate::rack::port::Ports;
use crate::sync::{AtomicU64, Ordering, fence};

/// The word in which one worker says that it sleeps.
///
/// ```
/// use gossamer_transport::rack::shm::{self, Parking};
/// use gossamer_transport::rack::{Channel, Layout, Place, Ports, RingKind};
///
/// let layout = Layout { writers: 1, workers: 1, geometry: shm::GEOMETRY };
/// let ports = Ports::private(layout)?;
/// let mut channel = shm::Channel::new(&ports, 0);
/// let parking = Parking::new(&ports, 0);
///
/// parking.announce();
/// // ... here the worker looks at its links once more ...
/// let place = Place { ring: RingKind::RequestCredit, worker: 0, index: 0 };
/// channel.push(place, &[], 1)?;
/// channel.flush()?;
/// assert!(channel.take_bells().eq([0]));
/// parking.cancel();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Parking {
    ports: Ports,
    worker: u16,
}

impl Parking {
    /// That of a worker of the node whose memory this is.
    ///
    /// # Panics
    /// If there is no such worker.
    pub fn new(ports: &Ports, worker: u16) -> Self {
        assert!(worker < ports.layout().workers, "no such worker");
        Self {
            ports: ports.clone(),
            worker,
        }
    }

    /// The worker says that it will sleep; it must then look at its links once more, and block
    /// until its bell rings, or [`cancel`](Self::cancel).
    #[inline]
    pub fn announce(&self) {
        // Relaxed: ordered by the fence.
        self.word().store(SLEEPING, Ordering::Relaxed);
        // SeqCst: the race in the module's text; pairs with the fence in `shm::Channel::flush`.
        fence(Ordering::SeqCst);
    }

    /// The worker is awake: it found something after all, or has been woken.
    #[inline]
    pub fn cancel(&self) {
        // Relaxed: publishes nothing. A bell that is rung all the same wakes the worker once for
        // nothing.
        self.word().store(AWAKE, Ordering::Relaxed);
    }

    /// After the fence of whoever published: whether a worker sleeps, and its bell is to be rung.
    #[inline]
    pub(super) fn is_asleep(ports: &Ports, worker: u16) -> bool {
        // Relaxed: ordered by the fence before. What wakes the worker is the bell, and what it
        // then sees it sees by the seals.
        ports.parking_word(worker).load(Ordering::Relaxed) == SLEEPING
    }

    #[inline(always)]
    fn word(&self) -> &AtomicU64 {
        self.ports.parking_word(self.worker)
    }
}

const AWAKE: u64 = 0;
const SLEEPING: u64 = 1;
