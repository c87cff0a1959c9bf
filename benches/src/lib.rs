//! The benchmarks of Gossamer: what delegation costs, next to what the machine can do and to what
//! else a program could do.
//!
//! Each module answers one question, and is a target of `cargo bench` of its own; `all` runs them
//! one after another. See README.md beside this crate for how to read them.

pub mod delegate;
pub mod executor;
mod harness;
pub mod kv;
pub mod kv_inproc;
pub mod latency;
pub mod net;
pub mod rack;

pub use crate::harness::{AllOptions, Options};
