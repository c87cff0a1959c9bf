//! A worker takes the results of what it has asked other nodes.
//!
//! Cost of a small result: its bytes, copied out of their slot with the whole batch, and a header of 8
//! unless it is like the one before it; the note of its call, 32 bytes of this worker's own; then
//! the entry of whoever awaits it.

use gossamer_transport::rack::{Answers, WireError};

use crate::contain::contain;
use crate::rack::codec::Body;
use crate::rack::envelope::{Nonsense, Status};
use crate::rack::route::{Fabric, Note, Route};
use crate::rack::side::RackSide;
use crate::rack::visit::Returned;
use crate::worker::Worker;

impl RackSide {
    /// Takes results, and acts on each: those of a batch, and of further ones while they are few, so
    /// that what comes of them goes out together. Those that lie in a slot are lent out, so that
    /// nothing of the route is borrowed meanwhile.
    #[inline(never)] // so that a turn without results stays short
    pub(super) fn harvest(&self, worker: &Worker, node: u32, at: usize) -> Result<bool, Nonsense> {
        let nonsense = |_| Nonsense("batch of results");
        let mut taken = 0;
        let mut unpublished = 0;
        let mut harvested = false;
        let mut is_published = false;
        let acted = loop {
            let mut route = self.route(node).borrow_mut();
            let lent = route.pairs[at].client.lend_results().map_err(nonsense)?;
            drop(route);
            let Some(mut answers) = lent else {
                break match harvested {
                    true => Ok(()),
                    false => self
                        .harvest_long(worker, node, at)
                        .map(|long| harvested = long),
                };
            };
            harvested = true;
            taken += u32::from(answers.left());
            let acted = self.act_on_all(worker, (node, at), &mut answers, &mut unpublished);
            let mut route = self.route(node).borrow_mut();
            if route.pairs[at].client.in_flight() == 0 {
                // No further batch is under way: before the books are kept, as it is waited for.
                route.publish_requests(at);
                is_published = true;
            }
            let unreadable = acted.err().flatten();
            route.pairs[at].client.take_back(answers, unreadable);
            if acted.is_err() || is_published || taken >= route.results_per_turn() {
                break acted.map_err(|_| Nonsense("batch of results"));
            }
        };
        let mut route = self.route(node).borrow_mut();
        if !is_published {
            route.publish_requests(at);
        }
        while let Some(share) = route.pairs[at].take_left() {
            drop(route);
            drop(share);
            route = self.route(node).borrow_mut();
        }
        acted.map(|()| harvested)
    }

    /// Takes a result that did not fit into its slot, if it is here.
    #[cold]
    fn harvest_long(&self, worker: &Worker, node: u32, at: usize) -> Result<bool, Nonsense> {
        let mut route = self.route(node).borrow_mut();
        let answer = route.pairs[at].client.poll_result();
        let Some(answer) = answer.map_err(|_| Nonsense("batch of results"))? else {
            return Ok(false);
        };
        let (note, status, bytes) = (answer.note, answer.status, answer.payload.into_owned());
        let remote = u32::from(route.pairs[at].remote);
        drop(route);
        let body = Body::Owned {
            bytes,
            start: 0,
            link: Some((node, remote)),
        };
        self.settle(worker, node, note, status, body)?;
        Ok(true)
    }

    /// Acts on results that were lent out. A panic is reported, and the next is acted on.
    fn act_on_all(
        &self,
        worker: &Worker,
        (node, at): (u32, usize),
        answers: &mut Answers<Note>,
        unpublished: &mut u32,
    ) -> Result<(), Option<WireError>> {
        let mut acted = None;
        while acted.is_none() {
            // Whatever was before: a task that awaits one of these may be polled at once.
            worker.client.queue_wakes(false);
            let some = || acted = Some(self.act_on_some(worker, (node, at), answers, unpublished));
            contain(some, |panic| worker.report(panic));
        }
        acted.expect("it went on until then")
    }

    /// Acts on results until one panics, and publishes what comes of them. An error is that of the
    /// link, if it is one.
    #[inline(always)]
    fn act_on_some(
        &self,
        worker: &Worker,
        (node, at): (u32, usize),
        answers: &mut Answers<Note>,
        unpublished: &mut u32,
    ) -> Result<(), Option<WireError>> {
        loop {
            let mut settled = Ok(());
            let taken = answers.take_inline(|note, status, bytes| {
                if *unpublished == RESULTS_PER_BATCH {
                    *unpublished = 0;
                    self.route(node).borrow_mut().publish_early(at);
                }
                *unpublished += 1;
                match note {
                    Note::Now(then) if status == PLAIN => {
                        then.call(worker, Returned::Plain(bytes));
                    }
                    Note::Posted | Note::Unread if status == PLAIN => {}
                    note => {
                        let body = Body::Lent(bytes);
                        settled = self.settle(worker, node, note, status, body);
                    }
                }
            });
            settled.map_err(|Nonsense(_)| None)?;
            if !taken.map_err(Some)? {
                return Ok(());
            }
        }
    }
}

impl Route {
    /// Publishes what one link has issued while more results are acted on, so that the other side
    /// works meanwhile. By RDMA nothing would go out before the flush, in two messages instead of
    /// one.
    fn publish_early(&mut self, at: usize) {
        if !matches!(self.fabric, Fabric::Rdma(_)) {
            self.publish_requests(at);
        }
    }

    /// How many results of a link are enough for a turn, if whole batches are taken.
    fn results_per_turn(&self) -> u32 {
        match self.fabric {
            Fabric::Rdma(_) => RESULTS_PER_TURN_BY_RDMA,
            Fabric::Tcp(_) | Fabric::Opening | Fabric::Shm(..) => RESULTS_PER_BATCH,
        }
    }
}

/// After so many results, what came of them is published, if that sends it: the other side works
/// meanwhile. So many are enough for a turn.
const RESULTS_PER_BATCH: u32 = 32;
/// There a message costs as much as many requests, and less if others go out with it.
const RESULTS_PER_TURN_BY_RDMA: u32 = 128;
/// The status of a value and nothing else.
const PLAIN: u8 = Status::Value { has_table: false }.to_byte();
