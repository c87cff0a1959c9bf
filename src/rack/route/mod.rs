//! A route: all that one worker has with one other node. Its links, and the channel through which
//! they write.

mod arrival;
mod pair;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use gossamer_transport::rack::{
    Channel, ClientLink, LinkError, Payload, Place, Refusal, Request, TrusteeLink, shm, tcp,
};

pub(crate) use self::arrival::Arrival;
pub(crate) use self::pair::{Blocked, Note, Pair};
use crate::rack::bells::Bells;
use crate::rack::connection::Connection;
use crate::rack::figures::Told;
use crate::rack::held::Held;
use crate::rack::peer::Peer;
use crate::rack::rdma::Outlet;
use crate::rack::remote::Share;
use crate::sync::{AtomicBool, Ordering};

/// All that a worker has with one other node.
pub(crate) struct Route {
    pub(crate) fabric: Fabric,
    pub(crate) pairs: Vec<Pair>,
    /// By worker of the node, and one past the last, which of the pairs is with it.
    places: Box<[Option<u16>]>,
    /// The same, of those through which calls go out at once: nothing is held.
    open: Box<[Option<u16>]>,
    /// Whether something may be there to be published.
    pub(crate) is_dirty: bool,
    pub(crate) connection: Connection,
    /// Since when something waits to be written together with what comes of more.
    pub(crate) gathers_since: Option<Instant>,
    pub(crate) is_dead: bool,
    pub(crate) told: Told,
    /// Whether the node is not being lost, as all workers see it.
    liveness: Arc<AtomicBool>,
}

/// What the links of a route write through.
pub(crate) enum Fabric {
    Tcp(tcp::Channel),
    /// Shared memory, whose descriptor has not come yet.
    Opening,
    /// Shared memory, and the bells that are still to be rung.
    Shm(shm::Channel, Bells),
    #[cfg_attr(
        not(feature = "rdma"),
        expect(dead_code, reason = "there is none then")
    )]
    Rdma(Box<Outlet>),
}

impl Route {
    pub(crate) fn new(peer: &Peer) -> Self {
        let fabric = match peer.shm().is_some() || peer.rdma().is_some() {
            false => Fabric::Tcp(tcp::Channel::new()),
            true => Fabric::Opening,
        };
        Self {
            fabric,
            pairs: Vec::new(),
            places: vec![None; peer.workers as usize + 1].into(),
            open: vec![None; peer.workers as usize + 1].into(),
            liveness: Arc::clone(peer.liveness()),
            is_dirty: false,
            connection: Connection::None,
            gathers_since: None,
            is_dead: false,
            told: Told::default(),
        }
    }

    /// Where the pair with worker `remote` of the node is, made if need be: `local` is who we are.
    pub(crate) fn pair(&mut self, peer: &Peer, local: u16, remote: u16) -> io::Result<usize> {
        if let Some(at) = self.places[usize::from(remote)] {
            return Ok(usize::from(at));
        }
        // What is for control is written by the node's worker 0.
        let writer = match u32::from(remote) < peer.workers {
            true => u32::from(remote),
            false => 0,
        };
        let port = || peer.port(writer, local);
        self.pairs.push(Pair {
            remote,
            client: ClientLink::new(remote, port()?),
            trustee: Some(Box::new(TrusteeLink::new(remote, port()?))),
            leaving: VecDeque::new(),
            blocked: None,
            held: VecDeque::new(),
        });
        let at = self.pairs.len() - 1;
        self.places[usize::from(remote)] = Some(at as u16);
        self.show(remote);
        Ok(at)
    }

    /// Where the pair with a worker of the node is, if it is there.
    pub(crate) fn place(&self, remote: u32) -> Option<usize> {
        let at = *self.places.get(remote as usize)?;
        at.map(usize::from)
    }

    /// Calls to a worker of the node do not go out at once any more.
    pub(crate) fn hide(&mut self, remote: u16) {
        self.open[usize::from(remote)] = None;
    }

    /// They do again.
    pub(crate) fn show(&mut self, remote: u16) {
        self.open[usize::from(remote)] = self.places[usize::from(remote)];
    }

    /// Takes all pairs, of a node that is lost.
    pub(crate) fn take_pairs(&mut self) -> Vec<Pair> {
        self.places.fill(None);
        self.open.fill(None);
        std::mem::take(&mut self.pairs)
    }

    /// Where the pair with a worker of the node is, if it is there, nothing is held, and the node
    /// lives.
    #[inline(always)]
    pub(crate) fn open_pair(&self, remote: u32) -> Option<usize> {
        let at = *self.open.get(remote as usize)?;
        at.filter(|_| self.is_live()).map(usize::from)
    }

