//! The words of answers, in wire form.

use crate::base64;

/// What is said in more than one place.
pub(crate) const END_OF_LINE: &[u8] = b"\r\n";
pub(crate) const NON_NUMERIC: &str = "CLIENT_ERROR cannot increment or decrement non-numeric value";
pub(crate) const OPAQUE_TOO_LONG: &str = "CLIENT_ERROR opaque token too long";

pub(crate) fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(END_OF_LINE);
}

/// The same, if an answer is wanted.
pub(crate) fn line_unless(is_quiet: bool, out: &mut Vec<u8>, text: &str) {
    if !is_quiet {
        line(out, text);
    }
}

pub(crate) fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A space, the letter of a flag, and its number.
pub(crate) fn flag(out: &mut Vec<u8>, letter: u8, value: u64) {
    out.extend_from_slice(&[b' ', letter]);
    number(out, value);
}

/// The flag `k`: the key, and `b` behind it if it is in base64.
pub(crate) fn key_flag(out: &mut Vec<u8>, key: &[u8], is_binary: bool) {
    out.extend_from_slice(b" k");
    if is_binary {
        base64::encode(key, out);
        out.extend_from_slice(b" b");
    } else {
        out.extend_from_slice(key);
    }
}
