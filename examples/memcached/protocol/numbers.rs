//! Numbers as C reads them: white space before, one sign, digits, then white space or the end.
//!
//! A number that 64 bits cannot hold is none; one that fits into 64 is cut to 32 without a word,
//! and a minus wraps an unsigned one around. Clients have come to rely on what memcached takes.

/// As memcached's `safe_strtoull`.
pub(super) fn unsigned_64(text: &[u8]) -> Option<u64> {
    let (is_negative, magnitude) = scan(text)?;
    let number = if is_negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    };
    // The minus is looked for only in what would be negative, and in the whole word.
    let is_refused = number > i64::MAX as u64 && text.contains(&b'-');
    (!is_refused).then_some(number)
}

/// As memcached's `safe_strtoul`.
pub(super) fn unsigned_32(text: &[u8]) -> Option<u32> {
    unsigned_64(text).map(|number| number as u32)
}

/// As memcached's `safe_strtol`.
pub(super) fn signed_32(text: &[u8]) -> Option<i32> {
    let (is_negative, magnitude) = scan(text)?;
    let number = if is_negative {
        0_i64.checked_sub_unsigned(magnitude)?
    } else {
        i64::try_from(magnitude).ok()?
    };
    Some(number as i32)
}

/// As memcached's `safe_strtod`, of decimal numbers.
pub(super) fn float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let number: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    let is_too_large = number.is_infinite() && text.contains(|c: char| c.is_ascii_digit());
    (!is_too_large).then_some(number)
}

/// Whether there was a minus, and what stood behind it.
fn scan(text: &[u8]) -> Option<(bool, u64)> {
    let spaces = text.iter().take_while(|&&byte| is_space(byte)).count();
    let text = &text[spaces..];
    let (is_negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let mut magnitude = 0_u64;
    let mut count = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            break;
        }
        magnitude = magnitude
            .checked_mul(10)?
            .checked_add(u64::from(byte - b'0'))?;
        count += 1;
    }
    let is_whole = digits.get(count).is_none_or(|&byte| is_space(byte));
    (count > 0 && is_whole).then_some((is_negative, magnitude))
}

/// C's `isspace`, which has one more than Rust's `is_ascii_whitespace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_numbers() {
        assert_eq!(unsigned_64(b"0"), Some(0));
        assert_eq!(unsigned_64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned_64(b"18446744073709551616"), None);
        assert_eq!(unsigned_64(b"+7"), Some(7));
        assert_eq!(unsigned_64(b"\t7\tx"), Some(7));
        assert_eq!(unsigned_64(b"-1"), None);
        assert_eq!(unsigned_64(b"-18446744073709551615"), Some(1));
        assert_eq!(unsigned_64(b"-0"), Some(0));
        assert_eq!(unsigned_64(b"18446744073709551615\t-"), None);
        assert_eq!(unsigned_64(b"1\t-"), Some(1));
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            &b""[..],
            b"-",
            b"+",
            b"x",
            b"1x",
            b"0x1",
            b"- 1",
            b"--1",
            b"\x0b",
        ] {
            assert_eq!(unsigned_64(text), None);
            assert_eq!(signed_32(text), None);
        }
    }

    #[test]
    fn thirty_two_bits_are_cut_out_of_sixty_four() {
        assert_eq!(unsigned_32(b"4294967297"), Some(1));
        assert_eq!(signed_32(b"4294967297"), Some(1));
        assert_eq!(signed_32(b"2147483648"), Some(i32::MIN));
        assert_eq!(signed_32(b"-9223372036854775808"), Some(0));
        assert_eq!(signed_32(b"-9223372036854775809"), None);
        assert_eq!(signed_32(b"9223372036854775807"), Some(-1));
        assert_eq!(signed_32(b"9223372036854775808"), None);
    }

    #[test]
    fn floats() {
        assert_eq!(float(b"0.5"), Some(0.5));
        assert_eq!(float(b"\t2\tx"), Some(2.0));
        assert_eq!(float(b"1e999"), None);
        assert_eq!(float(b"x"), None);
        assert_eq!(float(b""), None);
    }
}
