//! Loom's primitives, for the files of the library that name those of their `sync.rs`.

pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering, fence};
