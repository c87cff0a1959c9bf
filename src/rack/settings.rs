//! The settings of a rack in the [`Builder`].

use std::time::Duration;

use crate::builder::Builder;
use crate::rack::join::Identity;
use crate::rack::loss::{LossHook, NodeLoss};
use crate::rack::start::{RackPlan, SILENCE_ALLOWED, SILENCE_MAX};

/// Which node of which rack it is to be, and what happens when one is lost.
#[derive(Default)]
pub(crate) struct RackSettings {
    identity: Option<Identity>,
    silence_max: Option<Duration>,
    hook: Option<LossHook>,
    init: Option<Init>,
}

/// What runs first on a node.
pub(crate) type Init = Box<dyn FnOnce() + Send>;

impl RackSettings {
    /// What node it is to be, if it is said; and what runs first.
    pub(crate) fn into_plan(self) -> (Option<RackPlan>, Option<Init>) {
        let Self {
            identity,
            silence_max,
            hook,
            init,
        } = self;
        let plan = identity.map(|identity| RackPlan {
            identity,
            silence_max: silence_max.map_or(SILENCE_MAX, |silence| {
                silence.clamp(SILENCE_ALLOWED.0, SILENCE_ALLOWED.1)
            }),
            hook,
        });
        (plan, init)
    }
}

impl Builder {
    /// Makes it a node of a rack: [`build`](Self::build) returns when all nodes have come.
    ///
    /// `#[gossamer::main]` does this by itself, as the environment says. Without it, a runtime is a
    /// rack of one.
    ///
    /// ```
    /// use gossamer::rack::Identity;
    ///
    /// let identity = Identity::from_env()?; // started plainly: a rack of one
    /// let runtime = gossamer::Builder::new().workers(1).rack(identity).build()?;
    /// assert_eq!(runtime.block_on(async { gossamer::rack::nodes() }), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rack(mut self, identity: Identity) -> Self {
        self.rack.identity = Some(identity);
        self
    }

    /// For how long nothing may be heard of a node before it is taken for dead; 5 seconds by
    /// default. One whose connections close is dead at once. If two nodes do not reach each other,
    /// but node 0 reaches both, that may take two and a quarter times as long: what they have sent
    /// to each other is tried again in pauses that double, and a short cut is to fail no call.
    ///
    /// It is at least 10 milliseconds and at most a day: what is less or more is taken for that.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let builder = gossamer::Builder::new().silence_max(Duration::from_secs(2));
    /// # drop(builder);
    /// ```
    pub fn silence_max(mut self, silence: Duration) -> Self {
        self.rack.silence_max = Some(silence);
        self
    }

    /// What is told of the loss of a node, instead of what is done by default: a line on standard
    /// error, and an end of the process unless the rack is to
    /// [`Survive`](crate::rack::OnNodeLoss::Survive).
    ///
    /// It runs on the thread that says to the other nodes that this one lives, or on a worker. For
    /// as long as it blocks that is not said: after [`silence_max`](Self::silence_max) this node is
    /// taken for dead. Hand what takes long to a thread of yours. If it panics, that is printed, and
    /// is as if it had returned.
    ///
    /// When it returns, the rack goes on without the node: calls to it end in a
    /// [`CallError`](crate::rack::CallError). After a loss that is
    /// [final](crate::rack::NodeLoss::is_final) calls to all other nodes do, and the hook hears of
    /// nothing more.
    ///
    /// ```
    /// let builder = gossamer::Builder::new()
    ///     .node_loss_hook(|loss| eprintln!("lost node {}: {loss}", loss.node()));
    /// # drop(builder);
    /// ```
    pub fn node_loss_hook(mut self, hook: impl Fn(&NodeLoss) + Send + Sync + 'static) -> Self {
        self.rack.hook = Some(Box::new(hook));
        self
    }

    /// What runs first on every node, once, before its workers start: logging and the like.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(1).init(|| println!("a node starts")).build()?;
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn init(mut self, init: impl FnOnce() + Send + 'static) -> Self {
        self.rack.init = Some(Box::new(init));
        self
    }
}
