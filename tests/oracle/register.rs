//! The register: the value of every property under test, and the sequential model of it.

use std::sync::Arc;

use crate::coverage::{Situation, reached};
use crate::flight::Flight;
use crate::held::Held;
use crate::job::Job;
use crate::property::Property;
use crate::request::{Request, bang};
use crate::thread::Thread;

/// Changes by every request in a way that tells their order; may keep trusts and delegations.
pub(crate) struct Register {
    property: Arc<Property>,
    state: u64,
    is_busy: bool,
    pub(crate) kept: Vec<Held>,
    pub(crate) flights: Vec<Flight>,
    testament: Testament,
}

/// What a register does when it is dropped.
#[derive(Default)]
pub(crate) struct Testament {
    pub(crate) post: Option<(Held, Job)>,
    pub(crate) explodes: bool,
}

/// The state of a fresh register.
pub(crate) const FRESH: u64 = 0;

/// The state after request `number`.
pub(crate) fn next_state(state: u64, number: u32) -> u64 {
    // Not commutative, so that another order ends in another state.
    (state ^ u64::from(number) << 1 | 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(31)
}

impl Register {
    pub(crate) fn new(property: &Arc<Property>, testament: Testament) -> Self {
        Self {
            property: Arc::clone(property),
            state: FRESH,
            is_busy: false,
            kept: Vec::new(),
            flights: Vec::new(),
            testament,
        }
    }

    pub(crate) fn property(&self) -> &Arc<Property> {
        &self.property
    }

    /// Enters one request on it, which is all that may have a `&mut` to it until the visit ends.
    pub(crate) fn visit(&mut self, request: &Request) -> Visit<'_> {
        let (property, number) = (&request.property, request.number);
        let log = &property.log;
        let is_gone = property.life().dropped > 0;
        if is_gone {
            log.fault(format_args!("{number} ran on a dropped property"));
            bang(); // nothing of `self` may be touched
        }
        if Thread::current() != log.thread_of(property.trustee) {
            log.fault(format_args!("{number} ran away from its trustee"));
        }
        if self.is_busy {
            log.fault(format_args!(
                "{number} ran inside another request on its property"
            ));
        }
        self.is_busy = true;
        self.state = next_state(self.state, number);
        property.life().history.push((number, self.state));
        let mut life = request.life();
        life.runs += 1;
        life.state = Some(self.state);
        let (runs, issue) = (life.runs, life.issue);
        drop(life);
        if runs > 1 {
            log.fault(format_args!("{number} ran again"));
        }
        match issue {
            Some(issue) => log.run(issue),
            None => log.fault(format_args!("{number} ran without being issued")),
        }
        Visit(self)
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        self.property.die();
        if let Some((to, job)) = self.testament.post.take() {
            reached(Situation::PostInPropertyDrop);
            job.post(&to);
        }
        if self.testament.explodes && !std::thread::panicking() {
            reached(Situation::PropertyExplodes);
            bang();
        }
    }
}

/// A request on a register is running while this lives.
pub(crate) struct Visit<'a>(&'a mut Register);

impl Visit<'_> {
    pub(crate) fn state(&self) -> u64 {
        self.0.state
    }

    pub(crate) fn register(&mut self) -> &mut Register {
        self.0
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.0.is_busy = false;
    }
}
