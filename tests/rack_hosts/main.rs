//! A rack on several hosts: network namespaces, each with an address of its own, that the test makes
//! and connects by a switch or by a slow proxy. Links are cut for a while and for ever. Every call
//! ends, in a value or in a typed outcome, and what its caller was told agrees with what its owner
//! has done.
//!
//! It needs the rights of root and the command `ip` of iproute2. Without them each test says on
//! standard error that it was skipped, and why.
//!
//! The nodes are processes: this very program, started again in the namespace of their host.

mod cuts;
mod judge;
mod namespace;
mod network;
mod node;
mod plain;
#[path = "../common/rack.rs"]
#[expect(dead_code, reason = "in a namespace of its own every port is free")]
mod process;
mod proxy;
mod report;
mod scene;
