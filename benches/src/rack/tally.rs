//! What the nodes of a rack use: processor time, and what their connections carry.

use std::ops::{Add, Sub};

use gossamer::rack;
use serde::{Deserialize, Serialize};

use crate::harness::meter::cpu_time;

/// What one node has used since it started, or all.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Processor time, in seconds.
    pub(super) cpu: f64,
    /// Slot images that were written to connections.
    pub(super) images: u64,
    /// System calls that wrote them.
    pub(super) writes: u64,
    /// Bytes that those took.
    pub(super) bytes: u64,
}

impl Tally {
    /// Of all nodes together, until now.
    pub(super) async fn of_all() -> Self {
        let per_node = rack::workers() / rack::nodes();
        let mut all = Self::default();
        for node in 0..rack::nodes() {
            let task = rack::spawn_on(node * per_node, async |()| Self::of_this_node(), ());
            all = all + task.await.expect("a node answers");
        }
        all
    }

    fn of_this_node() -> Self {
        let metrics = gossamer::metrics();
        Self {
            cpu: cpu_time().as_secs_f64(),
            images: metrics.iter().map(|worker| worker.rack_images_sent).sum(),
            writes: metrics.iter().map(|worker| worker.rack_writes).sum(),
            bytes: metrics.iter().map(|worker| worker.rack_bytes_written).sum(),
        }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            images: self.images + other.images,
            writes: self.writes + other.writes,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu - earlier.cpu,
            images: self.images - earlier.images,
            writes: self.writes - earlier.writes,
            bytes: self.bytes - earlier.bytes,
        }
    }
}
