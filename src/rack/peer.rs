//! Another node, as all workers of this one see it: where it is, what it writes, how it is lost.
//!
//! ```text
//!           lose                  last reader ends              last worker has drained
//!   Live ───────────► Cut ──────────────────────────► Draining ───────────────────────► Lost
//!     no reader begins any more      workers take in what has come, and let it go
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures::channel::oneshot;
use gossamer_transport::rack::{Layout, Port, Ports, tcp};

use crate::rack::rdma::RdmaPeer;
use crate::rack::refs::Node;
use crate::sync::{AtomicBool, Ordering};

/// Another node.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Which process it is.
    pub(crate) party: Node,
    pub(crate) address: SocketAddr,
    pub(crate) workers: u32,
    inbound: Inbound,
    /// How many workers we have.
    local_workers: u32,
    standing: Mutex<Standing>,
    /// Whether the stage is `Live`, for whoever asks at each call.
    liveness: Arc<AtomicBool>,
}

/// Where what it writes for our workers lies.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// By its workers, memory that a reader of ours fills; made when first needed.
    Tcp(Box<[OnceLock<Ports>]>),
    /// Memory of ours that it has mapped.
    Shm(Shm),
    /// Memory of ours that its device may write.
    Rdma(RdmaPeer),
}

/// What shared memory has to do with one node.
#[derive(Debug)]
pub(crate) struct Shm {
    /// Our memory, which its workers write, the first of them as this writer.
    pub(crate) ours: Ports,
    pub(crate) first_writer: u16,
    /// Which process has the memory that our workers write, and how that is laid out; the first of
    /// ours is this writer there.
    pub(crate) pid: u32,
    pub(crate) theirs: Layout,
    pub(crate) our_first_writer: u16,
}

#[derive(Debug)]
struct Standing {
    stage: Stage,
    readers: u32,
    /// Dropped, they end the readers.
    cuts: Vec<oneshot::Sender<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Live,
    Cut,
    Draining { workers_left: u32 },
    Lost,
}

/// What the caller is to do about a node that is being lost.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// Have every worker take in what has come, and let the node go.
    Drain,
    /// Say that all of it has been taken in.
    Drained,
}

impl Peer {
    pub(crate) fn new(
        party: Node,
        address: SocketAddr,
        workers: u32,
        local_workers: u32,
        inbound: Option<Inbound>,
    ) -> Self {
        let tcp = || Inbound::Tcp((0..workers).map(|_| OnceLock::new()).collect());
        Self {
            party,
            address,
            workers,
            inbound: inbound.unwrap_or_else(tcp),
            local_workers,
            standing: Mutex::new(Standing {
                stage: Stage::Live,
                readers: 0,
                cuts: Vec::new(),
            }),
            liveness: Arc::new(AtomicBool::new(true)),
        }
    }

    /// What its worker `writer` writes for our worker `local`.
    pub(crate) fn port(&self, writer: u32, local: u16) -> io::Result<Port> {
        match &self.inbound {
            Inbound::Tcp(_) => Ok(self.ports(writer)?.port(0, local)),
            Inbound::Shm(shm) => Ok(shm.ours.port(shm.first_writer + writer as u16, local)),
            Inbound::Rdma(rdma) => Ok(rdma.port(writer, local)),
        }
    }

    /// The memory for what its worker `writer` sends by TCP.
    ///
    /// # Panics
    /// If it sends nothing by TCP.
    pub(crate) fn ports(&self, writer: u32) -> io::Result<&Ports> {
        let Inbound::Tcp(inbound) = &self.inbound else {
            panic!("what it writes comes otherwise");
        };
        let ports = &inbound[writer as usize];
        if let Some(ports) = ports.get() {
            return Ok(ports);
        }
        let layout = Layout {
            writers: 1,
            workers: ports_workers(self.local_workers),
            geometry: tcp::GEOMETRY,
        };
        let made = Ports::private(layout)?;
        Ok(ports.get_or_init(|| made))
    }

    /// Whether what it writes comes by connections.
    pub(crate) fn is_by_tcp(&self) -> bool {
        matches!(self.inbound, Inbound::Tcp(_))
    }

