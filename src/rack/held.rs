//! Calls that wait behind a large one: while the arguments of a call are encoded beside the workers,
//! what its worker asks of the same trustee later is held, so that all keep their order.
//!
//! Cost for others: none. As long as calls are held, a pair is not found where calls look for it,
//! and so they come here.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::rack::codec::Parcel;
use crate::rack::continuation::Continuation;
use crate::rack::error::CallError;
use crate::rack::large::beside;
use crate::rack::outbound::{Answers, Encode, Question};
use crate::rack::remote::{Home, Remote, Share};
use crate::rack::route::Route;
use crate::rack::side::RackSide;
use crate::worker::Worker;

/// What waits for its turn with one worker of another node.
pub(crate) enum Held {
    /// A call whose arguments are being encoded; its number tells it apart.
    Encoding(u64, Waiting),
    Ready(Waiting, Parcel),
    /// The share of a property, whose last trust has gone.
    Leaving(Arc<Share>),
}

/// A call without its arguments.
pub(crate) struct Waiting {
    question: Question,
    then: Option<Continuation>,
    target: Option<Arc<Remote>>,
}

impl RackSide {
    /// Issues a call with large arguments, which this encodes.
    #[cold]
    pub(crate) fn issue_large(
        &self,
        worker: &Worker,
        question: Question,
        encode: Encode,
        then: Option<Continuation>,
        target: Option<Arc<Remote>>,
    ) {
        let to = question.to;
        let at = match self.open_link(worker, to) {
            Ok(at) => at,
            Err(error) => return self.end_unsent(worker, then, error),
        };
        let number = self.large.next_number();
        let waiting = Waiting {
            question,
            then,
            target,
        };
        let mut route = self.route(to.node).borrow_mut();
        route.hold(at, Held::Encoding(number, waiting));
        drop(route);
        beside(worker, encode, move |worker, encoded| {
            if let Some(side) = worker.rack() {
                side.finish_encoding(worker, to, number, encoded);
            }
        });
    }

    /// Holds a call if others to that trustee are held; gives it back if none are.
    pub(super) fn hold(
        &self,
        question: Question,
        parcel: Parcel,
        then: Option<Continuation>,
        target: Option<Arc<Remote>>,
    ) -> Option<(Parcel, Option<Continuation>, Option<Arc<Remote>>)> {
        let to = question.to;
        let mut route = self.route(to.node).borrow_mut();
        let Some(at) = route.held_pair(to.worker) else {
            return Some((parcel, then, target));
        };
        let waiting = Waiting {
            question,
            then,
            target,
        };
        route.hold(at, Held::Ready(waiting, parcel));
        None
    }

    /// The arguments of a call are encoded, or have no encoding.
    fn finish_encoding(
        &self,
        worker: &Worker,
        to: Home,
        number: u64,
        encoded: Result<Parcel, CallError>,
    ) {
        let mut route = self.route(to.node).borrow_mut();
        let held = route.held(to.worker);
        let Some(waiting) = held.and_then(|held| take_waiting(held, number)) else {
            return; // its node is lost, and whoever has waited knows
        };
        let (at, waiting) = waiting;
        let failed = match encoded {
            Ok(parcel) => {
                let held = route.held(to.worker).expect("it was there");
                held.insert(at, Held::Ready(waiting, parcel));
                None
            }
            Err(error) => Some((waiting, error)),
        };
        drop(route);
        if let Some((waiting, error)) = failed {
            match waiting.then {
                Some(then) => self.complete(worker, Some(then), Err(error)),
                None => worker.home().stats().add_post_lost(),
            }
        }
        self.issue_held(worker, to);
    }

    /// Issues what is held and has not to wait any more.
    fn issue_held(&self, worker: &Worker, to: Home) {
        loop {
            let mut route = self.route(to.node).borrow_mut();
            match route.take_held(to.worker) {
                Some(Held::Ready(waiting, parcel)) => {
                    drop(route);
                    let Waiting {
                        question,
                        then,
                        target,
                    } = waiting;
                    self.issue_now(worker, question, parcel, then, target);
                }
                Some(Held::Leaving(share)) => {
                    let stays = route.leave(to.worker, share);
                    drop(route);
                    drop(stays);
                }
                Some(Held::Encoding(..)) | None => return,
            }
        }
    }
}

/// The call of this number, and where it was.
fn take_waiting(held: &mut VecDeque<Held>, number: u64) -> Option<(usize, Waiting)> {
    let is_it = |held: &Held| matches!(held, Held::Encoding(of, _) if *of == number);
    let at = held.iter().position(is_it)?;
    match held.remove(at) {
        Some(Held::Encoding(_, waiting)) => Some((at, waiting)),
        _ => None,
    }
}

impl Held {
    /// The call that it is, if its end is to be told or counted.
    pub(super) fn into_call(self) -> Option<Option<Continuation>> {
        let (Self::Encoding(_, waiting) | Self::Ready(waiting, _)) = self else {
            return None;
        };
        let is_told = waiting.then.is_some() || waiting.question.answers == Answers::Never;
        is_told.then_some(waiting.then)
    }
}

impl Route {
    /// Has something wait for its turn, and what comes later with it.
    fn hold(&mut self, at: usize, held: Held) {
        let pair = &mut self.pairs[at];
        pair.held.push_back(held);
        let remote = pair.remote;
        self.hide(remote);
    }

    /// Where the pair with a worker of the node is, if calls to it are held.
    fn held_pair(&self, remote: u32) -> Option<usize> {
        let at = self.place(remote)?;
        (!self.pairs[at].held.is_empty()).then_some(at)
    }

    fn held(&mut self, remote: u32) -> Option<&mut VecDeque<Held>> {
        let at = self.place(remote)?;
        Some(&mut self.pairs[at].held)
    }

    /// Takes the first that is held, unless it has to wait.
    fn take_held(&mut self, remote: u32) -> Option<Held> {
        let at = self.place(remote)?;
        let held = &mut self.pairs[at].held;
        let first = held.pop_front_if(|held| !matches!(held, Held::Encoding(..)));
        if held.is_empty() {
            let remote = self.pairs[at].remote;
            self.show(remote);
        }
        first
    }
}
