//! Containment of panics in foreign code whose outcome nobody waits for: destructors and wakers.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `f` and lets no panic out of it, nor one out of the destructor of that panic's payload.
///
/// The panic hook has told of the panic by then; there is nobody else to tell.
pub(crate) fn contain(f: impl FnOnce()) {
    // Unwind safe: what `f` touches is foreign, and this crate holds no borrow of its own state
    // while foreign code runs, so that no half-done state of ours can be seen afterwards.
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        return;
    };
    let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) else {
        return;
    };
    // A payload whose destructor panics with a payload: there is no safe way to drop that one.
    std::mem::forget(second);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsInDrop;

    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            std::panic::panic_any(7);
        }
    }

    #[test]
    fn panic_in_drop_of_payload() {
        contain(|| std::panic::panic_any(PanicsInDrop));
    }

    #[test]
    fn no_panic_runs_once() {
        let mut calls = 0;
        contain(|| calls += 1);
        assert_eq!(calls, 1);
    }
}