    /// What shared memory has to do with it, if that is the fabric.
    pub(crate) fn shm(&self) -> Option<&Shm> {
        match &self.inbound {
            Inbound::Shm(shm) => Some(shm),
            Inbound::Tcp(_) | Inbound::Rdma(_) => None,
        }
    }

    /// What RDMA has to do with it, if that is the fabric.
    pub(crate) fn rdma(&self) -> Option<&RdmaPeer> {
        match &self.inbound {
            Inbound::Rdma(rdma) => Some(rdma),
            Inbound::Tcp(_) | Inbound::Shm(_) => None,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.lock().stage == Stage::Live
    }

    /// Set as long as it lives.
    pub(crate) fn liveness(&self) -> &Arc<AtomicBool> {
        &self.liveness
    }

    /// A connection from it is to be read, until the receiver resolves; `None` if it is lost.
    pub(crate) fn begin_reader(&self) -> Option<oneshot::Receiver<()>> {
        let mut standing = self.lock();
        if standing.stage != Stage::Live {
            return None;
        }
        let (cut, cuts) = oneshot::channel();
        standing.readers += 1;
        standing.cuts.push(cut);
        Some(cuts)
    }

    /// All that has come by a connection is in the ports.
    pub(crate) fn end_reader(&self) -> Next {
        let mut standing = self.lock();
        standing.readers -= 1;
        // Those of readers that have ended.
        standing.cuts.retain(|cut| !cut.is_canceled());
        self.drain_if_cut(&mut standing)
    }

    /// Nothing more is to come from it.
    pub(crate) fn lose(&self) -> Next {
        let mut standing = self.lock();
        if standing.stage != Stage::Live {
            return Next::Nothing;
        }
        standing.stage = Stage::Cut;
        // Relaxed: nothing is read because of it.
        self.liveness.store(false, Ordering::Relaxed);
        let cuts = std::mem::take(&mut standing.cuts);
        let next = self.drain_if_cut(&mut standing);
        drop(standing);
        drop(cuts); // wakes the readers
        next
    }

    /// A worker has taken in what has come for it.
    pub(crate) fn drained(&self) -> Next {
        let mut standing = self.lock();
        let Stage::Draining { workers_left } = &mut standing.stage else {
            return Next::Nothing;
        };
        *workers_left -= 1;
        if *workers_left > 0 {
            return Next::Nothing;
        }
        standing.stage = Stage::Lost;
        Next::Drained
    }

    fn drain_if_cut(&self, standing: &mut Standing) -> Next {
        if standing.stage != Stage::Cut || standing.readers > 0 {
            return Next::Nothing;
        }
        let workers_left = self.local_workers;
        standing.stage = Stage::Draining { workers_left };
        Next::Drain
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        // No foreign code runs under the lock.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how many workers there is memory: one more than there are, for what must not wait behind
/// calls.
pub(crate) fn ports_workers(workers: u32) -> u16 {
    u16::try_from(workers + 1).expect("a node has at most 1024 workers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> Peer {
        let party = Node {
            number: 1,
            incarnation: 2,
        };
        Peer::new(party, SocketAddr::from(([127, 0, 0, 1], 1)), 1, 2, None)
    }

    #[test]
    fn workers_drain_after_the_last_reader() {
        let peer = peer();
        let mut cut = peer.begin_reader().expect("it lives");
        assert_eq!(peer.lose(), Next::Nothing);
        assert_eq!(cut.try_recv(), Err(oneshot::Canceled));
        assert!(peer.begin_reader().is_none());
        assert_eq!(peer.end_reader(), Next::Drain);
        assert_eq!(peer.drained(), Next::Nothing);
        assert_eq!(peer.drained(), Next::Drained);
        assert_eq!(peer.lose(), Next::Nothing);
    }

    #[test]
    fn without_readers_workers_drain_at_once() {
        let peer = peer();
        assert_eq!(peer.lose(), Next::Drain);
        assert!(!peer.is_live());
    }

    #[test]
    fn a_reader_that_ends_earlier_changes_nothing() {
        let peer = peer();
        let cut = peer.begin_reader().expect("it lives");
        drop(cut);
        assert_eq!(peer.end_reader(), Next::Nothing);
        assert!(peer.is_live());
    }
}
