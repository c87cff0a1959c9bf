//! Inputs that have not come whole, or that end.

use super::*;

#[test]
fn lines_without_end() {
    assert_eq!(first(&long(2048)).0, Progress::NeedsMore(2049));
    let closed = (Progress::Ended, vec![Piece::Close]);
    assert_eq!(first(&long(2049)), closed);
    assert_eq!(first(&format!("gat 0 {}", long(2048))), closed);
}

#[test]
fn lists_of_keys_without_end() {
    let keys = format!("{}get {}", " ".repeat(100), "key ".repeat(50_000));
    assert_eq!(first(&keys).0, Progress::NeedsMore(keys.len() + 1));
    assert_eq!(first(&format!(" {keys}")).0, Progress::Ended);
    let endless = format!("gets {}", "a ".repeat(8 << 20));
    let no_memory = Piece::Say("SERVER_ERROR out of memory reading request\r\n");
    let expected = (Progress::Ended, vec![no_memory, Piece::Close]);
    assert_eq!(first(&endless), expected);
}

/// What the first call says of an input.
fn first(input: &str) -> (Progress, Vec<Piece>) {
    let mut pieces = Vec::new();
    let progress = decoder().decode(input.as_bytes(), 0, &mut pieces);
    (progress, pieces)
}

#[test]
fn long_lines_that_come_with_their_end() {
    assert_eq!(told(format!("{}\r\n", long(16382))), ["ERROR"]);
    assert_eq!(told(format!("{}\r\n", long(16383))), ["Close"]);
    let keys = format!("gat 0 {}\r\n", "key ".repeat(2000));
    assert_eq!(told(keys).len(), 2001);
}

#[test]
fn a_value_that_comes_slowly() {
    let input = b"set a 0 0 5\r\nabcde\r\n";
    let mut pieces = Vec::new();
    let mut decoder = decoder();
    for end in [13, 14, 19] {
        let progress = decoder.decode(&input[..end], 0, &mut pieces);
        assert_eq!(progress, Progress::NeedsMore(20));
    }
    assert!(pieces.is_empty());
    let progress = decoder.decode(input, 0, &mut pieces);
    assert_eq!(progress, Progress::Took(20));
    let progress = decoder.decode(input, 20, &mut pieces);
    assert_eq!(progress, Progress::NeedsMore(1));
}

/// The error comes when all of it has.
#[test]
fn a_refused_value_that_comes_slowly() {
    let line = b"set a 0 0 2147483645\r\nxy";
    let mut pieces = Vec::new();
    let mut decoder = decoder();
    let progress = decoder.decode(line, 0, &mut pieces);
    assert_eq!(progress, Progress::Took(line.len()));
    assert_eq!(pieces.len(), 1, "the old item goes at once");
    let chunk = vec![b'x'; 1 << 20];
    let mut left = i32::MAX as usize - 2;
    while left > 0 {
        let part = &chunk[..left.min(chunk.len())];
        let progress = decoder.decode(part, 0, &mut pieces);
        assert_eq!(progress, Progress::Took(part.len()));
        left -= part.len();
    }
    assert_eq!(pieces.len(), 2);
    let progress = decoder.decode(b"mn\r\n", 0, &mut pieces);
    assert_eq!(progress, Progress::Took(4));
    assert_eq!(pieces.pop(), Some(Piece::Say("MN\r\n")));
}

#[test]
fn nothing_is_read_after_the_end() {
    let input = b"quit\r\nmn\r\n";
    let mut pieces = Vec::new();
    let mut decoder = decoder();
    for at in [0, 6, 10] {
        assert_eq!(decoder.decode(input, at, &mut pieces), Progress::Ended);
    }
    assert_eq!(pieces, [Piece::Close]);
}

fn decoder() -> Decoder {
    Decoder::new(Limits { item_max: ITEM_MAX })
}
