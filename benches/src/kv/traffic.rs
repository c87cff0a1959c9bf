//! What clients ask, and what the answers to it are.

use crate::harness::picks::{Picker, Picks, Skew};

/// Requests for keys of eight bytes, all of which there are.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    pub(super) keys: usize,
    pub(super) value_bytes: usize,
    /// How many requests are sent at once, and answered before the next.
    pub(super) pipeline: usize,
    picks: Picks,
    /// Which requests are writes.
    writes: Picks,
}

impl Traffic {
    pub(super) fn new(
        keys: usize,
        skew: Skew,
        percent_writes: usize,
        value_bytes: usize,
        pipeline: usize,
    ) -> Self {
        Self {
            keys,
            value_bytes,
            pipeline,
            picks: Picks::new(keys, skew),
            writes: Picks::coins(percent_writes),
        }
    }

    /// Does what is not to be measured.
    pub(super) fn prepare(&self) {
        self.picks.prepare();
    }

    /// The requests of one client.
    pub(super) fn requests(&self, seed: usize) -> Requests<'_> {
        Requests {
            traffic: self,
            keys: self.picks.picker(seed),
            writes: self.writes.picker(seed),
        }
    }

    /// Appends the request that writes a key without an answer.
    pub(super) fn fill(&self, key: usize, out: &mut Vec<u8>) {
        self.set(key_bytes(key), b" noreply", out);
    }

    fn set(&self, key: [u8; KEY_BYTES], noreply: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"set ");
        out.extend_from_slice(&key);
        out.extend_from_slice(b" 0 0 ");
        append_number(self.value_bytes, out);
        out.extend_from_slice(noreply);
        out.extend_from_slice(b"\r\n");
        self.append_value(key, out);
    }

    /// The same for a key each time, so that every answer is known.
    fn append_value(&self, key: [u8; KEY_BYTES], out: &mut Vec<u8>) {
        for start in (0..self.value_bytes).step_by(KEY_BYTES) {
            out.extend_from_slice(&key[..KEY_BYTES.min(self.value_bytes - start)]);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Draws one pipeline of requests after another.
pub(super) struct Requests<'a> {
    traffic: &'a Traffic,
    keys: Picker<'a>,
    writes: Picker<'a>,
}

impl Requests<'_> {
    /// Appends the next requests, and the answers to them if somebody wants to compare; how many
    /// bytes the answers have.
    pub(super) fn next(&mut self, out: &mut Vec<u8>, answers: Option<&mut Vec<u8>>) -> usize {
        let traffic = self.traffic;
        let mut unwanted = Vec::new();
        let wants_answers = answers.is_some();
        let answers = answers.unwrap_or(&mut unwanted);
        let mut length = 0;
        for _ in 0..traffic.pipeline {
            let key = key_bytes(self.keys.pick());
            if self.writes.pick() == 1 {
                traffic.set(key, b"", out);
                length += STORED.len();
                if wants_answers {
                    answers.extend_from_slice(STORED);
                }
                continue;
            }
            out.extend_from_slice(b"get ");
            out.extend_from_slice(&key);
            out.extend_from_slice(b"\r\n");
            length += VALUE.len() + KEY_BYTES + FLAGS.len() + digits(traffic.value_bytes);
            length += traffic.value_bytes + 4 + END.len();
            if wants_answers {
                answers.extend_from_slice(VALUE);
                answers.extend_from_slice(&key);
                answers.extend_from_slice(FLAGS);
                append_number(traffic.value_bytes, answers);
                answers.extend_from_slice(b"\r\n");
                traffic.append_value(key, answers);
                answers.extend_from_slice(END);
            }
        }
        debug_assert!(!wants_answers || answers.len() == length);
        length
    }
}

/// Eight bytes, and as different in the first as in the last.
fn key_bytes(key: usize) -> [u8; KEY_BYTES] {
    let mixed = (key as u32).wrapping_mul(0x9e37_79b1); // odd, so that no two become the same
    std::array::from_fn(|at| DIGITS[(mixed >> (4 * at)) as usize & 15])
}

fn append_number(number: usize, out: &mut Vec<u8>) {
    let mut power = 10_usize.pow(digits(number) as u32 - 1);
    while power > 0 {
        out.push(DIGITS[number / power % 10]);
        power /= 10;
    }
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

pub(super) const KEY_BYTES: usize = 8;
const DIGITS: &[u8; 16] = b"0123456789abcdef";
const STORED: &[u8] = b"STORED\r\n";
const VALUE: &[u8] = b"VALUE ";
const FLAGS: &[u8] = b" 0 ";
const END: &[u8] = b"END\r\n";

#[cfg(test)]
mod tests {
    use super::{Skew, Traffic};

    #[test]
    fn answers_are_as_long_as_they_say() {
        for value_bytes in [0, 1, 9, 16, 100] {
            let traffic = Traffic::new(10, Skew::Uniform, 50, value_bytes, 20);
            let (mut out, mut answers) = (Vec::new(), Vec::new());
            let length = traffic.requests(1).next(&mut out, Some(&mut answers));
            assert_eq!(answers.len(), length);
            assert_eq!(traffic.requests(1).next(&mut out, None), length);
        }
    }

    #[test]
    fn a_value_repeats_its_key() {
        let mut out = Vec::new();
        Traffic::new(10, Skew::Uniform, 50, 10, 1).fill(1, &mut out);
        let text = String::from_utf8(out).expect("digits");
        assert_eq!(text, "set 1b9773e9 0 0 10 noreply\r\n1b9773e91b\r\n");
    }
}
