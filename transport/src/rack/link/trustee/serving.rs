//! [`Serving`]: requests that are alike, taken and answered one after the other.

use crate::rack::link::trustee::{Stop, TrusteeLink};
use crate::rack::wire::{INLINE_BYTES_MAX, Payloads};

/// Requests that are alike, of a link that is [served](TrusteeLink::serve_alike). What changes with
/// each is kept here, so that it can stay in registers, and told to the link when this is dropped:
/// if it is forgotten instead, the same requests come again.
#[derive(Debug)]
pub struct Serving<'l> {
    link: &'l mut TrusteeLink,
    payloads: Payloads,
    is_due: bool,
    answered: u64,
}

impl<'l> Serving<'l> {
    #[inline(always)]
    pub(super) fn new(link: &'l mut TrusteeLink) -> Self {
        Self {
            payloads: link.requests.payloads(),
            is_due: false,
            answered: 0,
            link,
        }
    }

    /// The payload of the next request, if there is one; it is to be responded to before the next
    /// is asked for. There is none either while
    /// [`poll_request`](TrusteeLink::poll_request) has none.
    ///
    /// # Panics
    /// If the one before was not responded to.
    #[inline(always)]
    pub fn take(&mut self) -> Option<&[u8]> {
        assert!(!self.is_due, "a request has had no response");
        if !matches!(self.link.stop, Stop::No) {
            return None;
        }
        let payload = self.link.requests.take_of(&mut self.payloads)?;
        self.is_due = true;
        Some(payload)
    }

    /// The result of the request that was taken, with a payload that would go into an empty slot.
    /// A result of another kind is for the [link](TrusteeLink::respond), when this has gone.
    ///
    /// # Panics
    /// If no response is due, or the payload has more bytes than [`INLINE_BYTES_MAX`].
    #[inline(always)]
    pub fn respond(&mut self, status: u8, payload: &[u8]) {
        assert!(self.is_due, "no request waits for a response");
        assert!(
            payload.len() <= INLINE_BYTES_MAX,
            "it has no room in a slot"
        );
        if !self.link.results.push(status, payload) {
            self.link.queue(payload.to_vec().into());
        }
        self.is_due = false;
        self.answered += 1;
    }

    /// Whether a request was taken and not responded to.
    #[inline(always)]
    pub fn is_due(&self) -> bool {
        self.is_due
    }
}

impl Drop for Serving<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.link.requests.set_payloads(self.payloads);
        self.link.is_due = self.is_due;
        self.link.served += self.answered;
    }
}
