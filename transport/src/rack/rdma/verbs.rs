//! The one file that calls verbs.
//!
//! What is made here keeps alive what it was made from: a region its domain, that its device, a
//! queue pair its region and its completion queue. So they end in the order in which the library
//! wants it, whoever drops what first.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | a pointer of the library | any thread, by calls of the library, which lock what they share | from the call that made it until the drop of its one owner here |
//! | the words of a region | this process as atomic words; the device, which reads them for what is sent and writes them for peers | as long as the region lives, which keeps the mapping |
//! | requests that are posted | their owner, by `&mut` (`requests.rs`); the library reads them during the call that posts them, and keeps no pointer | always |
//! | what the library fills | whoever has declared it | after the call that says it did; it is zero, or as a call before has filled it, before that, as a call need not fill all of it |
//!
//! What a device reads and writes is bounded by the region that it was told of, never by pointers
//! of ours: a request names words of its queue pair's region and is checked against it.

use std::ffi::{CStr, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use rdma_mummy_sys as sys;
use rustix::mm::{Advice, madvise};

use crate::rack::mapping::Mapping;
use crate::rack::rdma::completion::{Completion, Status};
use crate::rack::rdma::error::{RdmaError, made, ok, unblock};
use crate::rack::rdma::in_order::query_in_order;
use crate::rack::rdma::live::{Counted, Kind};
use crate::rack::rdma::owner::owner;
use crate::rack::rdma::queue_pair::Capacity;
use crate::rack::rdma::requests::{Gathered, Receives};

/// The bytes of an address; its index, port and kind.
pub(super) type GidEntry = ([u8; 16], [u32; 3]);

owner! {
    /// An open device.
    Device of ibv_context until ibv_close_device with {}
}
owner! {
    /// What regions and queue pairs belong to.
    Domain of ibv_pd until ibv_dealloc_pd with { device: Arc<Device>, }
}
owner! {
    /// Memory that the device may read, and that peers may write who have its key.
    Region of ibv_mr until ibv_dereg_mr with { memory: Arc<Mapping>, domain: Arc<Domain>, }
}
owner! {
    /// What makes a descriptor readable when something completes.
    Events of ibv_comp_channel until ibv_destroy_comp_channel with { _device: Arc<Device>, }
}
owner! {
    /// Where the device says what has become of requests.
    CompletionQueue of ibv_cq until ibv_destroy_cq with {
        events: Events,
        found: Box<[MaybeUninit<sys::ibv_wc>; POLL_MAX]>,
    }
}
owner! {
    /// A queue pair in any state; see [`QueuePair`](super::queue_pair::QueuePair).
    Pair of ibv_qp until ibv_destroy_qp with {
        completions: CompletionQueue,
        region: Arc<Region>,
    }
}

impl Device {
    /// Goes through all devices, by name, until one gives an answer; `open` opens it.
    pub(super) fn find<R>(
        mut ask: impl FnMut(&str, &dyn Fn() -> Result<Arc<Self>, RdmaError>) -> Option<R>,
    ) -> Result<Option<R>, RdmaError> {
        let mut count = 0;
        // SAFETY: it fills `count`, row 4.
        let list = made("ibv_get_device_list", unsafe {
            sys::ibv_get_device_list(&raw mut count)
        })?;
        let mut answer = None;
        for at in 0..count as usize {
            // SAFETY: the list has so many entries.
            let entry = unsafe { list.add(at) };
            // SAFETY: as above.
            let device = unsafe { entry.read() };
            // SAFETY: row 1: its list is not freed yet.
            let name = unsafe { sys::ibv_get_device_name(device) };
            // SAFETY: row 1: the name ends in a zero.
            let name = unsafe { CStr::from_ptr(name) };
            answer = ask(&name.to_string_lossy(), &|| Self::open(device));
            if answer.is_some() {
                break;
            }
        }
        // SAFETY: row 1: what was opened of it does not need it.
        unsafe { sys::ibv_free_device_list(list.as_ptr()) };
        Ok(answer)
    }

    /// Opens a device of a list that is not freed yet.
    fn open(device: *mut sys::ibv_device) -> Result<Arc<Self>, RdmaError> {
        // SAFETY: row 1: only `find` calls this, with a device of its list.
        let context = unsafe { sys::ibv_open_device(device) };
        let device = Self {
            pointer: made("ibv_open_device", context)?,
            _counted: Counted::new(Kind::Device),
        };
        unblock(&device)?;
        Ok(Arc::new(device))
    }

    pub(super) fn attributes(&self) -> Result<sys::ibv_device_attr, RdmaError> {
        let mut found = MaybeUninit::zeroed();
        // SAFETY: rows 1 and 4.
        let done = unsafe { sys::ibv_query_device(self.pointer.as_ptr(), found.as_mut_ptr()) };
        ok("ibv_query_device", done)?;
        // SAFETY: row 4; and any bits are a value of its fields.
        Ok(unsafe { found.assume_init() })
    }

    pub(super) fn port(&self, number: u8) -> Result<sys::ibv_port_attr, RdmaError> {
        let mut found = MaybeUninit::zeroed();
        let (context, target) = (self.pointer.as_ptr(), found.as_mut_ptr());
        // SAFETY: rows 1 and 4.
        let done = unsafe { sys::ibv_query_port(context, number, target) };
        ok("ibv_query_port", done)?;
        // SAFETY: row 4; and any bits are a value of its fields.
        Ok(unsafe { found.assume_init() })
    }

    /// The addresses of all its ports.
    pub(super) fn gids(&self) -> Result<Vec<GidEntry>, RdmaError> {
        let mut found = vec![MaybeUninit::<sys::ibv_gid_entry>::zeroed(); GIDS_MAX];
        let (context, target) = (self.pointer.as_ptr(), found.as_mut_ptr().cast());
        // SAFETY: rows 1 and 4: there is room for so many.
        let count = unsafe { sys::ibv_query_gid_table(context, target, GIDS_MAX, 0) };
        let count = usize::try_from(count).map_err(|_| RdmaError::System {
            call: "ibv_query_gid_table",
            source: io::Error::from_raw_os_error(-count as i32),
        })?;
        let entries = found.iter().take(count).map(|entry| {
            // SAFETY: row 4; and any bits are a value of its fields.
            let entry = unsafe { entry.assume_init_ref() };
            // SAFETY: any bits are bytes.
            let gid = unsafe { entry.gid.raw };
            (gid, [entry.gid_index, entry.port_num, entry.gid_type])
        });
        Ok(entries.collect())
    }

    /// What the device has said of itself since it was asked last: the number of an event.
    pub(super) fn poll_event(&self) -> Option<u32> {
        let mut event = MaybeUninit::<sys::ibv_async_event>::zeroed();
        // SAFETY: rows 1 and 4; the descriptor does not block.
        let done = unsafe { sys::ibv_get_async_event(self.pointer.as_ptr(), event.as_mut_ptr()) };
        if done != 0 {
            return None;
        }
        let event = event.as_mut_ptr();
        // SAFETY: row 4.
        let kind = unsafe { &raw const (*event).event_type };
        // SAFETY: row 4; read as the number that it is, as it may have none of the binding's names.
        let kind = unsafe { kind.cast::<u32>().read() };
        // SAFETY: row 1: as it came, once.
        unsafe { sys::ibv_ack_async_event(event) };
        Some(kind)
    }
}

impl AsFd for Device {
    /// Readable when the device says something of itself.
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: row 1.
        let number = unsafe { self.pointer.as_ref() }.async_fd;
        // SAFETY: row 1: it is open as long as the device is.
        unsafe { BorrowedFd::borrow_raw(number) }
    }
}

