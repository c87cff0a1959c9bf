//! The library that the test loads, with a Gossamer of its own in it.

mod ask;

/// What is asked in the test, too; returns the number of the [`Answer`](ask::Answer).
#[unsafe(no_mangle)]
pub extern "C" fn ask_in_a_shared_object() -> u8 {
    ask::ask() as u8
}
