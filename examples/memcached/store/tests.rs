//! Tests of whole commands, which go through all parts of the store.

mod classic;
mod memory;
mod meta;
mod model;
mod server;
