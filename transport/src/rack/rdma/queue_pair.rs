//! [`QueuePair`]: one end of a reliable connection, in states that are types.
//!
//! ```text
//!  new          init           ready_to_receive                  ready_to_send
//!  ───► Reset ───────► Init ─────────────────────► ReadyToReceive ──────────────► ReadyToSend
//!                             the peer may write                   we may write
//! ```

use std::ptr::null_mut;
use std::sync::Arc;
use std::time::Duration;

use rdma_mummy_sys as sys;

use crate::rack::rdma::adapter::Adapter;
use crate::rack::rdma::card::Card;
use crate::rack::rdma::error::RdmaError;
use crate::rack::rdma::requests::{Gathered, Receives};
use crate::rack::rdma::verbs::{CompletionQueue, Pair, Region};

/// One end of a reliable connection; `S` says how far it is.
pub(super) struct QueuePair<S> {
    pair: Pair,
    capacity: Capacity,
    state: S,
}

/// It is made, and nothing else.
pub(super) struct Reset;
/// It belongs to a port, and has a card for the peer.
pub(super) struct Init {
    card: Card,
}
/// It knows its peer, which may write.
pub(super) struct ReadyToReceive {
    receives: Receives,
}
/// It may write.
pub(super) struct ReadyToSend {
    gathered: Gathered,
}

/// How much a queue pair can have under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    pub(super) sends: u32,
    pub(super) receives: u32,
    /// The most bytes that a request carries itself.
    pub(super) inline_bytes: u32,
}

impl Capacity {
    /// What the library is asked for: a reliable connection whose requests complete in this queue.
    pub(super) fn to_attributes(self, completions: *mut sys::ibv_cq) -> sys::ibv_qp_init_attr {
        sys::ibv_qp_init_attr {
            qp_context: null_mut(),
            send_cq: completions,
            recv_cq: completions,
            srq: null_mut(),
            cap: sys::ibv_qp_cap {
                max_send_wr: self.sends,
                max_recv_wr: self.receives,
                max_send_sge: 1,
                max_recv_sge: 1,
                max_inline_data: self.inline_bytes,
            },
            qp_type: sys::ibv_qp_type::IBV_QPT_RC,
            sq_sig_all: 0,
        }
    }

    /// What was granted.
    pub(super) fn of(granted: &sys::ibv_qp_cap) -> Self {
        Self {
            sends: granted.max_send_wr,
            receives: granted.max_recv_wr,
            inline_bytes: granted.max_inline_data,
        }
    }
}

/// A WRITE of words of our region into a peer's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    pub(super) id: u64,
    /// In which word of the region it begins, and how many there are.
    pub(super) start: usize,
    pub(super) words: usize,
    pub(super) target: u64,
    pub(super) key: u32,
    /// What the peer is told; if it is, it needs a receive.
    pub(super) immediate: Option<u32>,
    pub(super) is_signalled: bool,
}

impl Write {
    /// Whether its request carries its bytes itself, of which that takes so many: then they are
    /// read when it is posted, else until it is done.
    pub(super) fn is_inline(&self, bytes_max: u32) -> bool {
        8 * self.words <= bytes_max as usize
    }
}

impl<S> QueuePair<S> {
    pub(super) fn completions(&self) -> &CompletionQueue {
        self.pair.completions()
    }

    pub(super) fn completions_mut(&mut self) -> &mut CompletionQueue {
        self.pair.completions_mut()
    }

    pub(super) fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Whether the bytes of a WRITE that comes are to be seen in their order.
    pub(super) fn is_in_order(&self) -> bool {
        self.pair.is_in_order()
    }
}

impl QueuePair<Reset> {
    /// A queue pair with a completion queue of its own, in which there is room for all that it may
    /// have under way: in the end all of that completes. Of bytes inline it takes as many as the
    /// device gives, and no device that gives none: a seal that goes alone must be its own.
    pub(super) fn new(region: &Arc<Region>, sends: u32, receives: u32) -> Result<Self, RdmaError> {
        let device = region.domain().device();
        let (pair, granted) = with_most_inline(|inline_bytes| {
            let completions = CompletionQueue::new(device, sends + receives)?;
            let asked = Capacity {
                sends,
                receives,
                inline_bytes,
            };
            Pair::new(region, completions, asked)
        })?;
        Ok(Self {
            pair,
            // For what is granted beyond that, the completion queue has no room.
            capacity: Capacity {
                sends: granted.sends.min(sends),
                receives: granted.receives.min(receives),
                ..granted
            },
            state: Reset,
        })
    }

