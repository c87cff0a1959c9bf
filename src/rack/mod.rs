//! One program on many nodes.

#[expect(
    dead_code,
    reason = "workers do not yet drive the connections that a join makes"
)]
pub mod join;
