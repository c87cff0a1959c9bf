//! A worker lets a lost node go: takes in what has come from it, and ends the calls to it.

use gossamer_transport::rack::Fate;

use crate::rack::continuation::Continuation;
use crate::rack::error::{CallError, NotExecuted};
use crate::rack::held::Held;
use crate::rack::parked::Parked;
use crate::rack::refs::Envelope;
use crate::rack::route::{Blocked, Note};
use crate::rack::side::{RackSide, peers};
use crate::rack::visit::ReplyTo;
use crate::worker::Worker;

impl RackSide {
    /// Nothing more comes from the node: its connections are read to their ends.
    pub(crate) fn drain(&self, worker: &Worker, node: u32) {
        while self.route(node).borrow().has_arrived() {
            self.poll_route(worker, node);
            self.route(node).borrow_mut().publish_to_nobody();
        }
        // After the harvests, which ask for the opposite: all are told before anybody goes on.
        worker.client.queue_wakes(true);
        for (then, error) in self.close_route(worker, node) {
            if then.is_none() {
                worker.home().stats().add_post_lost();
            }
            self.complete(worker, then, Err(error));
        }
        let peers = peers(worker);
        peers.step(worker.shared(), node, peers.get(node).drained());
    }

    /// The worker ends: nothing comes for it any more. What is told here is told while there is
    /// somebody to contain it.
    pub(crate) fn sweep(&self, worker: &Worker) {
        worker.client.queue_wakes(true);
        self.properties.forget_all();
        for node in 0..self.routes.len() as u32 {
            for (then, error) in self.close_route(worker, node) {
                let error = match error {
                    CallError::NotExecuted(_) => CallError::NotExecuted(NotExecuted::Closed),
                    error => error,
                };
                self.complete(worker, then, Err(error));
            }
        }
        let parked = std::mem::take(&mut *self.parked.borrow_mut());
        for (envelope, parked) in parked {
            if let Parked::Reply {
                then: Some(then), ..
            } = parked
            {
                let error = error(envelope.from.number, Fate::Unknown);
                self.complete(worker, Some(then), Err(error));
            }
        }
        self.end_results(worker);
        // What is dropped may issue further calls, whose turn it is then.
        let mut rounds = 0..ROUNDS_MAX;
        while rounds.next().is_some() && self.tell_unsent(worker) {}
        // Somebody issues one for each that is dropped: it would never end.
        std::mem::forget(self.unsent.take());
    }

    /// Tells of the calls that have ended before they were sent; whether there were any.
    #[cold]
    pub(super) fn tell_unsent(&self, worker: &Worker) -> bool {
        let unsent = self.unsent.take();
        let was_any = !unsent.is_empty();
        for (then, error) in unsent {
            self.complete(worker, Some(then), Err(error));
        }
        was_any
    }

    /// Takes all calls that the node owes an outcome, and what comes of them; of posts, whom
    /// nothing is done about, too.
    fn close_route(&self, worker: &Worker, node: u32) -> Vec<(Option<Continuation>, CallError)> {
        let mut route = self.route(node).borrow_mut();
        route.kill();
        route.tell_closed(worker.home().stats());
        let pairs = route.take_pairs();
        drop(route);
        let mut ended = Vec::new();
        for pair in pairs {
            if let Some(Blocked::Trusts(arrival)) = pair.blocked {
                self.orphan(node, pair.remote, arrival);
            }
            for (note, fate) in pair.client.into_unanswered() {
                let then = match note {
                    Note::Now(then) => Some(then),
                    Note::Posted => None,
                    Note::Later(token) => {
                        let late = self.late.borrow_mut().take(token, node);
                        match late {
                            Some(late) => late.then,
                            None => continue,
                        }
                    }
                    Note::Unread => continue,
                };
                ended.push((then, error(node, fate)));
            }
            let held = pair.held.into_iter().filter_map(Held::into_call);
            ended.extend(held.map(|then| (then, error(node, Fate::NotSent))));
        }
        // Those that were answered with word that their outcome would come.
        let late = self.late.borrow_mut().take_all(node);
        for late in late {
            ended.push((late.then, error(node, Fate::Unknown)));
        }
        let undelivered = self.undelivered(worker).into_iter();
        ended.extend(undelivered.map(|(then, error)| (Some(then), error)));
        ended
    }

    /// The calls whose results are here, with trusts that will not be registered any more.
    fn undelivered(&self, worker: &Worker) -> Vec<(Continuation, CallError)> {
        if !peers(worker).references().has_ended() {
            return Vec::new(); // the owner's word comes, or the word of its death
        }
        let mut parked = self.parked.borrow_mut();
        let replies = parked.extract_if(|_, parked| matches!(parked, Parked::Reply { .. }));
        let end = |(envelope, parked): (Envelope, Parked)| match parked {
            Parked::Reply { then, .. } => {
                then.map(|then| (then, error(envelope.from.number, Fate::Unknown)))
            }
            Parked::Call { .. } | Parked::Orphan(..) => None,
        };
        replies.filter_map(end).collect()
    }

    /// A call that waits for its trusts goes on waiting, without its link.
    fn orphan(&self, node: u32, remote: u16, arrival: crate::rack::route::Arrival) {
        let mut parked = self.parked.borrow_mut();
        let blocked = parked.iter().find_map(|(envelope, parked)| match parked {
            Parked::Call {
                node: of,
                remote: with,
            } if (*of, *with) == (node, remote) => Some(*envelope),
            _ => None,
        });
        if let Some(envelope) = blocked {
            let from = ReplyTo {
                node,
                worker: u32::from(remote),
                token: arrival.token,
            };
            parked.insert(envelope, Parked::Orphan(Box::new(arrival), from));
        }
    }
}

fn error(node: u32, fate: Fate) -> CallError {
    let node = node as usize;
    match fate {
        Fate::NotSent => CallError::NotExecuted(NotExecuted::NodeLost { node }),
        Fate::Unknown => CallError::Unknown { node },
    }
}

/// So often a sweep tells of calls that were issued meanwhile.
const ROUNDS_MAX: u32 = 1000;
