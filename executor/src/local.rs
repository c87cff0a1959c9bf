//! [`Local`]: state of one thread that is borrowed for a few lines at a time.
//!
//! # Unsafe
//!
//! | field | who may touch it | in which state |
//! |---|---|---|
//! | `value` | the `f` of the one call of `with` that is under way, on the thread that has the cell | from the start of `f` until it returns or unwinds |

use std::cell::Cell;

use crate::sync::UnsafeCell;

/// A `RefCell` that counts borrows in debug builds only, for what is touched at every wake and
/// poll. It is worth a tenth of the whole way from wake to poll.
#[derive(Debug, Default)]
pub(crate) struct Local<T> {
    value: UnsafeCell<T>,
    is_borrowed: Cell<bool>,
}

impl<T> Local<T> {
    /// Calls `f` with the value.
    ///
    /// # Safety
    ///
    /// `f` does not come back to this value: it runs no foreign code (polls, drops and wakers of
    /// others), and no method of the value's owner.
    #[inline(always)]
    pub(crate) unsafe fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        debug_assert!(
            !self.is_borrowed.replace(true),
            "borrowed while foreign code runs"
        );
        let result = self.value.with_mut(|value| {
            // SAFETY: the row of the table: the cell is not `Sync`, and the caller promises that on
            // this thread no two calls are inside each other.
            f(unsafe { &mut *value })
        });
        debug_assert!(self.is_borrowed.replace(false));
        result
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "borrowed while")]
    fn borrow_within_a_borrow() {
        let local = Local::<()>::default();
        // SAFETY: none. The inner call panics before it makes the second borrow.
        let inner = || unsafe { local.with(|()| ()) };
        // SAFETY: as above.
        unsafe { local.with(|()| inner()) };
    }
}
