//! [`Mirror`]: what one worker writes to one node, as it lies there and here; see memory.rs.

use std::sync::Arc;

use crate::rack::layout::{Layout, Place, RingKind};
use crate::rack::mapping::Mapping;
use crate::rack::port::Port;
use crate::rack::rdma::card::Card;
use crate::rack::rdma::error::RdmaError;
use crate::rack::rdma::queue_pair::Write;
use crate::rack::rdma::told::told_of;

/// Where placements are put together, and which WRITEs send them.
pub(super) struct Mirror {
    /// Where the peer's memory begins, and what it takes to write there.
    address: u64,
    key: u32,
    layout: Layout,
    writer: u16,
    /// By worker of the node, in which word of the region its port's mirror begins, and the mirror.
    ports: Box<[(usize, Port)]>,
    /// Whether the last that was put here of results is a notice.
    has_notice: bool,
}

impl Mirror {
    /// A mirror that begins in this word of a region, of the memory of the peer that has given this
    /// card, which is laid out so, for the writer of this number.
    pub(super) fn new(
        region: &Arc<Mapping>,
        start: usize,
        peer: &Card,
        layout: Layout,
        writer: u16,
    ) -> Self {
        let words = layout.geometry.port_words();
        let ports = (0..usize::from(layout.workers)).map(|worker| {
            let start = start + worker * words;
            (start, Port::at(region, layout, start))
        });
        Self {
            address: peer.address,
            key: peer.key,
            layout,
            writer,
            ports: ports.collect(),
            has_notice: false,
        }
    }

    /// Puts a placement together, and returns the WRITE that sends it, without a number. What it
    /// would overwrite before it is posted, it has posted.
    #[inline]
    pub(super) fn put(
        &mut self,
        place: Place,
        used: &[u8],
        seal: u64,
        post: impl FnOnce() -> Result<(), RdmaError>,
    ) -> Result<Write, RdmaError> {
        if place.ring == RingKind::Results {
            // What is inline is read when it is posted: a notice before its batch.
            if std::mem::replace(&mut self.has_notice, used.is_empty()) {
                post()?;
            }
        }
        let (start, mirror) = &self.ports[usize::from(place.worker)];
        mirror.store(place, used, seal);
        let words = used.len().div_ceil(8) + 1;
        let (at, count) = self
            .layout
            .geometry
            .place(place.ring, place.index)
            .expect("whoever pushes knows the ring");
        let (start, at) = (start + at + count - words, at + count - words);
        let remote = self.layout.port(self.writer, place.worker) + at;
        Ok(Write {
            id: 0,
            start,
            words,
            target: self.address + 8 * remote as u64,
            key: self.key,
            immediate: Some(told_of(place)),
            is_signalled: false,
        })
    }

    /// A WRITE of nothing.
    pub(super) fn nothing(&self) -> Write {
        Write {
            id: 0,
            start: self.ports[0].0,
            words: 0,
            target: self.address,
            key: self.key,
            immediate: None,
            is_signalled: false,
        }
    }
}
