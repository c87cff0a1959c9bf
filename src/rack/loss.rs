//! The loss of a node, and what is done about it.

use std::fmt;

use crate::rack::join::Cause;
use crate::rack::link;
use crate::stderr::say;

/// A node of the rack was lost, or this one has lost the rack.
///
/// ```
/// use gossamer::rack::NodeLoss;
///
/// let builder = gossamer::Builder::new()
///     .node_loss_hook(|loss: &NodeLoss| eprintln!("node {}: {loss}", loss.node()));
/// # drop(builder);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLoss {
    pub(crate) node: usize,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Another node is dead.
    Died(Cause),
    /// This node was declared dead by the others.
    Fenced,
    /// Node 0 is out of reach of this one.
    Orphaned(Cause),
}

/// What is told of a loss.
pub(crate) type LossHook = Box<dyn Fn(&NodeLoss) + Send + Sync>;

impl NodeLoss {
    pub(crate) fn fenced(me: u32) -> Self {
        Self {
            node: me as usize,
            what: What::Fenced,
        }
    }

    /// The node that was lost; this one, if the others have given it up.
    ///
    /// See the example of the [type](Self).
    pub fn node(&self) -> usize {
        self.node
    }

    /// Whether the rack goes on without this node, which therefore is to end.
    ///
    /// See the example of the [type](Self).
    pub fn is_final(&self) -> bool {
        !matches!(self.what, What::Died(_))
    }

    /// Says why, and ends the process.
    pub(crate) fn end_process(&self) -> ! {
        say(format_args!("gossamer: {self}; this process ends with it"));
        match &self.what {
            What::Died(cause) | What::Orphaned(cause) => link::tell_loss(self.node as u32, cause),
            What::Fenced => {}
        }
        std::process::exit(EXIT_STATUS)
    }
}

impl fmt::Display for NodeLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node;
        match &self.what {
            What::Died(cause) => write!(f, "node {node} is lost: {cause}"),
            What::Fenced => write!(f, "node {node}, this one, was given up by the others"),
            What::Orphaned(cause) => {
                write!(f, "node {node}, which leads the rack, is lost: {cause}")
            }
        }
    }
}

/// What a process ends with that has lost the rack; `EX_UNAVAILABLE` of `sysexits.h`.
const EXIT_STATUS: i32 = 69;
