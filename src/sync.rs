//! The one file that names shared-memory primitives: the loom models replace it by loom's.

pub(crate) use std::cell::UnsafeCell;
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering, fence,
};
