//! The wakers of programs: they tell the log when, where and how often they are woken and dropped.

use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::request::{Part, Request, Token};

pub(crate) struct Listener {
    token: Token,
    /// Woken by a channel, and not by the issuer.
    is_mailed: bool,
    outer: Option<Waker>,
}

impl Listener {
    pub(crate) fn waker(request: &Arc<Request>, is_mailed: bool, outer: Option<Waker>) -> Waker {
        let token = Token::new(request, Part::Waker, false);
        Waker::from(Arc::new(Self { token, is_mailed, outer }))
    }
}

impl Wake for Listener {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_mailed {
            self.token.request().complete();
        }
        if let Some(outer) = &self.outer {
            outer.wake_by_ref();
        }
    }
}