    /// Whether the node is not being lost.
    #[inline(always)]
    pub(crate) fn is_live(&self) -> bool {
        // Relaxed: what was issued too late is found unanswered when the worker lets the node go.
        !self.is_dead && self.liveness.load(Ordering::Relaxed)
    }

    /// Hands a request to its link, whose payload goes into a slot. A batch that has no room for it
    /// is published first, so that the other side works meanwhile.
    #[inline(always)]
    pub(crate) fn issue(
        &mut self,
        at: usize,
        request: &Request,
        payload: &[u8],
        note: impl FnOnce() -> Note,
    ) {
        let fabric = &mut self.fabric;
        let publish = |client: &mut ClientLink<Note>| publish_client(client, fabric);
        let client = &mut self.pairs[at].client;
        client.issue_inline(request, payload, note, publish);
        self.is_dirty = true;
    }

    /// A request is about to be issued.
    #[inline(always)]
    pub(crate) fn prepare(&mut self, at: usize) {
        if let Fabric::Shm(channel, _) = &mut self.fabric {
            self.pairs[at].client.prepare(channel);
        }
    }

    /// The requests of a batch are about to be run.
    #[inline(always)]
    pub(crate) fn prepare_results(&mut self, at: usize) {
        if let Fabric::Shm(channel, _) = &mut self.fabric {
            self.pairs[at].trustee().prepare(channel);
        }
    }

    /// Hands a request to its link, whose payload may be long.
    pub(crate) fn issue_long(&mut self, at: usize, request: Request, payload: Payload, note: Note) {
        let sent = self.pairs[at].client.issue_parts(request, payload, note);
        assert!(sent.is_ok(), "no message is longer than a payload may be");
        self.is_dirty = true;
    }

    /// Publishes what one link has issued. A link keeps what is wrong, and tells whoever takes the
    /// next thing from it.
    pub(crate) fn publish_requests(&mut self, at: usize) {
        publish_client(&mut self.pairs[at].client, &mut self.fabric);
        self.is_dirty = true;
    }

    /// Publishes what one link has answered; as [`publish_requests`](Self::publish_requests).
    pub(crate) fn publish_results(&mut self, at: usize) {
        let trustee = self.pairs[at].trustee();
        let _ = match &mut self.fabric {
            Fabric::Tcp(channel) => trustee.publish(channel),
            Fabric::Opening => Ok(false),
            Fabric::Shm(channel, _) => trustee.publish(channel),
            Fabric::Rdma(outlet) => trustee.publish(outlet.as_mut()),
        };
        self.is_dirty = true;
    }

    /// Keeps a share until all that was issued to this worker of the node has been answered; gives
    /// it back if nothing is under way.
    pub(crate) fn leave(&mut self, remote: u32, share: Arc<Share>) -> Option<Arc<Share>> {
        let at = self.place(remote);
        let Some(pair) = at.and_then(|at| self.pairs.get_mut(at)) else {
            return Some(share);
        };
        if !pair.held.is_empty() {
            pair.held.push_back(Held::Leaving(share));
            return None;
        }
        let issued = pair.client.issued();
        if issued == pair.client.answered() {
            return Some(share);
        }
        pair.leaving.push_back((issued, share));
        None
    }

    /// Publishes what the links have.
    pub(crate) fn publish(&mut self) -> Result<(), LinkError> {
        self.is_dirty = false;
        match &mut self.fabric {
            // Of TCP this sends nothing: what it gathers is written to the connection.
            Fabric::Tcp(channel) => publish(&mut self.pairs, channel),
            // So that the links know that nothing goes out before somebody publishes again.
            Fabric::Opening => publish(&mut self.pairs, &mut Nobody { takes: false }),
            Fabric::Shm(channel, bells) => {
                publish(&mut self.pairs, channel)?;
                channel.take_bells().for_each(|worker| bells.ring(worker));
                Ok(())
            }
            Fabric::Rdma(outlet) => publish(&mut self.pairs, outlet.as_mut()),
        }
    }

    /// What is to be written to the connection.
    pub(crate) fn chunk(&self) -> &[u8] {
        match &self.fabric {
            Fabric::Tcp(channel) => channel.chunk(),
            Fabric::Opening => &[],
            Fabric::Shm(_, bells) => bells.chunk(),
            Fabric::Rdma(_) => &[],
        }
    }

