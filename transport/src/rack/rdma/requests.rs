//! Requests as the library takes them, in arrays that are used again: nothing is allocated for one.
//!
//! # Unsafe
//!
//! | what | who may touch it | when |
//! |---|---|---|
//! | the arrays | their owner, by `&mut`; the library, during the call that posts them | always |
//! | pointers in them | they lead into the same arrays, set by the method that hands out the first | until the next call of a method |

use std::mem::MaybeUninit;
use std::ptr::null_mut;

use rdma_mummy_sys as sys;

use crate::rack::rdma::queue_pair::Write;
use crate::rack::rdma::verbs::Region;

/// WRITEs of one queue pair that are to be posted together.
pub(super) struct Gathered {
    sends: Box<[sys::ibv_send_wr]>,
    parts: Box<[sys::ibv_sge]>,
    count: usize,
}

/// Receives that are posted again and again.
pub(super) struct Receives(Box<[sys::ibv_recv_wr]>);

// SAFETY: row 2 of the table: nothing but their own arrays is behind their pointers.
unsafe impl Send for Gathered {}
// SAFETY: as above.
unsafe impl Send for Receives {}

impl Gathered {
    pub(super) fn new(count_max: usize) -> Self {
        // SAFETY: null pointers and zeros are a request, to be filled in.
        let send = || unsafe { MaybeUninit::<sys::ibv_send_wr>::zeroed().assume_init() };
        let part = sys::ibv_sge {
            addr: 0,
            length: 0,
            lkey: 0,
        };
        Self {
            sends: (0..count_max).map(|_| send()).collect(),
            parts: vec![part; count_max].into(),
            count: 0,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.count == self.sends.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds one, which carries its bytes itself if they are no more than `inline_bytes_max`.
    ///
    /// # Panics
    /// If it is full, or the words are not of the region.
    pub(super) fn push(&mut self, region: &Region, write: &Write, inline_bytes_max: u32) {
        let words = &region.memory().words()[write.start..][..write.words];
        let part = sys::ibv_sge {
            addr: words.as_ptr() as u64,
            length: size_of_val(words) as u32,
            lkey: region.local_key(),
        };
        let mut flags = 0;
        if write.is_inline(inline_bytes_max) {
            flags |= sys::ibv_send_flags::IBV_SEND_INLINE.0;
        }
        if write.is_signalled {
            flags |= sys::ibv_send_flags::IBV_SEND_SIGNALED.0;
        }
        let send = &mut self.sends[self.count];
        send.wr_id = write.id;
        send.num_sge = (write.words > 0).into();
        send.send_flags = flags;
        send.opcode = match write.immediate {
            Some(_) => sys::ibv_wr_opcode::IBV_WR_RDMA_WRITE_WITH_IMM,
            None => sys::ibv_wr_opcode::IBV_WR_RDMA_WRITE,
        };
        let imm_data = write.immediate.unwrap_or(0).to_be();
        send.imm_data_invalidated_rkey_union.imm_data = imm_data;
        send.wr.rdma = sys::rdma_t {
            remote_addr: write.target,
            rkey: write.key,
        };
        self.parts[self.count] = part;
        self.count += 1;
    }

    /// Takes all that are there: the first, from which the others follow; null for none.
    pub(super) fn take(&mut self) -> *mut sys::ibv_send_wr {
        let count = std::mem::take(&mut self.count);
        let mut next = null_mut();
        let sends = self.sends[..count].iter_mut();
        for (send, part) in sends.zip(&mut self.parts[..count]).rev() {
            send.sg_list = part;
            send.next = next;
            next = send;
        }
        next
    }
}

impl Receives {
    pub(super) fn new(count_max: usize) -> Self {
        let receive = sys::ibv_recv_wr {
            wr_id: 0,
            next: null_mut(),
            sg_list: null_mut(),
            num_sge: 0,
        };
        Self(vec![receive; count_max].into())
    }

    /// The first of as many as asked for, or as there are; and how many follow each other.
    pub(super) fn first(&mut self, count: usize) -> (*mut sys::ibv_recv_wr, usize) {
        let count = count.min(self.0.len());
        let mut next = null_mut();
        for receive in self.0[..count].iter_mut().rev() {
            receive.next = next;
            next = receive;
        }
        (next, count)
    }
}
