//! Racks of several hosts, each a network namespace with an address and a daemon of its own:
//! started, watched, killed and cut, as an operator and a bad day would.
//!
//! It needs the rights of root and the command `ip` of iproute2. Without them each test says on
//! standard error that it was skipped, and why.
//!
//! The programs that run there are this very one, started again, and examples.

mod bad_input;
mod body;
mod bystander;
mod cache;
mod commands;
mod faults;
mod lives;
#[path = "../../../tests/rack_hosts/namespace.rs"]
mod namespace;
#[path = "../../../tests/rack_hosts/network.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod network;
mod pace;
mod processes;
#[path = "../../../tests/rack_hosts/proxy.rs"]
mod proxy;
mod rack;
mod random;
mod readers;
mod strangers;