    /// So much of it was written; there is room for what has found none.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.gathers_since = None;
        self.is_dirty |= self.has_unpublished();
        match &mut self.fabric {
            Fabric::Tcp(channel) => channel.consume(bytes),
            Fabric::Opening | Fabric::Rdma(_) => {}
            Fabric::Shm(_, bells) => bells.consume(bytes),
        }
    }

    /// Whether the connection is needed: there is something to be written to it, or by its help.
    pub(crate) fn needs_connection(&self) -> bool {
        match &self.fabric {
            Fabric::Opening => self.has_unpublished(),
            _ => !self.chunk().is_empty(),
        }
    }

    /// Nothing is written or listened to any more.
    pub(crate) fn kill(&mut self) {
        self.is_dead = true;
        self.connection.leave_to_task();
        match &mut self.fabric {
            Fabric::Tcp(channel) => channel.kill(),
            Fabric::Opening => {}
            Fabric::Shm(channel, bells) => {
                channel.kill();
                bells.clear();
            }
            Fabric::Rdma(_) => self.fabric = Fabric::Opening,
        }
    }

    /// Publishes to nobody, so that what has come can be taken in to its end. Calls that were not
    /// sent stay so: they have certainly not run.
    pub(crate) fn publish_to_nobody(&mut self) {
        for pair in &mut self.pairs {
            // A link keeps what is wrong, and tells whoever takes the next thing from it.
            let _ = pair.client.publish(&mut Nobody { takes: false });
            let _ = pair.trustee().publish(&mut Nobody { takes: true });
        }
    }

    /// Whether something has come, of a node that is listened to.
    pub(crate) fn has_arrived(&self) -> bool {
        self.next_arrived(0).is_some()
    }

    /// The first pair, from `from` on, on which something has come of a node that is listened to;
    /// and whether that is a result, or else a request.
    #[inline(always)]
    pub(crate) fn next_arrived(&self, from: usize) -> Option<(usize, bool)> {
        let pairs = match self.is_dead {
            true => &[],
            false => &self.pairs[from..],
        };
        for (at, pair) in (from..).zip(pairs) {
            if pair.client.has_arrived() {
                return Some((at, true));
            }
            if pair.has_request() {
                return Some((at, false));
            }
        }
        None
    }

    /// Whether a link has something that found no room in the channel.
    pub(crate) fn has_unpublished(&self) -> bool {
        self.pairs.iter().any(Pair::has_unpublished)
    }
}

#[inline(never)]
fn publish_client(client: &mut ClientLink<Note>, fabric: &mut Fabric) {
    let _ = match fabric {
        Fabric::Tcp(channel) => client.publish(channel),
        Fabric::Opening => Ok(0),
        Fabric::Shm(channel, _) => client.publish(channel),
        Fabric::Rdma(outlet) => client.publish(outlet.as_mut()),
    };
}

fn publish(pairs: &mut [Pair], channel: &mut impl Channel) -> Result<(), LinkError> {
    for pair in pairs {
        if pair.client.has_unpublished() {
            pair.client.publish(channel)?;
        }
        if let Some(trustee) = pair.trustee.as_mut().filter(|end| end.has_unpublished()) {
            trustee.publish(channel)?;
        }
    }
    match channel.flush() {
        Ok(()) | Err(Refusal::Busy) => Ok(()),
        Err(Refusal::Dead) => Err(LinkError::Dead),
    }
}

/// A channel to nobody, which takes all or nothing.
struct Nobody {
    takes: bool,
}

impl Channel for Nobody {
    fn push(&mut self, _: Place, _: &[u8], _: u64) -> Result<(), Refusal> {
        match self.takes {
            true => Ok(()),
            false => Err(Refusal::Busy),
        }
    }

    fn flush(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use gossamer_transport::rack::{Fate, Request};

    use super::*;
    use crate::rack::refs::Node;

    /// They wait for a connection that never comes about, short ones and long ones.
    #[test]
    fn calls_that_were_never_sent_to_a_lost_node() {
        let (mut route, at) = opening();
        route.publish_to_nobody();
        assert!(!route.has_arrived());
        let unanswered = route.pairs.remove(at).client.into_unanswered();
        let fates: Vec<_> = unanswered.map(|(_, fate)| fate).collect();
        assert_eq!(fates, [Fate::NotSent; 2]);
    }

    /// Nothing can be done for them before the connection is there, so the worker may sleep.
    #[test]
    fn calls_that_wait_for_a_connection() {
        let (mut route, _) = opening();
        assert!(route.publish().is_ok());
        assert!(!route.has_arrived() && !route.is_dirty);
        assert!(route.needs_connection(), "they are still to be sent");
    }

    /// A route without a connection, a short call, and a long one.
    fn opening() -> (Route, usize) {
        let party = Node {
            number: 1,
            incarnation: 2,
        };
        let peer = Peer::new(party, SocketAddr::from(([127, 0, 0, 1], 1)), 1, 1, None);
        let mut route = Route::new(&peer);
        route.fabric = Fabric::Opening;
        let at = route.pair(&peer, 0, 0).expect("there is memory");
        for bytes in [8, 1 << 20] {
            let client = &mut route.pairs[at].client;
            let issued = client.issue(Request::default(), vec![0; bytes], Note::Unread);
            assert!(issued.is_ok());
        }
        (route, at)
    }
}
