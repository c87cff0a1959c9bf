//! Plain verbs, as few as a ping-pong and a stream need: a device, one region, queue pairs with one
//! completion queue. Nothing of it is given back: the process ends with its measurement.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | pointers of the library | the one `End` that has made them | always, as they are never given back |
//! | the words of the region | this process and the device, as atomic words | always, as they are leaked |
//! | requests that are posted | their owner; the library, during the call that posts them | always |
//! | what the library fills, zero before | whoever has declared it | after the call that says it did |

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicU64;

use rdma_mummy_sys as sys;
use serde::{Deserialize, Serialize};

use super::talk::Talk;

/// One side: queue pairs that are connected to those of the other.
pub(super) struct End {
    completions: NonNull<sys::ibv_cq>,
    words: &'static [AtomicU64],
    key: u32,
    pairs: Vec<Pair>,
    theirs: Card,
    sizes: Sizes,
    requests: Vec<(sys::ibv_send_wr, sys::ibv_sge)>,
}

/// A queue pair, and how many WRITEs were posted to it, until the last that was signalled, and are
/// known to be done.
struct Pair {
    pointer: NonNull<sys::ibv_qp>,
    posted: u64,
    signalled: u64,
    done: u64,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Sizes {
    pub(super) words: usize,
    pub(super) pairs: usize,
    /// WRITEs of one queue pair that may be under way.
    pub(super) depth: usize,
    /// One in so many is signalled.
    pub(super) signal_every: u64,
    /// The most bytes of a WRITE that its request carries itself.
    pub(super) inline_bytes: usize,
}

/// What the other side has to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Card {
    numbers: Vec<u32>,
    gid: [u8; 16],
    address: u64,
    key: u32,
}

impl End {
    /// Opens the device, and meets the other side.
    pub(super) fn meet(peer: Option<SocketAddr>, device: &str, sizes: Sizes) -> (Self, Talk) {
        let context = open(device);
        let (gid, index, mtu) = port_of(context);
        // SAFETY: row 1.
        let domain = made(unsafe { sys::ibv_alloc_pd(context.as_ptr()) });
        let words: Vec<_> = (0..sizes.words).map(|_| AtomicU64::new(0)).collect();
        let words: &'static [AtomicU64] = words.leak();
        let flags = sys::ibv_access_flags::IBV_ACCESS_LOCAL_WRITE.0
            | sys::ibv_access_flags::IBV_ACCESS_REMOTE_WRITE.0;
        let (start, bytes) = (words.as_ptr(), size_of_val(words));
        // SAFETY: rows 1 and 2.
        let region = made(unsafe {
            sys::ibv_reg_mr(
                domain.as_ptr(),
                start.cast_mut().cast(),
                bytes,
                flags as i32,
            )
        });
        // SAFETY: row 1.
        let region = unsafe { region.as_ref() };
        let entries = (sizes.pairs * sizes.depth) as i32;
        // SAFETY: row 1.
        let completions = made(unsafe {
            sys::ibv_create_cq(context.as_ptr(), entries, null_mut(), null_mut(), 0)
        });
        let pairs = (0..sizes.pairs).map(|_| Pair::new(domain, completions, sizes));
        let pairs: Vec<_> = pairs.collect();
        let card = Card {
            numbers: pairs.iter().map(Pair::number).collect(),
            gid,
            address: start as u64,
            key: region.rkey,
        };
        let mut talk = Talk::begin(peer);
        let theirs: Card = talk.swap(&card);
        for (pair, number) in pairs.iter().zip(&theirs.numbers) {
            pair.connect(*number, theirs.gid, index, mtu);
        }
        // Nobody writes before both are connected.
        let () = talk.swap(&());
        let end = Self {
            completions,
            words,
            key: region.lkey,
            pairs,
            theirs,
            sizes,
            requests: Vec::new(),
        };
        (end, talk)
    }

