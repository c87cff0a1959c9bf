//! The decoder of `examples/memcached` on any bytes, that come in two parts.
//!
//! Run it by `cargo +nightly fuzz run memcached_protocol`, after `cargo install cargo-fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "a server uses more of it")]
#[path = "../../examples/memcached/base64.rs"]
mod base64;
#[path = "../../examples/memcached/protocol/mod.rs"]
mod protocol;
#[expect(dead_code, reason = "a server uses more of it")]
#[path = "../../examples/memcached/request.rs"]
mod request;

use protocol::{Decoder, Limits, Progress};
use request::Piece;

fuzz_target!(|data: &[u8]| {
    let [cut, input @ ..] = data else { return };
    let whole = pieces(input, input.len());
    // How a long line came decides whether it is taken.
    if input
        .split(|&byte| byte == b'\n')
        .all(|line| line.len() < LINE_BYTES_SURE)
    {
        let in_parts = pieces(input, input.len() * usize::from(*cut) / 255);
        assert_eq!(in_parts, whole);
    }
});

/// All that an input asks for, which first comes up to the cut, and then whole.
fn pieces(input: &[u8], cut: usize) -> Vec<Piece> {
    let mut decoder = Decoder::new(Limits {
        item_max: ITEM_BYTES_MAX,
    });
    let mut pieces = Vec::new();
    let mut at = 0;
    for end in [cut, input.len()] {
        loop {
            match decoder.decode(&input[..end], at, &mut pieces) {
                Progress::Took(bytes) => {
                    assert!(bytes > 0 && at + bytes <= end);
                    at += bytes;
                }
                Progress::NeedsMore(bytes) => {
                    assert!(bytes > end - at && bytes <= PENDING_BYTES_MAX);
                    break;
                }
                Progress::Ended => return pieces,
            }
        }
    }
    pieces
}

/// Small, so that values beyond it come up.
const ITEM_BYTES_MAX: usize = 200;
const LINE_BYTES_SURE: usize = 2048;
/// Of a list of keys, which is longer than a line with a value.
const PENDING_BYTES_MAX: usize = 16 << 20;