impl Domain {
    pub(super) fn new(device: Arc<Device>) -> Result<Arc<Self>, RdmaError> {
        // SAFETY: row 1.
        let domain = unsafe { sys::ibv_alloc_pd(device.pointer.as_ptr()) };
        Ok(Arc::new(Self {
            pointer: made("ibv_alloc_pd", domain)?,
            device,
            _counted: Counted::new(Kind::Domain),
        }))
    }

    pub(super) fn device(&self) -> &Arc<Device> {
        &self.device
    }
}

impl Region {
    pub(super) fn register(
        domain: &Arc<Domain>,
        memory: Arc<Mapping>,
    ) -> Result<Arc<Self>, RdmaError> {
        let words = memory.words();
        let flags = sys::ibv_access_flags::IBV_ACCESS_LOCAL_WRITE.0
            | sys::ibv_access_flags::IBV_ACCESS_REMOTE_WRITE.0;
        let (pointer, bytes) = (words.as_ptr().cast_mut().cast(), size_of_val(words));
        // Where a fork shares pages with the child, our next write would get a page of its own, and
        // the device would stay with the old one.
        // SAFETY: row 2: it is mapped, in whole pages; only what a child has is changed.
        unsafe { madvise(pointer, bytes, Advice::LinuxDontFork) }.map_err(|source| {
            RdmaError::System {
                call: "madvise",
                source: source.into(),
            }
        })?;
        let domain_pointer = domain.pointer.as_ptr();
        // SAFETY: rows 1 and 2: the words are mapped as long as the region lives, and are atomics,
        // of which whatever the device stores is a value.
        let region = unsafe { sys::ibv_reg_mr(domain_pointer, pointer, bytes, flags as c_int) };
        Ok(Arc::new(Self {
            pointer: made("ibv_reg_mr", region).map_err(|error| error.of_memory(bytes as u64))?,
            memory,
            domain: Arc::clone(domain),
            _counted: Counted::new(Kind::Region),
        }))
    }

