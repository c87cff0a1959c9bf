//! A trust, and a weak one, that the log keeps count of.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use gossamer::{Trust, Trustee, WeakTrust};

use crate::coverage::{Situation, reached};
use crate::log::Log;
use crate::property::Property;
use crate::register::{Register, Testament};
use crate::request::Bang;
use crate::thread::Thread;

/// A trust. The log's count goes down before the trust is dropped, and up before it is cloned,
/// so that the trustee never sees fewer drops than it should.
pub(crate) struct Held {
    trust: Option<Trust<Register>>,
    property: Arc<Property>,
}

/// One trust in the log's count, which something else than a [`Held`] has, until it is false.
pub(crate) struct Counted(Arc<Property>, bool);

pub(crate) struct Weak {
    trust: WeakTrust<Register>,
    property: Arc<Property>,
}

impl Held {
    /// Entrusts a fresh register. A runtime that has shut down refuses it, in which case its drop
    /// is the caller's, and so are the panics of that: then there is no trust.
    pub(crate) fn entrust(log: &Arc<Log>, trustee: Trustee, testament: Testament) -> Option<Self> {
        let property = Property::new(log, trustee.worker());
        let register = Register::new(&property, testament);
        let entrusted = catch_unwind(AssertUnwindSafe(|| trustee.entrust(register)));
        let may_refuse = log.has_begun();
        if may_refuse {
            property.life().other_owner = Some(Thread::current());
        }
        match entrusted {
            Ok(trust) => Some(Self::of(trust, property)),
            Err(payload) => {
                if !may_refuse || !payload.is::<Bang>() {
                    log.fault("`entrust` panicked");
                }
                property.life().trusts = 0;
                None
            }
        }
    }

    /// A trust that the log counts already.
    pub(crate) fn of(trust: Trust<Register>, property: Arc<Property>) -> Self {
        Self {
            trust: Some(trust),
            property,
        }
    }

    pub(crate) fn trust(&self) -> &Trust<Register> {
        self.trust.as_ref().expect("present until it is dropped")
    }

    pub(crate) fn property(&self) -> &Arc<Property> {
        &self.property
    }

    pub(crate) fn into_parts(mut self) -> (Trust<Register>, Counted) {
        let trust = self.trust.take().expect("present until it is dropped");
        (trust, Counted(Arc::clone(&self.property), true))
    }

    pub(crate) fn downgrade(&self) -> Weak {
        Weak {
            trust: self.trust().downgrade(),
            property: Arc::clone(&self.property),
        }
    }

    /// Compares the counts, which nobody changes meanwhile.
    pub(crate) fn check_count(&self) {
        let (real, ours) = (self.trust().trust_count(), self.property.life().trusts);
        if real != ours as usize {
            let number = self.property.number;
            self.property
                .log
                .fault(format_args!("{real} trusts of {number} instead of {ours}"));
        }
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        self.property.retain();
        Self {
            trust: Some(self.trust().clone()),
            property: Arc::clone(&self.property),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.trust.is_some() {
            self.property.release();
        }
    }
}

impl Counted {
    /// The trust is given up without being dropped, and may come back.
    pub(crate) fn lend(mut self) {
        self.0.life().trusts -= 1;
        self.1 = false;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.1 {
            self.0.release();
        }
    }
}

impl Weak {
    /// A trust, which there is if and only if there is another, as far as nothing else happens.
    pub(crate) fn upgrade(&self, is_alone: bool) -> Option<Held> {
        let others = self.property.life().trusts;
        let trust = self.trust.upgrade();
        if is_alone && trust.is_some() != (others > 0) {
            let (number, log) = (self.property.number, &self.property.log);
            log.fault(format_args!(
                "upgrade of {number} with {others} trusts is wrong"
            ));
        }
        reached(match &trust {
            Some(_) => Situation::UpgradeAlive,
            None => Situation::UpgradeDead,
        });
        let trust = trust?;
        self.property.retain();
        Some(Held::of(trust, Arc::clone(&self.property)))
    }
}
