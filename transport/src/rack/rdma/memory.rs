//! [`Memory`]: the one region of a process, for what comes and for what goes.
//!
//! ```text
//! region:  [what peers write, as the layout says][mirror of a channel][mirror of a channel] ..
//! ```
//!
//! A mirror is what one worker writes to one node, as it lies there: a placement is put together
//! in its mirror and written from there, so that nothing keeps account of buffers. It is not
//! overwritten too early: a place is pushed to again only after its reader has answered, which it
//! does when the WRITE has arrived. What the device may still send of it then, as it has not heard
//! that it arrived, the peer's device drops. Two things are pushed again without an answer. Credit
//! is one word, and a later one is as good. A notice, which is the seal of an empty batch of
//! results, may be followed by that batch: it is posted before that, and carries its one word
//! itself, as do all seals that go alone, so that no notice has the seal of the batch.
//!
//! Where the device promises to let the bytes of a WRITE be seen in their order, peers write the
//! ports themselves, and whoever reads them polls the seal. Where it does not, the ports are
//! *veiled*: their seals are read elsewhere, and shown there when the device has said that all of a
//! placement is there. What a notice shows is a notice: the seal of the batch that follows it may
//! be seen by then, and its body not yet.

use std::io;
use std::sync::Arc;

use crate::rack::layout::{Geometry, Layout};
use crate::rack::mapping::Mapping;
use crate::rack::port::Ports;
use crate::rack::rdma::adapter::Adapter;
use crate::rack::rdma::error::RdmaError;
use crate::rack::rdma::verbs::Region;

/// Memory that the device has registered; a clone is the same.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    adapter: Adapter,
    region: Arc<Region>,
    ports: Ports,
    /// By mirror: in which word of the region it begins, and for how many workers it has room.
    mirrors: Box<[(usize, u16)]>,
}

impl Memory {
    /// Registers memory for what peers write, and a mirror for each channel: `mirrors` says how
    /// many workers its node has.
    ///
    /// All of it is locked in memory: a port takes [`Geometry`] kilobytes, at either end.
    ///
    /// # Errors
    /// [`RdmaError::Memlock`] if this process may not lock as much, and what else the system says.
    pub fn register(
        adapter: &Adapter,
        inbound: Layout,
        mirrors: impl IntoIterator<Item = u16>,
    ) -> Result<Self, RdmaError> {
        inbound.geometry.check();
        let of_memory = |source: io::Error| RdmaError::System {
            call: "mmap",
            source,
        };
        let mut words = inbound.words();
        let mirrors = mirrors.into_iter().map(|workers| {
            let start = words;
            words += usize::from(workers) * inbound.geometry.port_words();
            (start, workers)
        });
        let mirrors = mirrors.collect();
        let memory = Arc::new(Mapping::private(words).map_err(of_memory)?);
        let region = Region::register(adapter.domain(), Arc::clone(&memory))?;
        let written = Ports::within(memory, inbound);
        let ports = match adapter.is_in_order() {
            true => written,
            false => written.veiled().map_err(of_memory)?,
        };
        Ok(Self(Arc::new(Inside {
            adapter: adapter.clone(),
            region,
            ports,
            mirrors,
        })))
    }

    /// How much memory [`register`](Self::register) would lock.
    pub fn bytes(inbound: Layout, mirrors: impl IntoIterator<Item = u16>) -> u64 {
        let workers: u64 = mirrors.into_iter().map(u64::from).sum();
        inbound.bytes() as u64 + 8 * workers * inbound.geometry.port_words() as u64
    }

    /// Where what peers write is read.
    pub fn ports(&self) -> &Ports {
        &self.0.ports
    }

    /// The port of the device that has registered it.
    pub fn adapter(&self) -> &Adapter {
        &self.0.adapter
    }

    pub(super) fn region(&self) -> &Arc<Region> {
        &self.0.region
    }

    /// Where a mirror begins, and for how many workers it has room.
    pub(super) fn mirror(&self, number: usize) -> (usize, u16) {
        self.0.mirrors[number]
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.0.ports.layout().geometry
    }
}