    pub(super) fn words(&self) -> &'static [AtomicU64] {
        self.words
    }

    /// Adds a WRITE of so many words to what is posted next, from a word of ours to one of theirs.
    pub(super) fn write(&mut self, from: usize, to: usize, words: usize) {
        let source = &self.words[from..][..words];
        let part = sys::ibv_sge {
            addr: source.as_ptr() as u64,
            length: size_of_val(source) as u32,
            lkey: self.key,
        };
        // SAFETY: null pointers and zeros are a request, to be filled in.
        let mut request = unsafe { MaybeUninit::<sys::ibv_send_wr>::zeroed().assume_init() };
        request.num_sge = 1;
        request.opcode = sys::ibv_wr_opcode::IBV_WR_RDMA_WRITE;
        if 8 * words <= self.sizes.inline_bytes {
            request.send_flags = sys::ibv_send_flags::IBV_SEND_INLINE.0;
        }
        request.wr.rdma = sys::rdma_t {
            remote_addr: self.theirs.address + 8 * to as u64,
            rkey: self.theirs.key,
        };
        self.requests.push((request, part));
    }

    /// Posts what was added to one of the queue pairs, with one doorbell.
    pub(super) fn ring(&mut self, at: usize) {
        // And before the queue is full.
        let signal_every = self.sizes.signal_every.min(self.sizes.depth as u64 / 2);
        let pair = &mut self.pairs[at];
        for (request, _) in &mut self.requests {
            pair.posted += 1;
            request.wr_id = (at as u64) << 48 | pair.posted;
            if pair.posted - pair.signalled >= signal_every {
                pair.signalled = pair.posted;
                request.send_flags |= sys::ibv_send_flags::IBV_SEND_SIGNALED.0;
            }
        }
        let mut next = null_mut();
        for (request, part) in self.requests.iter_mut().rev() {
            request.sg_list = part;
            request.next = next;
            next = request;
        }
        let (pair, mut refused) = (pair.pointer.as_ptr(), null_mut());
        // SAFETY: rows 1 and 3; `write` has taken the bytes from the region.
        let done = unsafe { sys::ibv_post_send(pair, next, &raw mut refused) };
        assert_eq!(done, 0, "a WRITE can be posted");
        self.requests.clear();
    }

    /// Waits until one of the queue pairs has room for so many WRITEs.
    pub(super) fn wait_for_room(&mut self, at: usize, writes: usize) {
        let depth = self.sizes.depth as u64;
        while self.pairs[at].posted + writes as u64 - self.pairs[at].done > depth {
            self.poll();
        }
    }

    /// Waits until all is done.
    pub(super) fn settle(&mut self) {
        self.sizes.signal_every = 1;
        for at in 0..self.pairs.len() {
            self.wait_for_room(at, 1);
            self.write(0, 0, 1);
            self.ring(at);
        }
        while self.pairs.iter().any(|pair| pair.done < pair.posted) {
            self.poll();
        }
    }

    /// Takes what has completed.
    fn poll(&mut self) {
        let mut found = [const { MaybeUninit::<sys::ibv_wc>::zeroed() }; POLL_MAX];
        let (queue, target) = (self.completions.as_ptr(), found.as_mut_ptr().cast());
        // SAFETY: rows 1 and 4: there is room for so many.
        let count = unsafe { sys::ibv_poll_cq(queue, POLL_MAX as i32, target) };
        let count = usize::try_from(count).expect("there is room for all completions");
        for completion in &found[..count] {
            // SAFETY: row 4; and any bits are a value of its fields.
            let completion = unsafe { completion.assume_init_ref() };
            assert_eq!(completion.status, 0, "a WRITE is done");
            let pair = &mut self.pairs[(completion.wr_id >> 48) as usize];
            pair.done = completion.wr_id & ((1 << 48) - 1);
        }
    }
}

impl Pair {
    fn new(domain: NonNull<sys::ibv_pd>, queue: NonNull<sys::ibv_cq>, sizes: Sizes) -> Self {
        let mut attributes = sys::ibv_qp_init_attr {
            qp_context: null_mut(),
            send_cq: queue.as_ptr(),
            recv_cq: queue.as_ptr(),
            srq: null_mut(),
            cap: sys::ibv_qp_cap {
                max_send_wr: sizes.depth as u32,
                max_recv_wr: 1,
                max_send_sge: 1,
                max_recv_sge: 1,
                max_inline_data: sizes.inline_bytes as u32,
            },
            qp_type: sys::ibv_qp_type::IBV_QPT_RC,
            sq_sig_all: 0,
        };
        // SAFETY: rows 1 and 4.
        let pair = unsafe { sys::ibv_create_qp(domain.as_ptr(), &raw mut attributes) };
        Self {
            pointer: made(pair),
            posted: 0,
            signalled: 0,
            done: 0,
        }
    }

    fn number(&self) -> u32 {
        // SAFETY: row 1.
        unsafe { self.pointer.as_ref() }.qp_num
    }

