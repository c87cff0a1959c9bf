//! The connections of a controller with one node: for orders, and for the node's streams.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Daemon;
use super::refusal::Refusal;
use crate::control::connection::{Receiver, Sender, dial};
use crate::control::message::{NodePlan, Placed, Reply, Request};

pub(crate) struct Lease {
    pub(crate) node: u32,
    pub(crate) sender: Arc<Sender>,
    pub(crate) receiver: Receiver,
    pub(crate) streams: (Arc<Sender>, Receiver),
    /// Where node 0 is to listen.
    pub(crate) rendezvous: Option<SocketAddr>,
}

/// Asks the daemon of a host for a node.
pub(crate) fn open(daemon: &Daemon, placed: &Placed, plan: NodePlan) -> Result<Lease, Refusal> {
    let down = |cause: String| Refusal::HostDown {
        name: placed.host.clone(),
        cause,
    };
    let silence = daemon.settings.silence;
    let connect = || {
        let dialled = dial(placed.address, &daemon.key, silence);
        let (sender, receiver) = dialled.map_err(|error| down(error.to_string()))?;
        let limited = receiver.set_silence_max(Some(silence + ANSWER_TIME));
        limited.map_err(|error| down(error.to_string()))?;
        Ok((sender, receiver))
    };
    let attach = Request::Attach {
        program: plan.program.clone(),
        node: Some(plan.node),
    };
    let (sender, mut receiver) = connect()?;
    let node = plan.node;
    let reply = ask(&sender, &mut receiver, &Request::Node(Box::new(plan)), down)?;
    let Reply::Ready { rendezvous } = reply else {
        return Err(unexpected(placed));
    };
    let (streams, mut said) = connect()?;
    match ask(&streams, &mut said, &attach, down)? {
        Reply::Done => {}
        _ => return Err(unexpected(placed)),
    }
    let unlimited = said.set_silence_max(None);
    let unlimited = unlimited.and_then(|()| receiver.set_silence_max(Some(silence)));
    unlimited.map_err(|error| down(error.to_string()))?;
    Ok(Lease {
        node,
        sender: Arc::new(sender),
        receiver,
        streams: (Arc::new(streams), said),
        rendezvous,
    })
}

fn ask(
    sender: &Sender,
    receiver: &mut Receiver,
    request: &Request,
    down: impl Fn(String) -> Refusal,
) -> Result<Reply, Refusal> {
    sender
        .send(request)
        .map_err(|error| down(error.to_string()))?;
    match receiver.receive() {
        Ok(Reply::Refused(refusal)) => Err(refusal),
        Ok(reply) => Ok(reply),
        Err(error) => Err(down(error.to_string())),
    }
}

fn unexpected(placed: &Placed) -> Refusal {
    Refusal::Unexpected {
        host: placed.host.clone(),
    }
}

/// What a host may take beyond the silence to compare an executable with its hash.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(10);
