//! Numbers in values: `incr`, `decr` and `ma`.

use super::item::Text;
use super::keep::Put;
use super::{Call, Shard};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    Done {
        at: u32,
        number: u64,
        /// Whether the number did not fit in the old value's place, so that there is a new item.
        is_replaced: bool,
    },
    NonNumeric,
    NoMemory,
    NotFound,
    /// It has another cas id than the one that was given.
    Changed,
}

impl Shard {
    /// `compare_cas` is 0 for any.
    pub(super) fn arithmetic(
        &mut self,
        call: &Call<'_>,
        delta: u64,
        is_decrement: bool,
        compare_cas: u64,
    ) -> Sum {
        let Some(at) = self.find(call) else {
            return Sum::NotFound;
        };
        let item = self.table.item(at);
        if item.value().is_empty() || item.is_in_pieces() {
            return Sum::NonNumeric;
        }
        if compare_cas != 0 && compare_cas != item.cas {
            return Sum::Changed;
        }
        let Some(old) = parse(item.value()) else {
            return Sum::NonNumeric;
        };
        let counters = &mut self.classes[item.class];
        let number = if is_decrement {
            counters.decr_hits += 1;
            old.saturating_sub(delta)
        } else {
            counters.incr_hits += 1;
            old.wrapping_add(delta)
        };
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        let is_replaced = digits.len() > item.value().len();
        if is_replaced {
            let put = Put::new(Text::Whole(digits), item.client_flags, item.deadline);
            if self.put(call, Some(at), put).is_err() {
                return Sum::NoMemory;
            }
        } else {
            let item = self.table.item_mut(at);
            let (start, rest) = item.value_mut().split_at_mut(digits.len());
            start.copy_from_slice(digits);
            rest.fill(b' ');
            item.cas = call.cas.take();
            item.used = call.now.seconds;
        }
        Sum::Done {
            at,
            number,
            is_replaced,
        }
    }

    pub(super) fn count_arithmetic_miss(&mut self, is_decrement: bool) {
        if is_decrement {
            self.counters.decr_misses += 1;
        } else {
            self.counters.incr_misses += 1;
        }
    }
}

/// The number at the start of a value, as C's `strtoull` has it: with space before it, a sign, and
/// after it nothing, or what begins with space.
fn parse(value: &[u8]) -> Option<u64> {
    // The value is a string of C, and ends where that does.
    let text = value.split(|byte| *byte == 0).next()?;
    let start = text.iter().position(|byte| !is_space(*byte))?;
    let digits = &text[start..];
    let (is_negative, digits) = match digits {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, digits),
    };
    let end = digits
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if digits.is_empty() || rest.first().is_some_and(|byte| !is_space(*byte)) {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    let number = if is_negative {
        number.wrapping_neg()
    } else {
        number
    };
    // Of numbers that are negative when taken as signed, none may have come by a minus, wherever
    // in the value that is.
    let is_refused = number > i64::MAX as u64 && text.contains(&b'-');
    (!is_refused).then_some(number)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_strtoull_reads_them() {
        let numbers: [(&[u8], _); 9] = [
            (b"0", 0),
            (b"18446744073709551615", u64::MAX),
            (b"000000000000000000000012", 12),
            (b"12 abc", 12),
            (b" \t+7\r\n", 7),
            (b"12\0-", 12),
            (b"-18446744073709551615", 1),
            (b"-9223372036854775809", i64::MAX as u64),
            (b"-0", 0),
        ];
        for (value, number) in numbers {
            assert_eq!(parse(value), Some(number), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_number() {
        let values: [&[u8]; 9] = [
            b"",
            b" ",
            b"-",
            b"abc",
            b"12abc",
            b"0x10",
            b"-1",
            b"18446744073709551616",
            b"18446744073709551615 -",
        ];
        for value in values {
            assert_eq!(parse(value), None, "{}", value.escape_ascii());
        }
    }
}
