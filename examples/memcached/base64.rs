//! Keys in base64, as memcached reads and writes them.

/// Bytes that belong to no base64 are passed over, and what follows a padded group is not looked
/// at. `None` if that leaves nothing, or no whole groups of four.
pub(crate) fn decode(text: &[u8]) -> Option<Box<[u8]>> {
    let count = text.iter().filter(|&&byte| sextet(byte).is_some()).count();
    if count == 0 || !count.is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(count / 4 * 3);
    let mut group = 0_u32;
    let mut filled = 0;
    let mut padding = 0;
    for &byte in text {
        let Some(sextet) = sextet(byte) else { continue };
        padding += usize::from(byte == PADDING);
        group = group << 6 | u32::from(sextet);
        filled += 1;
        if filled < 4 {
            continue;
        }
        bytes.extend_from_slice(&group.to_be_bytes()[1..]);
        (group, filled) = (0, 0);
        match padding {
            0 => {}
            1 | 2 => {
                // It is the number of signs that tells, wherever in the group they stand.
                bytes.truncate(bytes.len() - padding);
                break;
            }
            _ => return None,
        }
    }
    Some(bytes.into_boxed_slice())
}

pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(3) {
        let mut padded = [0; 3];
        padded[..chunk.len()].copy_from_slice(chunk);
        let [first, second, third] = padded.map(u32::from);
        let group = first << 16 | second << 8 | third;
        for place in 0..4 {
            let sextet = group >> (18 - 6 * place) & 0x3f;
            out.push(if place <= chunk.len() {
                ALPHABET[sextet as usize]
            } else {
                PADDING
            });
        }
    }
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        PADDING => Some(0),
        _ => None,
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PADDING: u8 = b'=';

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_memcached_takes_for_base64() {
        assert_eq!(decode(b"YQ==").as_deref(), Some(&b"a"[..]));
        assert_eq!(decode(b"Y!!Q==").as_deref(), Some(&b"a"[..]));
        assert_eq!(decode(b"YQ==YQ==").as_deref(), Some(&b"a"[..]));
        assert_eq!(decode(b"YWI=YQ==").as_deref(), Some(&b"ab"[..]));
        assert_eq!(decode(b"=AAA").as_deref(), Some(&b"\0\0"[..]));
    }

    #[test]
    fn what_it_does_not() {
        for text in [
            &b""[..],
            b"a",
            b"YQ",
            b"!!!!",
            b"A===",
            b"====",
            b"YWJjA===",
        ] {
            assert_eq!(decode(text), None);
        }
    }

    proptest! {
        #[test]
        fn there_and_back(bytes in prop::collection::vec(any::<u8>(), 1..100)) {
            let mut text = Vec::new();
            encode(&bytes, &mut text);
            let decoded = decode(&text);
            prop_assert_eq!(decoded.as_deref(), Some(&bytes[..]));
        }

        #[test]
        fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(bytes) = decode(&text) {
                prop_assert!(!bytes.is_empty() && bytes.len() < text.len());
            }
        }
    }
}
