//! The wakers of programs: they tell the log when, where and how often they are woken and dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use crate::request::{Part, Request, Token};

pub(crate) struct Listener {
    token: Token,
    /// Woken by a channel, and not by the issuer.
    is_mailed: bool,
    outer: Option<Waker>,
    is_woken: AtomicBool,
}

impl Listener {
    pub(crate) fn new(request: &Arc<Request>, is_mailed: bool, outer: Option<Waker>) -> Arc<Self> {
        let token = Token::new(request, Part::Waker, false);
        Arc::new(Self {
            token,
            is_mailed,
            outer,
            is_woken: AtomicBool::new(false),
        })
    }

    pub(crate) fn is_mailed(&self) -> bool {
        self.is_mailed
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.is_woken.load(Ordering::Acquire)
    }
}

impl Wake for Listener {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        if !self.is_mailed {
            self.token.request().complete();
        }
        if let Some(outer) = &self.outer {
            outer.wake_by_ref();
        }
    }
}
