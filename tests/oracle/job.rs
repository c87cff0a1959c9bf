//! Jobs: what the delegated closures of programs do.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use gossamer::Trustee;

use crate::answer::{Answer, Cargo};
use crate::coverage::{Situation, reached};
use crate::flight::Flight;
use crate::held::Held;
use crate::property::Property;
use crate::register::{Register, Testament};
use crate::request::{Bang, Ending, Kind, Part, Request, Thrown, Token};

/// What a closure captures: its token, and what it does.
pub(crate) struct Job {
    capture: Token,
    act: Act,
}

/// What a closure does on its register, besides changing its state.
pub(crate) enum Act {
    Nothing,
    /// Issues another request, and drops the trust that it did that by.
    Post(Held, Box<Job>),
    /// Polls a delegation by hand; keeps it or drops it there.
    Poll {
        flight: Box<Flight>,
        keeps: bool,
    },
    Keep(Held),
    /// Returns a trust that an earlier one has kept.
    Take,
    /// Drops what earlier ones have kept.
    Clear,
    Return(Held),
    /// Clones a trust and drops both, perhaps the last ones of the property that it runs on.
    Drop(Held),
    /// Returns a trust of a new property.
    Entrust(Trustee),
}

impl Job {
    pub(crate) fn new(property: &Arc<Property>, kind: Kind, ending: Ending, act: Act) -> Self {
        let request = Request::new(property, kind, ending);
        match &act {
            Act::Post(_, job) => request.adopt(job.request()),
            Act::Poll { flight, .. } => request.adopt(flight.request()),
            _ => {}
        }
        Self {
            capture: Token::new(&request, Part::Capture, ending == Ending::Bangs),
            act,
        }
    }

    pub(crate) fn request(&self) -> &Arc<Request> {
        self.capture.request()
    }

    /// The closure of it, with `C` beside its captures and `R` in its result.
    pub(crate) fn closure<C: Cargo, R: Cargo>(
        self,
    ) -> impl FnOnce(&mut Register) -> Answer<R> + Send + 'static {
        let cargo = C::load(self.request().number, None);
        move |register| {
            cargo.unload(self.request());
            self.run(register)
        }
    }

    /// Posts it.
    pub(crate) fn post(self, to: &Held) {
        self.post_with::<()>(to);
    }

    /// Posts it with `C` beside its captures.
    pub(crate) fn post_with<C: Cargo>(self, to: &Held) {
        let request = Arc::clone(self.request());
        let closure = self.closure::<C, ()>();
        issue(&request, || {
            to.trust().post(move |register| drop(closure(register)))
        });
    }

    /// Posts it in the smallest record that can be: it does nothing but count.
    pub(crate) fn post_small(self, to: &Held) {
        let Self { capture, .. } = self;
        let request = Arc::clone(capture.request());
        issue(&request, || {
            to.trust().post(move |register| {
                register.visit(capture.request());
            });
        });
    }

    fn run<R: Cargo>(self, register: &mut Register) -> Answer<R> {
        let Self { capture, act } = self;
        let request = Arc::clone(capture.request());
        let mut visit = register.visit(&request);
        let held = act.perform(visit.register(), &request);
        let state = visit.state();
        // Before there is a result, which a panic in this would take with it.
        drop(capture);
        match request.ending {
            Ending::Returns { explodes } => Answer::new(&request, state, explodes, held),
            Ending::Throws { explodes } => {
                reached(Situation::Panic);
                let payload = Token::new(&request, Part::Payload, explodes);
                resume_unwind(Box::new(Thrown(payload)))
            }
            Ending::Bangs => unreachable!("the drop of the capture has panicked"),
        }
    }
}

impl Act {
    fn perform(self, register: &mut Register, request: &Request) -> Option<Held> {
        match self {
            Self::Nothing => None,
            Self::Post(to, job) => {
                reached(Situation::NestedPost);
                job.post(&to);
                None
            }
            Self::Poll { mut flight, keeps } => {
                reached(Situation::NestedPoll);
                let landed = flight.poll(true, None);
                if landed.is_pending() && keeps {
                    register.flights.push(*flight);
                }
                None
            }
            Self::Keep(held) => {
                register.kept.push(held);
                None
            }
            Self::Take => register.kept.pop(),
            Self::Clear => {
                register.kept.clear();
                register.flights.clear();
                None
            }
            Self::Return(held) => Some(held),
            Self::Drop(held) => {
                let (weak, other) = (held.downgrade(), held.clone());
                drop(held);
                let is_last = other.property().life().trusts == 1;
                if is_last && other.property().number == request.property.number {
                    reached(Situation::LastDropInOwnClosure);
                }
                drop(other);
                drop(weak.upgrade(false));
                None
            }
            Self::Entrust(trustee) => {
                Held::entrust(&request.property.log, trustee, Testament::default())
            }
        }
    }
}

/// Issues a request by a call that is not polled. Only what comes back unrun is dropped in it.
pub(crate) fn issue(request: &Request, call: impl FnOnce()) {
    let issued = catch_unwind(AssertUnwindSafe(|| request.issue(call)));
    if let Err(payload) = issued
        && !(payload.is::<Bang>() && request.property.log.has_begun())
    {
        request
            .property
            .log
            .fault(format_args!("the call of {} panicked", request.number));
    }
}