    /// Assigns it to a port; only if it `takes_writes`, its peer may write into the region.
    pub(super) fn init(
        mut self,
        adapter: &Adapter,
        takes_writes: bool,
    ) -> Result<QueuePair<Init>, RdmaError> {
        let mask = sys::ibv_qp_attr_mask::IBV_QP_STATE
            | sys::ibv_qp_attr_mask::IBV_QP_PKEY_INDEX
            | sys::ibv_qp_attr_mask::IBV_QP_PORT
            | sys::ibv_qp_attr_mask::IBV_QP_ACCESS_FLAGS;
        self.pair.modify(mask, |attributes| {
            attributes.qp_state = sys::ibv_qp_state::IBV_QPS_INIT;
            attributes.port_num = adapter.port();
            if takes_writes {
                attributes.qp_access_flags = sys::ibv_access_flags::IBV_ACCESS_REMOTE_WRITE.0;
            }
        })?;
        let region = self.pair.region();
        let card = adapter.card(self.pair.number(), region.address(), region.key());
        Ok(QueuePair {
            pair: self.pair,
            capacity: self.capacity,
            state: Init { card },
        })
    }
}

impl QueuePair<Init> {
    /// What the peer has to know.
    pub(super) fn card(&self) -> Card {
        self.state.card
    }

    /// Connects it to the peer, which may write from now on.
    pub(super) fn ready_to_receive(
        mut self,
        adapter: &Adapter,
        peer: &Card,
    ) -> Result<QueuePair<ReadyToReceive>, RdmaError> {
        let mask = sys::ibv_qp_attr_mask::IBV_QP_STATE
            | sys::ibv_qp_attr_mask::IBV_QP_AV
            | sys::ibv_qp_attr_mask::IBV_QP_PATH_MTU
            | sys::ibv_qp_attr_mask::IBV_QP_DEST_QPN
            | sys::ibv_qp_attr_mask::IBV_QP_RQ_PSN
            | sys::ibv_qp_attr_mask::IBV_QP_MAX_DEST_RD_ATOMIC
            | sys::ibv_qp_attr_mask::IBV_QP_MIN_RNR_TIMER;
        let mtu = self.state.card.mtu.min(peer.mtu);
        self.pair.modify(mask, |attributes| {
            attributes.qp_state = sys::ibv_qp_state::IBV_QPS_RTR;
            attributes.path_mtu = mtu.into();
            attributes.dest_qp_num = peer.number;
            attributes.rq_psn = peer.sequence;
            attributes.max_dest_rd_atomic = 1;
            attributes.min_rnr_timer = RECEIVE_PAUSE;
            attributes.ah_attr.port_num = adapter.port();
            attributes.ah_attr.dlid = peer.lid;
            if adapter.is_ethernet() {
                attributes.ah_attr.is_global = 1;
                attributes.ah_attr.grh.dgid.raw = peer.gid;
                attributes.ah_attr.grh.sgid_index = adapter.gid_index();
                attributes.ah_attr.grh.hop_limit = HOPS_MAX;
            }
        })?;
        Ok(QueuePair {
            pair: self.pair,
            capacity: self.capacity,
            state: ReadyToReceive {
                receives: Receives::new(RECEIVES_AT_ONCE),
            },
        })
    }
}

impl QueuePair<ReadyToReceive> {
    /// Readies so many receives, each for one WRITE that tells something.
    pub(super) fn post_receives(&mut self, count: usize) -> Result<(), RdmaError> {
        self.pair.post_receives(&mut self.state.receives, count)
    }

