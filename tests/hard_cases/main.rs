//! The situations in which delegation is hard to get right, one group to a file.
//!
//! Where a test needs a certain interleaving it makes it: a gate holds a worker inside delegated
//! code, a delegation is polled by hand, a drop tells where it happened. Nothing waits for time to
//! pass, so that a slow machine only makes the tests slow.

#![expect(
    clippy::async_yields_async,
    reason = "delegations are handed out of the tasks that have issued them"
)]

#[path = "../common/mod.rs"]
mod common;

mod abandoned;
mod blocking;
mod budget;
mod ecosystem;
mod elsewhere;
mod fairness;
mod inheritance;
mod last_drop;
mod latched;
mod let_go;
mod many_types;
mod observed;
mod order;
mod panics;
mod panics_in_drops;
mod reentry;
mod review;
mod shutdown;
mod sizes;
mod tasks;
mod turns;
mod two_runtimes;
