//! What follows a request that was issued by `apply_then`.

use std::sync::Arc;

use crate::answer::{Answer, Cargo};
use crate::coverage::{Situation, reached};
use crate::flight::Flight;
use crate::held::Held;
use crate::job::{Job, issue};
use crate::request::{Part, Request, Token, bang};

/// What the closure that follows captures: its token, and what it does.
pub(crate) struct Then {
    token: Token,
    sequel: Sequel,
}

/// What it does with the thread to itself, between tasks and outside delegated code.
pub(crate) enum Sequel {
    Nothing,
    Panic,
    Post(Held, Job),
    /// Polls a delegation by hand and drops it.
    Poll(Flight),
}

impl Then {
    pub(crate) fn new(request: &Arc<Request>, sequel: Sequel) -> Self {
        Self {
            token: Token::new(request, Part::Then, false),
            sequel,
        }
    }

    /// Issues `job` with `C` beside its captures and `R` in its result, and this to follow.
    pub(crate) fn issue<C: Cargo, R: Cargo>(self, to: &Held, job: Job) {
        let request = Arc::clone(job.request());
        let closure = job.closure::<C, R>();
        issue(&request, || {
            to.trust()
                .apply_then(closure, move |answer| self.follow(answer))
        });
    }

    fn follow<R: Cargo>(self, answer: Answer<R>) {
        let Self { token, sequel } = self;
        let request = token.request();
        request.life().thens += 1;
        request.complete();
        drop(answer.open());
        match sequel {
            Sequel::Nothing => {}
            Sequel::Panic => {
                reached(Situation::ThenPanics);
                bang();
            }
            Sequel::Post(to, job) => job.post(&to),
            Sequel::Poll(mut flight) => drop(flight.poll(true, None)),
        }
    }
}
