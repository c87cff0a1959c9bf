//! The fabric between workers of one process: a copy and a Release store.
//!
//! The reader polls the line that is written, so it lies with both cores, and the store has to wait
//! until the reader's is gone. It is asked for ahead ([`Fabric::prepare`]), by so much as that takes:
//! a round trip of 117 instead of 130 ns. Earlier, and the reader's next look takes it back. Two
//! lines are asked for: small batches have no more.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | a slot of `peer`, to write it | the one `Memory` that `link` made for that ring | once the batch that was in it has been answered |

use crate::fabric::Fabric;
use crate::image::Image;
use crate::link::{ClientLink, TrusteeLink};
use crate::ring::Ring;

/// Slots in a ring: what fills the 100 ns of a round trip between two cores.
///
/// Measured on two cores: one slot gives 0.55 of the throughput of four, eight give no more. The
/// models have two, so that few batches go round the ring.
pub const DEPTH: usize = if cfg!(loom) { 2 } else { 4 };

/// Slot memory of the peer, in this process.
#[derive(Debug)]
pub struct Memory {
    peer: Ring,
}

impl Fabric for Memory {
    #[inline(always)]
    unsafe fn push(&mut self, index: usize, image: &Image, sequence: u32) {
        // SAFETY: the row of the table: this is the only `Memory` for the ring, so its only writer;
        // that the slot was answered is the caller's word.
        unsafe { self.peer.slot(index).publish(image, sequence) }
    }

    #[inline(always)]
    fn prepare(&mut self, index: usize) {
        self.peer.slot(index).prepare();
    }
}

/// Makes a link between a client and a trustee of this process.
///
/// ```
/// let (client, trustee) = gossamer_transport::memory::link();
/// assert!(client.is_idle());
/// assert_eq!(trustee.served(), 0);
/// ```
pub fn link() -> (ClientLink<Memory>, TrusteeLink<Memory>) {
    let requests = Ring::new(DEPTH);
    let responses = Ring::new(DEPTH);
    let peer = requests.clone();
    let client = ClientLink::new(Memory { peer }, responses.clone());
    let trustee = TrusteeLink::new(Memory { peer: responses }, requests);
    (client, trustee)
}
