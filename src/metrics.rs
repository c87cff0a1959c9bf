//! Metrics: what each worker has done.

use gossamer_executor::Counters;

use crate::shared::WorkerShared;
use crate::sync::{AtomicU64, Ordering};

/// What one worker has done since it started, as [`Runtime::metrics`](crate::Runtime::metrics)
/// or [`metrics`](crate::metrics) returns it.
///
/// The figures are read one by one while the worker goes on, so they need not be of one instant.
///
/// ```
/// # #[gossamer::main(workers = 2)]
/// # async fn main() {
/// let there = gossamer::trustee(1).entrust(0);
/// there.apply(|n| *n += 1).await;
/// let metrics = gossamer::metrics();
/// assert!(metrics[0].requests_sent >= 1);
/// assert!(metrics[1].requests_served >= 1);
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Tasks that live on the worker now.
    pub tasks: u64,
    /// Tasks ever spawned on it.
    pub tasks_spawned: u64,
    /// Polls of its tasks.
    pub task_polls: u64,
    /// Tasks that stand in its run queue now.
    pub run_queue_depth: u64,
    /// Requests that its client has published.
    pub requests_sent: u64,
    /// Batches that they went out in.
    pub batches_sent: u64,
    /// Requests that its trustee has served, those of foreign callers included.
    pub requests_served: u64,
    /// Requests of its own tasks that ran in place, without a slot.
    pub requests_inline: u64,
    /// Requests of its client that waited for a free slot at the last flush.
    pub backlog_depth: u64,
    /// Posts to other nodes that have not run, or may not have, as the node was lost.
    pub posts_lost: u64,
    /// Slot images that it has written to the connections of a rack over TCP or RDMA, and pieces of
    /// what is larger.
    pub rack_images_sent: u64,
    /// Writes of the system to the connections of a rack; over shared memory those carry bells.
    pub rack_writes: u64,
    /// Bytes that these writes have taken.
    pub rack_bytes_written: u64,
    /// What it does over RDMA.
    pub rdma: RdmaMetrics,
    /// Properties that its trustee owns now.
    pub properties: u64,
    /// How often the worker has parked.
    pub parks: u64,
    /// How often somebody had to wake it with a system call.
    pub unparks: u64,
    /// The share of its time in which it had something to do, 0 to 1; an estimate from turns.
    pub busy_fraction: f64,
}

/// What one worker does over RDMA, as it knew when it last looked: before its last sleep, some turns
/// ago, or a tenth of a second ago.
///
/// When all is done, `completions` is `signals_every + signals_full + signals_idle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RdmaMetrics {
    /// Queue pairs by which it writes now, one to each node that it has sent something.
    pub queue_pairs: u64,
    /// Queue pairs by which workers of other nodes write now, and which it attends.
    pub queue_pairs_attended: u64,
    /// WRITEs that it has posted.
    pub writes: u64,
    /// Of these, signalled as one in so many is: in a thousand.
    pub signals_every: u64,
    /// Signalled as half of a queue was taken.
    pub signals_full: u64,
    /// Signalled as it was about to sleep, or has waited for long.
    pub signals_idle: u64,
    /// Completions that came of what was signalled.
    pub completions: u64,
}

impl WorkerMetrics {
    pub(crate) fn of(worker: &WorkerShared) -> Self {
        let executor: Counters = worker.remote().counters();
        let stats = worker.stats();
        // Relaxed: figures for people; each has one writer.
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Self {
            tasks: executor.tasks,
            tasks_spawned: executor.spawned,
            task_polls: executor.polls,
            run_queue_depth: executor.queued,
            requests_sent: read(&stats.sent),
            batches_sent: read(&stats.batches),
            requests_served: read(&stats.served),
            requests_inline: read(&stats.inline),
            backlog_depth: read(&stats.backlog),
            posts_lost: read(&stats.posts_lost),
            rack_images_sent: read(&stats.rack_images),
            rack_writes: read(&stats.rack_writes),
            rack_bytes_written: read(&stats.rack_bytes),
            rdma: stats.rdma.read(),
            properties: worker.registry().len() as u64,
            parks: executor.parks,
            unparks: executor.unparks,
            busy_fraction: executor.busy_fraction(),
        }
    }
}

