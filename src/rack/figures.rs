//! What a route has sent, for the metrics of its worker.

use crate::metrics::Stats;
use crate::rack::route::{Fabric, Route};

/// What of a route the metrics have been told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    requests: u64,
    /// Modulo 2^32, as they are numbered.
    batches: u32,
    /// Requests that waited for a slot.
    backlog: u64,
    images: u64,
}

impl Route {
    /// Tells the metrics what has been sent since the last time, and what now waits; once a flush.
    pub(crate) fn tell_sent(&mut self, stats: &Stats) {
        let (mut requests, mut batches, mut issued) = (0, 0_u32, 0);
        for pair in &self.pairs {
            let (of_pair, in_batches) = pair.client.published();
            requests += of_pair;
            batches = batches.wrapping_add(in_batches);
            issued += pair.client.issued();
        }
        let images = match &self.fabric {
            Fabric::Tcp(channel) => channel.frames(),
            Fabric::Opening | Fabric::Shm(..) => 0,
            Fabric::Rdma(outlet) => outlet.writes(),
        };
        let now = Told {
            requests,
            batches,
            backlog: issued - requests,
            images,
        };
        let before = std::mem::replace(&mut self.told, now);
        let batches = batches.wrapping_sub(before.batches);
        stats.add_sent(requests - before.requests, u64::from(batches));
        stats.add_backlog(self.told.backlog.wrapping_sub(before.backlog).cast_signed());
        stats.add_rack_images(images - before.images);
    }

    /// Nothing waits any more.
    pub(crate) fn tell_closed(&mut self, stats: &Stats) {
        let backlog = std::mem::take(&mut self.told.backlog);
        stats.add_backlog(-backlog.cast_signed());
    }
}
