//! What the files of the library need to know of a client here: its table.

use std::task::Waker;

use crate::pending::PendingTable;

/// Stands in for the client of a worker.
#[derive(Default)]
pub(crate) struct Client {
    pending: PendingTable,
}

impl Client {
    pub(crate) fn wake(&self, waker: Waker) {
        waker.wake();
    }

    pub(crate) fn pending(&self) -> &PendingTable {
        &self.pending
    }
}