    /// To the peer of this number and address, by the address of this index.
    fn connect(&self, number: u32, gid: [u8; 16], index: u8, mtu: u32) {
        use sys::ibv_qp_attr_mask as mask;
        let first = mask::IBV_QP_PKEY_INDEX | mask::IBV_QP_PORT | mask::IBV_QP_ACCESS_FLAGS;
        self.modify(first, sys::ibv_qp_state::IBV_QPS_INIT, |attributes| {
            attributes.port_num = 1;
            attributes.qp_access_flags = sys::ibv_access_flags::IBV_ACCESS_REMOTE_WRITE.0;
        });
        let second = mask::IBV_QP_AV
            | mask::IBV_QP_PATH_MTU
            | mask::IBV_QP_DEST_QPN
            | mask::IBV_QP_RQ_PSN
            | mask::IBV_QP_MAX_DEST_RD_ATOMIC
            | mask::IBV_QP_MIN_RNR_TIMER;
        self.modify(second, sys::ibv_qp_state::IBV_QPS_RTR, |attributes| {
            attributes.path_mtu = mtu;
            attributes.dest_qp_num = number;
            attributes.max_dest_rd_atomic = 1;
            attributes.min_rnr_timer = 1;
            attributes.ah_attr.port_num = 1;
            attributes.ah_attr.is_global = 1;
            attributes.ah_attr.grh.dgid.raw = gid;
            attributes.ah_attr.grh.sgid_index = index;
            attributes.ah_attr.grh.hop_limit = 64;
        });
        let third = mask::IBV_QP_TIMEOUT
            | mask::IBV_QP_RETRY_CNT
            | mask::IBV_QP_RNR_RETRY
            | mask::IBV_QP_SQ_PSN
            | mask::IBV_QP_MAX_QP_RD_ATOMIC;
        self.modify(third, sys::ibv_qp_state::IBV_QPS_RTS, |attributes| {
            attributes.timeout = TIMEOUT;
            attributes.retry_cnt = 7;
            attributes.rnr_retry = 7;
            attributes.max_rd_atomic = 1;
        });
    }

    fn modify(
        &self,
        mask: sys::ibv_qp_attr_mask,
        state: u32,
        set: impl FnOnce(&mut sys::ibv_qp_attr),
    ) {
        // SAFETY: zeros are a value of all its fields.
        let mut attributes = unsafe { MaybeUninit::<sys::ibv_qp_attr>::zeroed().assume_init() };
        attributes.qp_state = state;
        set(&mut attributes);
        let mask = mask | sys::ibv_qp_attr_mask::IBV_QP_STATE;
        let (pair, mask) = (self.pointer.as_ptr(), mask.0 as i32);
        // SAFETY: rows 1 and 4.
        let done = unsafe { sys::ibv_modify_qp(pair, &raw mut attributes, mask) };
        assert_eq!(done, 0, "a queue pair can be connected");
    }
}

fn open(name: &str) -> NonNull<sys::ibv_context> {
    let mut count = 0;
    // SAFETY: row 4.
    let list = made(unsafe { sys::ibv_get_device_list(&raw mut count) });
    let mut devices = (0..count as usize).map(|at| {
        // SAFETY: the list, which is not given back, has so many entries.
        let entry = unsafe { list.add(at) };
        // SAFETY: as above.
        unsafe { entry.read() }
    });
    let device = devices.find(|device| {
        // SAFETY: row 1.
        let found = unsafe { sys::ibv_get_device_name(*device) };
        // SAFETY: row 1: the name ends in a zero.
        let found = unsafe { CStr::from_ptr(found) };
        found.to_bytes() == name.as_bytes()
    });
    let device = device.expect("the device that was asked for is there");
    // SAFETY: row 1.
    made(unsafe { sys::ibv_open_device(device) })
}

/// The first address of IPv4 by RoCE v2, its index, and the bytes of a packet as the library has it.
fn port_of(context: NonNull<sys::ibv_context>) -> ([u8; 16], u8, u32) {
    let mut port = MaybeUninit::<sys::ibv_port_attr>::zeroed();
    // SAFETY: rows 1 and 4.
    let done = unsafe { sys::ibv_query_port(context.as_ptr(), 1, port.as_mut_ptr()) };
    assert_eq!(done, 0, "a device has a port");
    // SAFETY: row 4; and any bits are a value of its fields.
    let port = unsafe { port.assume_init() };
    let mut found = [const { MaybeUninit::<sys::ibv_gid_entry>::zeroed() }; GIDS_MAX];
    let (context, target) = (context.as_ptr(), found.as_mut_ptr().cast());
    // SAFETY: rows 1 and 4: there is room for so many.
    let count = unsafe { sys::ibv_query_gid_table(context, target, GIDS_MAX, 0) };
    let found = found[..usize::try_from(count).expect("a device has addresses")].iter();
    let mut gids = found.map(|entry| {
        // SAFETY: row 4; and any bits are a value of its fields.
        let entry = unsafe { entry.assume_init_ref() };
        // SAFETY: any bits are bytes.
        (
            entry.gid_type,
            unsafe { entry.gid.raw },
            entry.gid_index as u8,
        )
    });
    let is_ours = |&(kind, gid, _): &(u32, [u8; 16], u8)| {
        kind == ROCE_V2 && std::net::Ipv6Addr::from(gid).to_ipv4_mapped().is_some()
    };
    let (_, gid, index) = gids.find(is_ours).expect("it has one for RoCE v2");
    (gid, index, port.active_mtu)
}

fn made<T>(pointer: *mut T) -> NonNull<T> {
    let error = std::io::Error::last_os_error();
    NonNull::new(pointer).unwrap_or_else(|| panic!("the library of verbs: {error}"))
}

const POLL_MAX: usize = 16;
const GIDS_MAX: usize = 256;
const ROCE_V2: u32 = 2;
/// 67 ms, in the code of the library.
const TIMEOUT: u8 = 14;