/// The figures that a worker keeps itself: it alone writes, others read.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    sent: AtomicU64,
    batches: AtomicU64,
    served: AtomicU64,
    inline: AtomicU64,
    backlog: AtomicU64,
    posts_lost: AtomicU64,
    rack_images: AtomicU64,
    rack_writes: AtomicU64,
    rack_bytes: AtomicU64,
    rdma: RdmaStats,
}

/// [`RdmaMetrics`], in their order.
#[derive(Debug, Default)]
pub(crate) struct RdmaStats([AtomicU64; 7]);

impl Stats {
    /// A flush of one link published `batches` with `requests`.
    #[inline(always)]
    pub(crate) fn add_sent(&self, requests: u64, batches: u64) {
        add(&self.sent, requests);
        add(&self.batches, batches);
    }

    #[inline(always)]
    pub(crate) fn add_served(&self, requests: u64) {
        add(&self.served, requests);
    }

    #[inline(always)]
    pub(crate) fn add_inline(&self) {
        add(&self.inline, 1);
    }

    #[inline(always)]
    pub(crate) fn add_backlog(&self, requests: i64) {
        if requests != 0 {
            add(&self.backlog, requests as u64); // wraps around as subtraction does
        }
    }

    #[cold]
    pub(crate) fn add_post_lost(&self) {
        add(&self.posts_lost, 1);
    }

    /// So many slot images were handed to a connection of the rack.
    pub(crate) fn add_rack_images(&self, images: u64) {
        add(&self.rack_images, images);
    }

    /// A write to a connection of the rack has taken so many bytes.
    pub(crate) fn add_rack_write(&self, bytes: usize) {
        add(&self.rack_writes, 1);
        add(&self.rack_bytes, bytes as u64);
    }

    #[cfg(feature = "rdma")]
    pub(crate) fn rdma(&self) -> &RdmaStats {
        &self.rdma
    }

    /// How much delegated work this worker has done, so that a standstill shows.
    pub(crate) fn work_done(&self) -> u64 {
        // Relaxed: a figure that is compared with itself.
        self.served.load(Ordering::Relaxed) + self.inline.load(Ordering::Relaxed)
    }
}

impl RdmaStats {
    fn read(&self) -> RdmaMetrics {
        // Relaxed: figures for people; each has one writer.
        let [
            queue_pairs,
            queue_pairs_attended,
            writes,
            signals_every,
            signals_full,
            signals_idle,
            completions,
        ] = self
            .0
            .each_ref()
            .map(|figure| figure.load(Ordering::Relaxed));
        RdmaMetrics {
            queue_pairs,
            queue_pairs_attended,
            writes,
            signals_every,
            signals_full,
            signals_idle,
            completions,
        }
    }

    /// So many queue pairs there are, and so much was done since the last time.
    #[cfg(feature = "rdma")]
    pub(crate) fn add(&self, now: &RdmaMetrics) {
        let [queue_pairs, attended, rest @ ..] = &self.0;
        // Relaxed: figures for people.
        queue_pairs.store(now.queue_pairs, Ordering::Relaxed);
        attended.store(now.queue_pairs_attended, Ordering::Relaxed);
        let more = [
            now.writes,
            now.signals_every,
            now.signals_full,
            now.signals_idle,
            now.completions,
        ];
        rest.iter()
            .zip(more)
            .for_each(|(figure, more)| add(figure, more));
    }
}

/// Adds to a figure that only the caller writes: no read-modify-write is needed.
#[inline(always)]
fn add(figure: &AtomicU64, more: u64) {
    // Relaxed: a figure for people.
    figure.store(
        figure.load(Ordering::Relaxed).wrapping_add(more),
        Ordering::Relaxed,
    );
}