    /// From now on it may write, in the sequence that `card` has told the peer of, and fails when a
    /// peer that does not answer has been asked for about `patience`.
    pub(super) fn ready_to_send(
        mut self,
        card: &Card,
        patience: Duration,
    ) -> Result<QueuePair<ReadyToSend>, RdmaError> {
        let mask = sys::ibv_qp_attr_mask::IBV_QP_STATE
            | sys::ibv_qp_attr_mask::IBV_QP_TIMEOUT
            | sys::ibv_qp_attr_mask::IBV_QP_RETRY_CNT
            | sys::ibv_qp_attr_mask::IBV_QP_RNR_RETRY
            | sys::ibv_qp_attr_mask::IBV_QP_SQ_PSN
            | sys::ibv_qp_attr_mask::IBV_QP_MAX_QP_RD_ATOMIC;
        self.pair.modify(mask, |attributes| {
            attributes.qp_state = sys::ibv_qp_state::IBV_QPS_RTS;
            attributes.timeout = timeout_of(patience);
            attributes.retry_cnt = RETRIES;
            attributes.rnr_retry = FOR_EVER;
            attributes.sq_psn = card.sequence;
            attributes.max_rd_atomic = 1;
        })?;
        Ok(QueuePair {
            pair: self.pair,
            capacity: self.capacity,
            state: ReadyToSend {
                gathered: Gathered::new(GATHERED_MAX),
            },
        })
    }
}

impl QueuePair<ReadyToSend> {
    /// Adds a WRITE to what the next [`ring`](Self::ring) posts; posts what there is if that is
    /// much.
    pub(super) fn write(&mut self, write: &Write) -> Result<(), RdmaError> {
        if self.state.gathered.is_full() {
            self.ring()?;
        }
        let inline_bytes = self.capacity.inline_bytes;
        let region = self.pair.region();
        self.state.gathered.push(region, write, inline_bytes);
        Ok(())
    }

    /// Posts what was written, with one doorbell.
    pub(super) fn ring(&mut self) -> Result<(), RdmaError> {
        self.pair.post(&mut self.state.gathered)
    }

    pub(super) fn is_gathering(&self) -> bool {
        !self.state.gathered.is_empty()
    }
}

/// What a device makes with as many bytes inline as it takes, of those that are worth asking for;
/// if it takes too few, why it makes nothing.
fn with_most_inline<T>(mut make: impl FnMut(u32) -> Result<T, RdmaError>) -> Result<T, RdmaError> {
    let mut bytes = INLINE_BYTES_MAX;
    loop {
        match make(bytes) {
            Err(_) if bytes > INLINE_BYTES_MIN => bytes /= 2,
            made => return made,
        }
    }
}

/// The exponent, as the device takes it, of the time after which it asks again, so that all of its
/// tries take about as long as this; those are up to four times as long as they are told to be.
fn timeout_of(patience: Duration) -> u8 {
    let units = patience.as_nanos() / (2 * u128::from(RETRIES + 1) * TIMEOUT_UNIT_NS);
    units.max(1).ilog2().clamp(1, 31) as u8
}

/// More has no place in a request of most devices, or makes all requests of a queue larger.
const INLINE_BYTES_MAX: u32 = 512;
/// Those of a seal.
pub(super) const INLINE_BYTES_MIN: u32 = 8;
/// WRITEs that are posted at once.
const GATHERED_MAX: usize = 256;
const RECEIVES_AT_ONCE: usize = 64;
/// 10 microseconds, in the code of the library: a peer without receives will have some at once.
const RECEIVE_PAUSE: u8 = 1;
const HOPS_MAX: u8 = 64;
/// One more is for ever, to some devices.
const RETRIES: u8 = 6;
const FOR_EVER: u8 = 7;
const TIMEOUT_UNIT_NS: u128 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// A seal that goes alone must be its own, so a device that takes less is not used.
    #[test]
    fn devices_that_take_few_bytes_inline() {
        for (taken_max, found) in [
            (1000, Some(512)),
            (512, Some(512)),
            (511, Some(256)),
            (9, Some(8)),
            (8, Some(8)),
            (7, None),
            (0, None),
        ] {
            let made = with_most_inline(|bytes| match bytes > taken_max {
                true => Err(RdmaError::Overrun),
                false => Ok(bytes),
            });
            assert_eq!(made.ok(), found, "of {taken_max}");
        }
    }

    #[test]
    fn all_tries_take_no_longer_than_the_patience() {
        for ms in [1, 10, 500, 5_000, 86_400_000] {
            let patience = Duration::from_millis(ms);
            let one = TIMEOUT_UNIT_NS << timeout_of(patience);
            let all = one * u128::from(RETRIES + 1);
            assert!(all <= patience.as_nanos(), "{ms} ms");
            assert!(
                4 * all > patience.as_nanos() || one == TIMEOUT_UNIT_NS << 31,
                "{ms} ms"
            );
        }
    }
}
