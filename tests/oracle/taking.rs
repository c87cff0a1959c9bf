//! A value on its way back: `into_inner` in the hands of a program.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use gossamer::Trust;

use crate::coverage::{Situation, reached};
use crate::held::{Counted, Held};
use crate::property::Property;
use crate::register::Register;
use crate::request::Bang;
use crate::thread::Thread;

pub(crate) struct Taking {
    property: Arc<Property>,
    /// Present until the first poll, from which on there may be no trust.
    counted: Option<Counted>,
    future: Option<Value>,
}

type Value = Pin<Box<dyn Future<Output = Result<Register, Trust<Register>>> + Send>>;

impl Taking {
    pub(crate) fn new(held: Held) -> Self {
        let property = Arc::clone(held.property());
        let (trust, counted) = held.into_parts();
        Self {
            property,
            counted: Some(counted),
            future: Some(Box::pin(trust.into_inner())),
        }
    }

    /// Polls it; ready with the trust, if it was not the last one. If the program `is_alone`,
    /// there must then be others.
    pub(crate) fn poll(&mut self, is_alone: bool) -> Poll<Option<Held>> {
        let is_first = self.counted.is_some();
        if let Some(counted) = self.counted.take() {
            counted.lend();
        }
        let future = self.future.as_mut().expect("present until it is ready");
        let polled = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let (number, log) = (self.property.number, Arc::clone(&self.property.log));
        let others = self.property.life().trusts;
        if !matches!(polled, Poll::Ready(Err(_))) && others > 0 {
            log.fault(format_args!(
                "{number} was taken from under {others} trusts"
            ));
        }
        let taken = ready!(polled);
        self.future = None;
        match taken {
            Ok(register) => {
                self.take(register);
                Poll::Ready(None)
            }
            Err(trust) => {
                reached(Situation::IntoInnerShared);
                if !log.has_begun() && (!is_first || is_alone && others == 0) {
                    log.fault(format_args!("{number} was not given to its last trust"));
                }
                self.property.retain();
                Poll::Ready(Some(Held::of(trust, Arc::clone(&self.property))))
            }
        }
    }

    fn take(&self, register: Register) {
        reached(Situation::IntoInnerLast);
        let mut life = self.property.life();
        life.is_taken = true;
        life.other_owner = Some(Thread::current());
        drop(life);
        if !Arc::ptr_eq(register.property(), &self.property) {
            self.property
                .log
                .fault("the value of another property was taken");
        }
        contain(&self.property, || drop(register));
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        let Some(future) = self.future.take() else {
            return;
        };
        if self.counted.is_none() {
            reached(Situation::IntoInnerCancelled);
            self.property.life().other_owner = Some(Thread::current());
        }
        // Before the trust that the future has, if it was not polled.
        drop(self.counted.take());
        contain(&self.property, || drop(future));
    }
}

/// The drop of a register that the program owns may panic as it was told to, and not otherwise.
fn contain(property: &Property, drops: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(drops))
        && !payload.is::<Bang>()
    {
        property
            .log
            .fault("the drop of a value ended in a strange panic");
    }
}
