//! The connections by which workers of two nodes say what they have made for each other.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::{AsyncReadExt, AsyncWriteExt};
use gossamer_executor::io::{Interest, Watch};
use gossamer_transport::rack::rdma::{Card, Inlet, Opening, RdmaError, SIGNAL_EVERY};

use crate::net::TcpStream;
use crate::rack::connect::OpenError;
use crate::rack::inlet::open_on;
use crate::rack::join::{self, Cause};
use crate::rack::rdma::inlets::{Attended, Outlet, tell};
use crate::rack::rdma::{RdmaPeer, with_side};
use crate::rack::route::Fabric;
use crate::shared::Shared;

impl RdmaPeer {
    /// Opens the channel of our worker `worker`, by a connection to the node's worker that attends
    /// it.
    pub(crate) async fn connect(
        &self,
        node: u32,
        worker: u32,
        patience: Duration,
        mut stream: &TcpStream,
    ) -> Result<(), OpenError> {
        let refused = |error: RdmaError| {
            tell(node, &error);
            OpenError::Refused
        };
        let mirror = self.first_mirror + worker as usize;
        let opening = Opening::new(&self.memory, mirror, SIGNAL_EVERY).map_err(refused)?;
        stream.write_all(&opening.card().to_bytes()).await?;
        let mut card = [0; Card::BYTES];
        // However long it takes: who has asked and goes away is taken for dead.
        stream.read_exact(&mut card).await?;
        let card = Card::from_bytes(&card).map_err(refused)?;
        let writer = self.our_first_writer + worker as u16;
        let channel = opening.connect(&card, self.theirs, writer, patience);
        let channel = channel.map_err(refused)?;
        let descriptor = channel.as_fd().try_clone_to_owned();
        let descriptor = descriptor.map_err(OpenError::Resources)?;
        let (ends, ended) = oneshot::channel();
        let outlet = Outlet::new(channel, ends);
        with_side(|_, side| {
            let mut route = side.route(node).borrow_mut();
            if !route.is_dead {
                route.fabric = Fabric::Rdma(Box::new(outlet));
                route.is_dirty = true;
            }
            side.rdma.begin(self.memory.adapter());
            side.set_dirty();
        });
        drop(gossamer_executor::spawn(async move {
            let events = events(descriptor, || {
                with_side(|_, side| match &mut side.route(node).borrow_mut().fabric {
                    Fabric::Rdma(outlet) => outlet.channel.take_events(),
                    _ => false,
                })
            });
            select(pin!(events), ended).await;
        }));
        Ok(())
    }

    /// Lets a worker of the node write to us until its connection ends, or the node is lost.
    pub(crate) async fn attend(
        &self,
        shared: &Arc<Shared>,
        mut stream: TcpStream,
        channel: join::Channel,
        cut: oneshot::Receiver<()>,
    ) -> Option<Cause> {
        let node = channel.from.node;
        let mut card = [0; Card::BYTES];
        if stream.read_exact(&mut card).await.is_err() {
            return None; // it was not in time for the writer, who comes again
        }
        let writer = self.first_writer + channel.worker as u16;
        let accepted =
            Card::from_bytes(&card).and_then(|card| Inlet::accept(&self.memory, &card, writer));
        let (inlet, card) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => return Some(tell(node, &error)),
        };
        let descriptor = inlet.as_fd().try_clone_to_owned().ok()?;
        // Before it can write, all look where it will.
        for worker in 0..=shared.workers().len() {
            open_on(shared, worker, node, channel.worker);
        }
        let attended = Attended::new(node, inlet);
        let at = with_side(|_, side| {
            side.rdma.begin(self.memory.adapter());
            side.rdma.attended.borrow_mut().insert(attended)
        })?;
        let events = events(descriptor, || {
            with_side(|_, side| side.rdma.attended.borrow()[at].inlet.take_events())
        });
        let mut end = pin!(async {
            if stream.write_all(&card.to_bytes()).await.is_err() {
                return Some(Cause::Closed);
            }
            // It writes nothing more: what can be read is the end.
            match stream.read(&mut [0]).await {
                Ok(1..) => Some(Cause::Damaged),
                Ok(0) | Err(_) => Some(Cause::Closed),
            }
        });
        let ended = select(&mut end, cut);
        let cause = match select(pin!(events), ended).await {
            Either::Right((Either::Left((cause, _)), _)) => cause,
            Either::Right((Either::Right(_), _)) => None,
            Either::Left(_) => Some(Cause::RdmaFailed),
        };
        with_side(|worker, side| side.end_inlet(worker, at));
        cause
    }
}

/// Takes what makes a descriptor readable, again and again; the turn in which it is woken does the
/// rest. Ends if the descriptor cannot be watched.
async fn events(descriptor: OwnedFd, take: impl Fn() -> Option<bool>) {
    let watch = Watch::new(descriptor);
    let take = |_: &OwnedFd| match take() {
        Some(true) => Ok(()),
        Some(false) | None => Err(io::Error::from(io::ErrorKind::WouldBlock)),
    };
    while watch.io(Interest::Read, take).await.is_ok() {}
}
