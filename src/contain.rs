//! Containment: foreign code that must not unwind through the runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Payload;

/// Runs foreign code; a panic of it goes to `report` and ends here.
///
/// Dropping a payload is foreign code too, so a payload that panics when it is dropped is
/// contained in turn; what that one panics with is leaked.
pub(crate) fn contain(foreign: impl FnOnce(), report: impl FnOnce(&Payload)) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(foreign)) else {
        return;
    };
    let reported = catch_unwind(AssertUnwindSafe(|| report(&payload)));
    dispose(payload);
    if let Err(payload) = reported {
        dispose(payload);
    }
}

/// Drops a payload whose own drop may panic.
pub(crate) fn dispose(payload: Payload) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(payload);
    }
}
