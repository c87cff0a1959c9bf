//! The end of a TCP connection that is read: what a worker of another node sends is put where the
//! workers of this one take it from.
//!
//! A connection goes both ways. Whoever opens it writes at once; the worker that reads it there
//! writes its own to it too, if it has written to no other by the time the first bytes come. By
//! these it knows that the other is bound to this connection, and gives it up for no other; so two
//! that open one to each other at the same time at worst keep both. Acknowledgements then travel
//! with answers, and not alone, which takes the system as long as another message.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::{AsyncReadExt, FutureExt};
use gossamer_transport::rack::tcp::Decoder;

use crate::net::TcpStream;
use crate::rack::join::Cause;
use crate::rack::peers::Peers;
use crate::rack::unanswered;
use crate::shared::{Message, Shared};
use crate::worker::Worker;

/// Whose side of a connection reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// That which has opened it.
    Opener,
    /// The other.
    Acceptor,
}

/// Reads what a worker of a node sends by a connection until that ends, or the node is lost.
pub(super) async fn read(
    shared: &Arc<Shared>,
    stream: Rc<TcpStream>,
    (node, writer): (u32, u32),
    end: End,
) {
    let Some((reading, cut)) = Reading::begin(shared, node) else {
        return;
    };
    let cause = match reading.peers.get(node).ports(writer) {
        Ok(ports) => {
            unanswered::watch(&stream, reading.peers.silence_max());
            let mut inlet = Inlet {
                shared,
                node,
                writer,
                end,
                stream,
                decoder: Decoder::new(ports.clone()),
                opened: vec![false; shared.workers().len() + 1],
            };
            inlet.read(cut).await
        }
        Err(_) => Some(Cause::Unreachable),
    };
    reading.end(cause);
}

/// A connection with a node is being read while this lives.
pub(super) struct Reading<'a> {
    shared: &'a Arc<Shared>,
    peers: &'a Peers,
    node: u32,
}

impl<'a> Reading<'a> {
    /// Begins it, until the receiver resolves; `None` if the node is lost.
    pub(super) fn begin(
        shared: &'a Arc<Shared>,
        node: u32,
    ) -> Option<(Self, oneshot::Receiver<()>)> {
        let peers = shared.rack().peers()?;
        let cut = peers.get(node).begin_reader()?;
        let reading = Self {
            shared,
            peers,
            node,
        };
        Some((reading, cut))
    }

    /// All that has come is where it belongs; there may be something wrong with the node.
    pub(super) fn end(self, cause: Option<Cause>) {
        let (peers, node) = (self.peers, self.node);
        drop(self);
        if let Some(cause) = cause {
            peers.suspect(node, cause);
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let next = self.peers.get(self.node).end_reader();
        self.peers.step(self.shared, self.node, next);
    }
}

/// The end of a connection that is read.
struct Inlet<'a> {
    shared: &'a Arc<Shared>,
    node: u32,
    writer: u32,
    end: End,
    stream: Rc<TcpStream>,
    decoder: Decoder,
    /// By worker, whether it has been told of the links with the writer.
    opened: Vec<bool>,
}

impl Inlet<'_> {
    /// Reads until the end, whose cause it returns, or until it is cut.
    async fn read(&mut self, mut cut: oneshot::Receiver<()>) -> Option<Cause> {
        let stream = Rc::clone(&self.stream);
        let mut stream = &*stream;
        let mut is_unused = self.end == End::Acceptor;
        loop {
            let read = select(stream.read(self.decoder.space()), &mut cut).await;
            let count = match read {
                Either::Left((count, _)) => count,
                Either::Right(_) => {
                    // What has come until now counts.
                    while let Some(Ok(count @ 1..)) =
                        stream.read(self.decoder.space()).now_or_never()
                        && self.handle(count).is_ok()
                    {}
                    return None;
                }
            };
            let is_over = match &count {
                Ok(count) => *count == 0,
                Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
            };
            if is_over && is_unused {
                // It was not in time for who has opened it, who comes again, or writes to another.
                return None;
            }
            if std::mem::take(&mut is_unused) {
                self.write_back();
            }
            let ended = match count {
                Ok(0) | Err(_) => Err(Cause::Closed),
                Ok(count) => self.handle(count),
            };
            if let Err(cause) = ended {
                return Some(cause);
            }
        }
    }

    /// Has this worker write to the connection, if it has no other: who has opened it goes on with
    /// it.
    fn write_back(&self) {
        Worker::with(|worker| {
            if let Some((worker, side)) = worker.and_then(|worker| Some(worker).zip(worker.rack()))
            {
                side.begin_writing(worker, self.node, &self.stream);
            }
        });
    }

    /// Puts what was read where it belongs, and wakes whom it is for.
    fn handle(&mut self, count: usize) -> Result<(), Cause> {
        let decoded = self.decoder.handle_filled(count);
        let workers = self.shared.workers();
        for touched in self.decoder.take_touched() {
            let touched = usize::from(touched);
            if std::mem::replace(&mut self.opened[touched], true) {
                workers.get(touched).unwrap_or(&workers[0]).notify();
            } else {
                open_on(self.shared, touched, self.node, self.writer);
            }
        }
        decoded.map(drop).map_err(|_| Cause::Damaged)
    }
}

/// Has a worker look at its links with a writer; the one past the last is for control, which is
/// worker 0's, as it is at the writer's.
pub(super) fn open_on(shared: &Shared, worker: usize, node: u32, writer: u32) {
    let is_control = worker == shared.workers().len();
    if is_control && writer != 0 {
        return;
    }
    let by = &shared.workers()[if is_control { 0 } else { worker }];
    let open = move |worker: &Worker| worker.rack_open(node, writer as u16, is_control);
    // A worker that has ended takes nothing any more.
    drop(by.send(Message::Settle(Box::new(open))));
}
