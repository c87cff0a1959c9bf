//! A trustee anywhere on the rack.

use std::fmt;

use crate::rack::remote::Home;
use crate::shared::{RuntimeId, Shared};

/// A trustee of any node of the rack; what [`entrust_on`](crate::rack::entrust_on) builds on.
///
/// ```
/// # #[gossamer::main(workers = 2)]
/// # async fn main() {
/// let all = gossamer::rack::trustees();
/// assert_eq!((all.len(), all[1].node(), all[1].worker()), (2, 0, 1));
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trustee {
    runtime: RuntimeId,
    home: Home,
    is_here: bool,
}

impl Trustee {
    /// One of this node, whose rack knows the node's number.
    pub(crate) fn here(trustee: crate::Trustee) -> Self {
        let runtime = trustee.runtime();
        let node = Shared::find(runtime).map_or(0, |shared| shared.rack().id());
        let worker = trustee.worker() as u32;
        Self {
            runtime,
            home: Home { node, worker },
            is_here: true,
        }
    }

    pub(crate) fn there(runtime: RuntimeId, home: Home) -> Self {
        Self {
            runtime,
            home,
            is_here: false,
        }
    }

    /// The node that it is of, from 0.
    ///
    /// See the example of the [type](Self).
    pub fn node(self) -> usize {
        self.home.node as usize
    }

    /// The index of its worker on that node; [`spawn_on`](crate::rack::spawn_on) counts the workers
    /// of the whole rack.
    ///
    /// See the example of the [type](Self).
    pub fn worker(self) -> usize {
        self.home.worker as usize
    }

    /// The plain trustee, if it is of this node.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let plain = gossamer::rack::trustees()[0].local().unwrap();
    /// assert_eq!(plain, gossamer::trustee(0));
    /// # }
    /// ```
    pub fn local(self) -> Option<crate::Trustee> {
        self.is_here
            .then(|| crate::Trustee::new(self.runtime, self.home.worker))
    }

    pub(crate) fn runtime(self) -> RuntimeId {
        self.runtime
    }

    pub(crate) fn home(self) -> Home {
        self.home
    }
}

impl fmt::Debug for Trustee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trustee")
            .field("node", &self.home.node)
            .field("worker", &self.home.worker)
            .finish_non_exhaustive()
    }
}
