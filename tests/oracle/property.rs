//! A property under test: the log's account of it.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::coverage::{Situation, reached};
use crate::log::{Log, lock};
use crate::thread::Thread;

pub(crate) struct Property {
    pub(crate) number: usize,
    pub(crate) trustee: usize,
    pub(crate) log: Arc<Log>,
    life: Mutex<Life>,
}

/// What has become of a property so far.
#[derive(Debug, Default)]
pub(crate) struct Life {
    /// Trusts of it, those that delegations hold included.
    pub(crate) trusts: u32,
    pub(crate) issued: u32,
    /// The requests that ran on it, and the state after each.
    pub(crate) history: Vec<(u32, u64)>,
    pub(crate) dropped: u32,
    pub(crate) dropped_by: Option<Thread>,
    /// Who else than its trustee may drop it: whoever took it out, gave up taking it out, or
    /// entrusted it to a runtime that had shut down.
    pub(crate) other_owner: Option<Thread>,
    pub(crate) is_taken: bool,
}

impl Property {
    /// A property with one trust.
    pub(crate) fn new(log: &Arc<Log>, trustee: usize) -> Arc<Self> {
        let mut properties = log.properties();
        let (number, log) = (properties.len(), Arc::clone(log));
        let life = Mutex::new(Life {
            trusts: 1,
            ..Life::default()
        });
        let property = Arc::new(Self {
            number,
            trustee,
            log,
            life,
        });
        properties.push(Arc::clone(&property));
        property
    }

    pub(crate) fn life(&self) -> MutexGuard<'_, Life> {
        lock(&self.life)
    }

    /// Another trust is about to be made.
    pub(crate) fn retain(&self) {
        self.life().trusts += 1;
    }

    /// A trust is about to be dropped.
    pub(crate) fn release(&self) {
        let mut life = self.life();
        life.trusts -= 1;
        let is_in_flight = life.issued as usize > life.history.len();
        if life.trusts > 0 {
            return;
        }
        drop(life);
        if self.log.actor() != Some(self.trustee) {
            reached(Situation::RemoteLastDrop);
            if is_in_flight {
                reached(Situation::RemoteLastDropInFlight);
            }
        }
    }

    /// The value is dropped: every request on it has run and nobody can issue another.
    pub(crate) fn die(&self) {
        let mut life = self.life();
        life.dropped += 1;
        life.dropped_by = Some(Thread::current());
        let (trusts, dropped) = (life.trusts, life.dropped);
        let (issued, ran) = (life.issued as usize, life.history.len());
        drop(life);
        let number = self.number;
        if dropped > 1 {
            self.log
                .fault(format_args!("property {number} dropped again"));
        }
        if self.log.has_begun() {
            return;
        }
        if trusts > 0 {
            self.log.fault(format_args!(
                "property {number} dropped under {trusts} trusts"
            ));
        }
        if issued > ran {
            let left = issued - ran;
            self.log.fault(format_args!(
                "property {number} dropped before {left} requests"
            ));
        }
    }
}
