//! Links over RDMA devices. Where there is none that has the address below, each test says so and
//! is skipped, unless `GOSSAMER_TEST_RDMA` says that there must be one: `.ci/vm/run` has some.
#![cfg(not(loom))]

mod cable;
mod counts;
mod failures;
mod links;
mod processes;
mod rig;
