//! The rack: one program on many nodes.

#[cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "the calls of the rack come to it later"
    )
)]
mod refs;
