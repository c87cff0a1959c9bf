//! The start and the end of a node.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use crate::builder::BuildError;
use crate::rack::accept::spawn_acceptor;
use crate::rack::image::Image;
use crate::rack::join::{
    ControlLink, Identity, IdentityError, Membership, OnNodeLoss, Party, Verdict, Watch,
};
use crate::rack::loss::{LossHook, NodeLoss, What};
use crate::rack::memory::Memory;
use crate::rack::node::{Member, Node};
use crate::rack::peers::Peers;
use crate::rack::rdma::Registered;
use crate::shared::Shared;
use crate::stderr::say;

/// What a node is to be, as the builder says.
pub(crate) struct RackPlan {
    pub(crate) identity: Identity,
    pub(crate) silence_max: Duration,
    pub(crate) hook: Option<LossHook>,
}

/// A node that has met the others, before its workers run.
pub(crate) struct Met {
    listener: TcpListener,
    controls: Vec<ControlLink>,
    membership: Membership,
    silence_max: Duration,
}

impl Identity {
    /// As [`from_env`](Self::from_env), from variables that `variable` tells: several nodes in one
    /// process, in tests.
    ///
    /// ```
    /// use gossamer::rack::Identity;
    ///
    /// let identity = Identity::from_variables(|name| (name == "GOSSAMER_NODES").then(|| "1".into()))?;
    /// assert_eq!(identity.nodes(), 1);
    /// # Ok::<(), gossamer::rack::join::IdentityError>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, IdentityError> {
        Self::read(|name| variable(name).ok_or(std::env::VarError::NotPresent))
    }
}

impl RackPlan {
    /// Meets the other nodes, if there are any.
    pub(crate) fn meet(
        self,
        workers: usize,
        dedicated: usize,
    ) -> Result<(Node, Option<Met>), BuildError> {
        if self.identity.is_alone() {
            // Nobody is to be told who it is: a plain start asks the system for nothing.
            return Ok((Node::alone(workers, dedicated), None));
        }
        let joined = self.identity.join(workers)?;
        let (identity, membership, connections) = joined.into_parts();
        let Some(connections) = connections else {
            return Ok((Node::alone(workers, dedicated), None));
        };
        // Read now, while files can be opened: what is found holds for the life of the process.
        let _ = Image::of_this_process();
        let hook = self.hook.unwrap_or_else(|| default_hook(&identity));
        let memory = Memory::of(identity.node, &membership, identity.fabric)?;
        let rdma = Registered::of(identity.node, &membership, identity.fabric)?;
        let peers = Peers::new(
            &identity,
            &membership,
            &connections,
            workers as u32,
            hook,
            (memory, rdma),
            self.silence_max,
        );
        let members = membership.members.iter().map(|member| Member {
            workers: member.workers,
            // It is the same program with the same settings.
            dedicated: (dedicated as u32).min(member.workers - 1),
        });
        let node = Node::new(identity.node, members.collect(), Some(Box::new(peers)));
        let met = Met {
            listener: connections.listener,
            controls: connections.controls,
            membership,
            silence_max: self.silence_max,
        };
        Ok((node, Some(met)))
    }
}

impl Met {
    /// Lets the others in, and watches for their deaths; the workers run.
    pub(crate) fn begin(self, shared: &Arc<Shared>) -> io::Result<()> {
        let node = shared.rack();
        let peers = node.peers().expect("a node that has met others has peers");
        let told = Arc::downgrade(shared);
        let on_verdict = move |verdict| {
            if let Some(shared) = told.upgrade() {
                hear(&shared, verdict);
            }
        };
        let watch = Watch::start(
            node.id(),
            &self.membership,
            self.controls,
            self.silence_max,
            on_verdict,
        )?;
        peers.set_watch(watch);
        // Only now, so that whatever is noticed of others is noticed by somebody who tells of it.
        spawn_acceptor(shared, self.listener);
        Ok(())
    }
}

/// A verdict has come, on the thread that watches.
fn hear(shared: &Arc<Shared>, verdict: Verdict) {
    let Some(peers) = shared.rack().peers() else {
        return;
    };
    let loss = |node: u32, what| NodeLoss {
        node: node as usize,
        what,
    };
    let me = shared.rack().id();
    match verdict {
        Verdict::Died {
            party: Party { node, .. },
            cause,
        } => peers.lose(shared, &loss(node, What::Died(cause))),
        Verdict::Fenced { .. } => peers.end_by(shared, &loss(me, What::Fenced)),
        Verdict::Orphaned { cause } => peers.end_by(shared, &loss(0, What::Orphaned(cause))),
        Verdict::Ends { status } => peers.set_ended(status),
        Verdict::Alone => peers.ending().set_alone(),
    }
}

/// Says what has happened, and ends the process where the rack does not go on.
fn default_hook(identity: &Identity) -> LossHook {
    let on_node_loss = identity.on_node_loss;
    Box::new(move |loss| {
        if on_node_loss == OnNodeLoss::Abort || loss.is_final() {
            loss.end_process();
        }
        say(format_args!("gossamer: {loss}; the others go on"));
    })
}

/// How long nothing may be heard of a node that lives, unless told otherwise.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(5);
/// Less is death by any delay, more is more than clocks are good for.
pub(crate) const SILENCE_ALLOWED: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_secs(24 * 60 * 60));