    pub(super) fn memory(&self) -> &Arc<Mapping> {
        &self.memory
    }

    pub(super) fn domain(&self) -> &Arc<Domain> {
        &self.domain
    }

    /// Where it begins, as the device counts.
    pub(super) fn address(&self) -> u64 {
        self.memory.words().as_ptr() as u64
    }

    /// What a peer needs to write there.
    pub(super) fn key(&self) -> u32 {
        // SAFETY: row 1.
        unsafe { self.pointer.as_ref() }.rkey
    }

    pub(super) fn local_key(&self) -> u32 {
        // SAFETY: row 1.
        unsafe { self.pointer.as_ref() }.lkey
    }
}

impl CompletionQueue {
    pub(super) fn new(device: &Arc<Device>, entries: u32) -> Result<Self, RdmaError> {
        let context = device.pointer.as_ptr();
        // SAFETY: row 1.
        let events = unsafe { sys::ibv_create_comp_channel(context) };
        let events = Events {
            pointer: made("ibv_create_comp_channel", events)?,
            _device: Arc::clone(device),
            _counted: Counted::new(Kind::Events),
        };
        unblock(&events)?;
        let found = Box::new([const { MaybeUninit::zeroed() }; POLL_MAX]);
        let (entries, channel) = (entries.cast_signed(), events.pointer.as_ptr());
        // SAFETY: row 1.
        let queue = unsafe { sys::ibv_create_cq(context, entries, null_mut(), channel, 0) };
        Ok(Self {
            pointer: made("ibv_create_cq", queue)?,
            events,
            found,
            _counted: Counted::new(Kind::CompletionQueue),
        })
    }

    /// Takes some of what has completed; returns how many that were: fewer than [`POLL_MAX`] if there
    /// were no more.
    pub(super) fn poll(&mut self, mut each: impl FnMut(Completion)) -> Result<usize, RdmaError> {
        let (queue, target) = (self.pointer.as_ptr(), self.found.as_mut_ptr().cast());
        // SAFETY: rows 1 and 4: there is room for so many.
        let count = unsafe { sys::ibv_poll_cq(queue, POLL_MAX as c_int, target) };
        let count = usize::try_from(count).map_err(|_| RdmaError::Overrun)?;
        // Of what has failed, and of what was sent, devices fill a part, and leave the rest as it was.
        for completion in &self.found[..count] {
            // SAFETY: row 4; and any bits are a value of its fields.
            let completion = unsafe { completion.assume_init_ref() };
            // SAFETY: any bits are a number.
            let immediate = unsafe { completion.imm_data_invalidated_rkey_union.imm_data };
            each(Completion {
                id: completion.wr_id,
                status: Status(completion.status),
                immediate: u32::from_be(immediate),
                bytes: completion.byte_len,
            });
        }
        Ok(count)
    }

    /// Has the descriptor become readable when something completes; what has completed before is to
    /// be looked for afterwards.
    pub(super) fn arm(&self) -> Result<(), RdmaError> {
        // Not for failures alone: soft-RoCE then tells of none.
        // SAFETY: row 1.
        let done = unsafe { sys::ibv_req_notify_cq(self.pointer.as_ptr(), 0) };
        ok("ibv_req_notify_cq", done)
    }

