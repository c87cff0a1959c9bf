//! The two links between one worker and one worker of another node, and what waits there.

use std::collections::VecDeque;
use std::sync::Arc;

use gossamer_transport::rack::{ClientLink, TrusteeLink};

use crate::rack::continuation::Continuation;
use crate::rack::held::Held;
use crate::rack::remote::Share;
use crate::rack::route::Arrival;

/// The two links with one worker of the node: its trustee's client here, and the reverse.
pub(crate) struct Pair {
    /// The worker of that node, or one past the last for control.
    pub(crate) remote: u16,
    pub(crate) client: ClientLink<Note>,
    /// Away while the requests of a batch run, as they may come back to the route.
    pub(crate) trustee: Option<Box<TrusteeLink>>,
    /// Shares that go when so many requests have been answered.
    pub(super) leaving: VecDeque<(u64, Arc<Share>)>,
    /// The request that what comes after it waits for.
    pub(crate) blocked: Option<Blocked>,
    /// What waits for the large arguments of a call, which is the first of it.
    pub(crate) held: VecDeque<Held>,
}

/// Why a request that has come is not answered yet.
#[derive(Debug)]
pub(crate) enum Blocked {
    /// Its trusts are not registered.
    Trusts(Arrival),
    /// Its arguments are decoded beside the workers, or its result encoded.
    Beside,
}

/// What is to become of a result.
pub(crate) enum Note {
    /// It is the outcome.
    Now(Continuation),
    /// It says at most that there will be no outcome; it is known here by this number.
    Later(u64),
    /// Nobody looks at it, but that it was lost is counted.
    Posted,
    /// Nobody looks at it.
    Unread,
}

impl Pair {
    /// Whether a request has come that can be taken.
    #[inline(always)]
    pub(crate) fn has_request(&self) -> bool {
        let trustee = self.trustee.as_ref();
        self.blocked.is_none() && trustee.is_some_and(|trustee| trustee.has_arrived())
    }

    #[inline(always)]
    pub(crate) fn has_unpublished(&self) -> bool {
        let trustee = self.trustee.as_ref();
        self.client.has_unpublished() || trustee.is_some_and(|trustee| trustee.has_unpublished())
    }

    /// The trustee's end, while no request of it runs.
    pub(crate) fn trustee(&mut self) -> &mut TrusteeLink {
        let trustee = self.trustee.as_mut();
        trustee.expect("no request of it runs")
    }

    /// The next share whose requests have been answered.
    #[inline(always)]
    pub(crate) fn take_left(&mut self) -> Option<Arc<Share>> {
        let (issued, _) = self.leaving.front()?;
        if *issued > self.client.answered() {
            return None;
        }
        self.leaving.pop_front().map(|(_, share)| share)
    }
}
