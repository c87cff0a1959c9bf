//! [`Batch`]: what a connection has read, on its way over the shards and back in order.
//!
//! Pieces are gathered by shard, one [`Part`] each, and the parts go out together. Cas ids are taken
//! in the order of the commands, as memcached does: a `set` always takes one, which is set apart
//! for it here; what may take one or not takes the next when it runs, so it waits for those before
//! it on other shards, and they for it.

use std::mem;
use std::sync::Arc;

use futures::future::join_all;

use crate::control;
use crate::part::{Id, Part};
use crate::request::{CasIds, Piece, Request};
use crate::server::{Server, Table};
use crate::store;

#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// By shard; made when the shard is first asked.
    parts: Vec<Option<Box<Part>>>,
    /// The answers in their order.
    steps: Vec<Step>,
    /// How the gathered requests take ids.
    ids: Ids,
}

#[derive(Debug)]
enum Step {
    /// The next answer of a shard.
    Answer(usize),
    Say(&'static str),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ids {
    #[default]
    None,
    /// Some have been set apart.
    Given,
    /// Requests to this shard take them as they run.
    Next(usize),
}

/// Where answers go: they are sent when there are many.
pub(crate) trait Out {
    async fn send_if_full(&mut self) -> std::io::Result<()>;
    fn bytes(&mut self) -> &mut Vec<u8>;
}

impl Batch {
    /// Puts the answers to `pieces` into `out`, in order; `false` if the connection is to end.
    pub(crate) async fn answer(
        &mut self,
        server: &'static Server,
        input: &Arc<Vec<u8>>,
        pieces: &mut Vec<Piece>,
        out: &mut impl Out,
    ) -> std::io::Result<bool> {
        let mut goes_on = true;
        for piece in pieces.drain(..) {
            match piece {
                Piece::Request(request) => self.ask(server, input, request, out).await?,
                Piece::Say(text) => self.steps.push(Step::Say(text)),
                Piece::Control(control) => {
                    self.finish(server, input, out).await?;
                    control::run(server, control, input, out.bytes()).await;
                }
                Piece::Close => {
                    goes_on = false;
                    break;
                }
            }
        }
        self.finish(server, input, out).await?;
        Ok(goes_on)
    }

    async fn ask(
        &mut self,
        server: &'static Server,
        input: &Arc<Vec<u8>>,
        request: Request,
        out: &mut impl Out,
    ) -> std::io::Result<()> {
        let Table::Delegated(shards) = &server.table else {
            self.finish(server, input, out).await?;
            server.execute(&request, input, out.bytes());
            return out.send_if_full().await;
        };
        let hash = store::hash(request.key.of(input));
        let shard = store::shard(hash, shards.len());
        let (ids, id) = match (request.action.cas_ids(), self.ids) {
            (CasIds::None, ids) => (ids, Id::Given(0)),
            (_, Ids::Next(other)) if other == shard => (self.ids, Id::Next),
            (CasIds::One, Ids::None | Ids::Given) => (Ids::Given, Id::Given(server.next_id())),
            (CasIds::Unknown, Ids::None) => (Ids::Next(shard), Id::Next),
            (takes, _) => {
                self.finish(server, input, out).await?;
                match takes {
                    CasIds::One => (Ids::Given, Id::Given(server.next_id())),
                    _ => (Ids::Next(shard), Id::Next),
                }
            }
        };
        self.ids = ids;
        if self.parts.len() <= shard {
            self.parts.resize_with(shard + 1, Default::default);
        }
        self.parts[shard]
            .get_or_insert_default()
            .push(request, hash, id);
        self.steps.push(Step::Answer(shard));
        Ok(())
    }

    /// Runs what was gathered, and puts the answers into `out`.
    async fn finish(
        &mut self,
        server: &'static Server,
        input: &Arc<Vec<u8>>,
        out: &mut impl Out,
    ) -> std::io::Result<()> {
        self.ids = Ids::None;
        let mut steps = mem::take(&mut self.steps);
        let mut left = steps.drain(..).peekable();
        while left.peek().is_some() {
            self.run_parts(server, input).await;
            while left.next_if(|step| self.put(step, out.bytes())).is_some() {
                out.send_if_full().await?;
            }
            let parts = self.parts.iter_mut().flatten();
            parts.for_each(|part| part.clear_taken());
        }
        drop(left);
        self.steps = steps;
        Ok(())
    }

    /// Puts a step's answer into `out`, unless its shard has not come to it.
    fn put(&mut self, step: &Step, out: &mut Vec<u8>) -> bool {
        let answer = match step {
            Step::Answer(shard) => self.parts[*shard]
                .as_mut()
                .and_then(|part| part.next_answer()),
            Step::Say(text) => Some(text.as_bytes()),
        };
        out.extend_from_slice(answer.unwrap_or_default());
        answer.is_some()
    }

    /// Sends each shard its part, and waits until all have come back.
    async fn run_parts(&mut self, server: &'static Server, input: &Arc<Vec<u8>>) {
        let Table::Delegated(shards) = &server.table else {
            return;
        };
        let now = server.clock.now();
        let here = gossamer::worker_id();
        let due = |(_, part): &(usize, &mut Option<Box<Part>>)| {
            part.as_ref().is_some_and(|part| part.is_due())
        };
        // This worker's own runs in place, when the others are under way.
        let due = self.parts.iter_mut().enumerate().filter(due);
        let (own, others): (Vec<_>, Vec<_>) = due.partition(|(shard, _)| *shard == here);
        join_all(others.into_iter().chain(own).map(async |(shard, place)| {
            let mut part = place.take().expect("due");
            part.lend(input);
            let run = shards[shard].apply(move |shard| {
                part.run(shard, now, &server.ids);
                part
            });
            *place = Some(run.await);
        }))
        .await;
    }
}
