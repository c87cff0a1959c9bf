//! A look at what has come from a node.

use crate::rack::envelope::Nonsense;
use crate::rack::side::RackSide;
use crate::worker::Worker;

impl RackSide {
    /// Takes in what has come from a node, in bounded measure. Most looks find nothing, and all that
    /// comes waits for the look before it to end: so those are short, and the rest is elsewhere.
    #[inline(always)]
    pub(super) fn poll_route(&self, worker: &Worker, node: u32) -> bool {
        let mut progressed = false;
        let mut from = 0;
        loop {
            let arrived = self.route(node).borrow().next_arrived(from);
            let Some((at, has_result)) = arrived else {
                return progressed;
            };
            progressed |= self.poll_pair(worker, node, at, has_result);
            from = at + 1;
        }
    }

    /// Takes in what has come on the links of a pair: a result, perhaps, and if not a request.
    #[inline(never)]
    fn poll_pair(&self, worker: &Worker, node: u32, at: usize, has_result: bool) -> bool {
        match self.take_arrived(worker, node, at, has_result) {
            Ok(false) => false,
            Ok(true) => {
                self.set_dirty();
                true
            }
            Err(Nonsense(_)) => {
                self.damaged(worker, node);
                true
            }
        }
    }

    #[inline(always)]
    fn take_arrived(
        &self,
        worker: &Worker,
        node: u32,
        at: usize,
        has_result: bool,
    ) -> Result<bool, Nonsense> {
        let mut progressed = false;
        let mut has_request = !has_result;
        if has_result {
            progressed |= self.harvest(worker, node, at)?;
            has_request = self.route(node).borrow().pairs[at].has_request();
        }
        if has_request {
            progressed |= self.serve(worker, node, at)?;
        }
        // A part of something long gives no result yet, but is owed credit, and credit lets parts
        // go: what was published is to be flushed.
        let mut route = self.route(node).borrow_mut();
        route.is_dirty |= route.pairs[at].has_unpublished();
        Ok(progressed | route.is_dirty)
    }
}
