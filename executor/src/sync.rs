//! Every primitive that threads share, in one place: `std`'s, or under `cfg(loom)` loom's, so that
//! a model checks the very code that ships.
//!
//! Nothing else in this crate names a `std` atomic, an `UnsafeCell` or the parking of a thread.
//! [`fixed`] is the one exception in kind: loom's atomics cannot live in a `static`, so what must
//! live in one (the registry, the count of running executors) is `std`'s always and stays out of
//! the models.

#[cfg(not(loom))]
mod chosen {
    pub use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
    pub use std::sync::{Mutex, MutexGuard};
    pub use std::thread::Thread;

    /// A cell whose content is reached by raw pointer only, with loom's interface.
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// A cell around `value`.
        pub const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Calls `f` with a pointer to read through.
        #[inline(always)]
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Calls `f` with a pointer to write through.
        #[inline(always)]
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// The calling thread, as others unpark it.
    pub fn current_thread() -> Thread {
        std::thread::current()
    }

    /// Parks the calling thread until it is unparked or `timeout` has passed; may return early.
    pub fn park(timeout: Option<std::time::Duration>) {
        match timeout {
            Some(timeout) => std::thread::park_timeout(timeout),
            None => std::thread::park(),
        }
    }
}

#[cfg(loom)]
mod chosen {
    pub use loom::cell::UnsafeCell;
    pub use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
    pub use loom::sync::{Mutex, MutexGuard};
    pub use loom::thread::Thread;

    /// The calling thread, as others unpark it.
    pub fn current_thread() -> Thread {
        loom::thread::current()
    }

    /// Parks the calling thread until it is unparked; loom knows no time, so `timeout` is not kept.
    pub fn park(_timeout: Option<std::time::Duration>) {
        loom::thread::park();
    }
}

pub use chosen::*;

/// Atomics for statics: `std`'s, under loom too.
pub mod fixed {
    pub use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
}

/// A value on cache lines of its own, so that those who write it do not slow down those who use
/// its neighbours. 128 bytes, as x86 prefetches lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Padded<T>(pub T);

impl<T> std::ops::Deref for Padded<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}
