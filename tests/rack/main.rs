//! The rack: one file for each kind of situation, over each fabric.

#![expect(
    clippy::duplicate_mod,
    reason = "each fabric has all situations, with its own name"
)]

#[path = "../common/descriptors.rs"]
mod descriptors;
#[path = "../common/rack.rs"]
mod process;
#[cfg(feature = "rdma")]
mod rdma;
mod shm;
mod tally;
mod tcp;
