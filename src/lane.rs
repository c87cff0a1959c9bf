//! A lane: a link's client end, with what this worker remembers of it.
//!
//! # Unsafe
//!
//! | what | written by | when |
//! |---|---|---|
//! | the captures and the note of a request | `Lane::issue` | at once when the link has given it their places, which have the lengths that its call and its note ask for |

use std::sync::Arc;

use gossamer_transport::{ClientLink, Key, TrusteeLink, link};

use crate::erase::{self, Complete, Work};
use crate::issued::Issued;
use crate::note;
use crate::shared::WorkerShared;

/// The link from this worker to one trustee.
pub(crate) struct Lane {
    pub(crate) link: ClientLink,
    /// Whose trustee it leads to.
    pub(crate) peer: Arc<WorkerShared>,
    issued: Arc<Issued>,
    /// What `count_sent` has told before: requests sent, and the backlog.
    counted: (u64, usize),
}

impl Lane {
    /// A new lane, and what its trustee needs to serve it.
    pub(crate) fn open(peer: Arc<WorkerShared>) -> (Self, TrusteeLink, Arc<Issued>) {
        let (client, trustee) = link();
        let issued = Arc::new(Issued::new());
        let lane = Self {
            link: client,
            peer,
            issued: Arc::clone(&issued),
            counted: (0, 0),
        };
        (lane, trustee, issued)
    }

    /// Hands a request to the link, or to its backlog.
    #[inline(always)]
    pub(crate) fn issue<U, W: Work<U>, C: Complete<U>>(&mut self, key: Key, work: W, data: C) {
        let place = self
            .link
            .issue(erase::call::<U, W>(), key, note::words::<U, C>());
        // SAFETY: the row of the table.
        unsafe { erase::put_captures(place.captures, work) };
        // SAFETY: the row of the table.
        unsafe { note::write::<U, C>(place.note, data) };
        self.issued.advance();
    }

    /// How many requests were published since the last call, and how the backlog has changed.
    #[inline(always)]
    pub(crate) fn count_sent(&mut self) -> (u64, i64) {
        let backlog = self.link.backlog();
        let sent = self.issued.load() - backlog as u64 - u64::from(self.link.unpublished());
        let before = std::mem::replace(&mut self.counted, (sent, backlog));
        (sent - before.0, backlog as i64 - before.1 as i64)
    }
}