    /// Takes what has made the descriptor readable; returns whether there was something.
    pub(super) fn take_events(&self) -> bool {
        let mut count = 0;
        let (events, mut queue, mut context) = (self.events.pointer, null_mut(), null_mut());
        // SAFETY: rows 1 and 4; the descriptor does not block.
        while unsafe { sys::ibv_get_cq_event(events.as_ptr(), &raw mut queue, &raw mut context) }
            == 0
        {
            count += 1;
        }
        // SAFETY: row 1: as many as came, of the one queue that has these events.
        unsafe { sys::ibv_ack_cq_events(self.pointer.as_ptr(), count) };
        count > 0
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: row 1.
        let number = unsafe { self.pointer.as_ref() }.fd;
        // SAFETY: row 1: it is open as long as the events live.
        unsafe { BorrowedFd::borrow_raw(number) }
    }
}

impl AsFd for CompletionQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

impl Pair {
    /// A queue pair, and what it was given of what was asked for.
    pub(super) fn new(
        region: &Arc<Region>,
        completions: CompletionQueue,
        asked: Capacity,
    ) -> Result<(Self, Capacity), RdmaError> {
        let mut attributes = asked.to_attributes(completions.pointer.as_ptr());
        let domain = region.domain.pointer.as_ptr();
        // SAFETY: rows 1 and 4.
        let pair = unsafe { sys::ibv_create_qp(domain, &raw mut attributes) };
        let pair = Self {
            pointer: made("ibv_create_qp", pair)?,
            completions,
            region: Arc::clone(region),
            _counted: Counted::new(Kind::QueuePair),
        };
        Ok((pair, Capacity::of(&attributes.cap)))
    }

    pub(super) fn completions(&self) -> &CompletionQueue {
        &self.completions
    }

    pub(super) fn completions_mut(&mut self) -> &mut CompletionQueue {
        &mut self.completions
    }

    pub(super) fn region(&self) -> &Arc<Region> {
        &self.region
    }

    /// By which number the peer names it.
    pub(super) fn number(&self) -> u32 {
        // SAFETY: row 1.
        unsafe { self.pointer.as_ref() }.qp_num
    }

    /// Sets what `mask` names, as `set` says.
    pub(super) fn modify(
        &mut self,
        mask: sys::ibv_qp_attr_mask,
        set: impl FnOnce(&mut sys::ibv_qp_attr),
    ) -> Result<(), RdmaError> {
        // SAFETY: zeros are a value of all its fields.
        let mut attributes = unsafe { MaybeUninit::<sys::ibv_qp_attr>::zeroed().assume_init() };
        set(&mut attributes);
        let (pair, mask) = (self.pointer.as_ptr(), mask.0 as c_int);
        // SAFETY: rows 1 and 4.
        let done = unsafe { sys::ibv_modify_qp(pair, &raw mut attributes, mask) };
        ok("ibv_modify_qp", done)
    }

    /// Whether the bytes of a WRITE are to be seen in their order.
    pub(super) fn is_in_order(&self) -> bool {
        let write = sys::ibv_wr_opcode::IBV_WR_RDMA_WRITE;
        // SAFETY: row 1.
        query_in_order().is_some_and(|ask| unsafe { ask(self.pointer.as_ptr(), write, 0) } == 1)
    }

    /// Posts all that was gathered, with one doorbell.
    pub(super) fn post(&mut self, gathered: &mut Gathered) -> Result<(), RdmaError> {
        let first = gathered.take();
        if first.is_null() {
            return Ok(());
        }
        let (pair, mut refused) = (self.pointer.as_ptr(), null_mut());
        // SAFETY: rows 1 and 3. What they name lies in the region: `Gathered::push` has checked it.
        let done = unsafe { sys::ibv_post_send(pair, first, &raw mut refused) };
        ok("ibv_post_send", done)
    }

    /// Posts so many receives, each of which takes one immediate.
    pub(super) fn post_receives(
        &mut self,
        receives: &mut Receives,
        mut count: usize,
    ) -> Result<(), RdmaError> {
        while count > 0 {
            let (first, now) = receives.first(count);
            let (pair, mut refused) = (self.pointer.as_ptr(), null_mut());
            // SAFETY: rows 1 and 3.
            let done = unsafe { sys::ibv_post_recv(pair, first, &raw mut refused) };
            ok("ibv_post_recv", done)?;
            count -= now;
        }
        Ok(())
    }
}

/// The most that one poll takes.
pub(super) const POLL_MAX: usize = 16;
/// More than devices have.
const GIDS_MAX: usize = 1024;
