//! [`Part`]: what a batch asks of one shard, and what that answers.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::request::Request;
use crate::store::{Cas, Now, Shard};

/// The requests of a batch for one shard. It goes to the shard and comes back with the answers, and
/// is used again: nothing is allocated for a batch like those before.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// What the requests' spans are of, while it is under way.
    input: Option<Arc<Vec<u8>>>,
    requests: Vec<Due>,
    /// So many have been answered.
    run: usize,
    answers: Vec<u8>,
    /// Where each answer ends.
    ends: Vec<usize>,
    /// So many answers have been taken.
    taken: usize,
}

#[derive(Debug)]
struct Due {
    request: Request,
    /// Of its key.
    hash: u64,
    id: Id,
}

/// Where the cas id of a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Id {
    /// It takes one that was set apart, or none.
    Given(u64),
    /// It takes the next, if it takes any.
    Next,
}

impl Part {
    pub(crate) fn push(&mut self, request: Request, hash: u64, id: Id) {
        self.requests.push(Due { request, hash, id });
    }

    /// Whether there is anything to run, and room for its answers.
    pub(crate) fn is_due(&self) -> bool {
        self.run < self.requests.len() && self.ends.is_empty()
    }

    pub(crate) fn lend(&mut self, input: &Arc<Vec<u8>>) {
        self.input = Some(Arc::clone(input));
    }

    /// Runs what is due, until the answers fill [`ANSWERS_MAX`]: on the shard's worker.
    pub(crate) fn run(&mut self, shard: &mut Shard, now: Now, ids: &AtomicU64) {
        // Given back here, so that who gets the part back has the only one.
        let input = self.input.take().expect("lent before");
        let due = &self.requests[self.run..];
        if due.len() >= WARMED_MIN {
            shard.warm(due.iter().map(|due| due.hash));
        }
        while let Some(due) = self.requests.get(self.run) {
            let cas = match due.id {
                Id::Given(id) => Cas::Given(id),
                Id::Next => Cas::From(ids),
            };
            let answers = &mut self.answers;
            shard.execute(&due.request, due.hash, &input, now, cas, answers);
            self.ends.push(self.answers.len());
            self.run += 1;
            if self.answers.len() >= ANSWERS_MAX {
                break;
            }
        }
    }

    /// The next answer, if it is there.
    pub(crate) fn next_answer(&mut self) -> Option<&[u8]> {
        let end = *self.ends.get(self.taken)?;
        let start = self.taken.checked_sub(1).map_or(0, |last| self.ends[last]);
        self.taken += 1;
        Some(&self.answers[start..end])
    }

    /// Makes room for other answers, if all that are there have been taken.
    pub(crate) fn clear_taken(&mut self) {
        if self.taken < self.ends.len() {
            return;
        }
        self.answers.clear();
        self.answers.shrink_to(KEPT_MAX);
        self.ends.clear();
        self.taken = 0;
        if self.run == self.requests.len() {
            self.requests.clear();
            self.requests.shrink_to(REQUESTS_KEPT_MAX);
            self.run = 0;
        }
    }
}

/// From so many requests on it pays to ask for their memory ahead.
const WARMED_MIN: usize = 4;
/// A shard answers so many bytes, and what the last answer adds, before they are sent.
const ANSWERS_MAX: usize = 256 << 10;
/// A part that waits for its next batch keeps no more,
const KEPT_MAX: usize = 8 << 10;
/// and room for so many requests.
const REQUESTS_KEPT_MAX: usize = 64;
