//! An obituary: the word to a trustee that the last trust of a property has gone.
//!
//! # Unsafe
//!
//! | field | who may touch it | in which state |
//! |---|---|---|
//! | `header` | whoever has the obituary | always: it holds the share of the memory that the trusts had |

use std::ptr::NonNull;

use crate::property::Header;
use crate::shared::Message;

/// What is left of a property's trusts: their share of its memory.
pub(crate) struct Obituary {
    header: NonNull<Header>,
    heir: Option<Heir>,
}

/// Takes the value instead of its drop; runs on the trustee, after the last request.
pub(crate) type Heir = Box<dyn FnOnce(NonNull<Header>) + Send>;

// SAFETY: the share may be held by any thread, and the heir is Send.
unsafe impl Send for Obituary {}

impl Obituary {
    /// # Safety
    /// The caller counted the trusts down to none, and hands over their share of the memory.
    pub(crate) unsafe fn new(header: NonNull<Header>, heir: Option<Heir>) -> Self {
        Self { header, heir }
    }

    /// Sends it to the property's trustee; never waits.
    #[cold]
    pub(crate) fn announce(self) {
        // SAFETY: the obituary has a share of the memory.
        let header = unsafe { self.header.as_ref() };
        let worker = header.worker() as usize;
        if let Some(shared) = header.shared().cloned() {
            // If the worker has ended, it has dropped the value: only the share is left to drop.
            drop(shared.workers()[worker].send(Message::Death(self)));
        }
    }

    /// Drops the value, or hands it to the heir; on the trustee, outside all requests on it.
    ///
    /// # Safety
    /// The caller is the trustee of the property, and no request on it is left.
    pub(crate) unsafe fn bury(&mut self) {
        match self.heir.take() {
            Some(heir) => heir(self.header),
            // SAFETY: by the contract.
            None => unsafe { Header::drop_value(self.header) },
        }
    }

    pub(crate) fn header(&self) -> NonNull<Header> {
        self.header
    }
}

impl Drop for Obituary {
    fn drop(&mut self) {
        // SAFETY: the share that came with it.
        unsafe { Header::release_memory(self.header) };
    }
}
