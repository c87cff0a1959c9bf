//! [`owner!`]: a type that owns what the library has made, and ends it when it is dropped.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the pointer of an owner | any thread, by calls of the library, which lock what they share | from the call that made it until the drop of this one owner |

use std::ffi::c_int;

/// An owner of what the library has made, which `$end` ends, and how it is counted.
macro_rules! owner {
    ($(#[$doc:meta])* $name:ident of $made:ident until $end:ident with {
        $($field:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name {
            pointer: NonNull<sys::$made>,
            // Dropped after what `pointer` leads to has ended.
            $($field: $type,)*
            _counted: Counted,
        }

        // SAFETY: the row of the table; what else it has may go to other threads by itself.
        unsafe impl Send for $name where $($type: Send,)* {}
        // SAFETY: as above.
        unsafe impl Sync for $name where $($type: Sync,)* {}

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the row: this is its one owner, and what was made from it keeps that alive.
                let done = unsafe { sys::$end(self.pointer.as_ptr()) };
                // A device that was pulled out may say that it does not know of it any more.
                let is_ended = done == 0 || done == $crate::rack::rdma::owner::EIO;
                debug_assert!(is_ended, concat!(stringify!($end), " failed"));
            }
        }
    };
}

pub(super) use owner;

pub(super) const EIO: c_int = 5;
