//! The commands that ask for one key, or for many, with words: `get` to `touch`.

use super::tokens::{Line, Words};
use super::{
    Arrival, BAD_CHUNK, BAD_EXPIRY, BAD_FORMAT, ERROR, Extent, KEY_BYTES_MAX, LINE_END, TOO_LARGE,
    Value, numbers, say, say_unless,
};
use crate::request::{Action, Key, Mode, Piece, Request, Span, Store};

/// `get`, `gets` and `bget`: keys, at least one.
pub(super) fn get(keys: Words<'_>, shows_cas: bool, pieces: &mut Vec<Piece>) -> Extent {
    fetch(keys, shows_cas, None, pieces)
}

/// `gat` and `gats`: the time of expiry, then keys, of which there may be none.
pub(super) fn get_and_touch(
    input: &[u8],
    mut words: Words<'_>,
    shows_cas: bool,
    pieces: &mut Vec<Piece>,
) -> Extent {
    let Some(expires) = words.next() else {
        return say(pieces, ERROR);
    };
    let Some(expires) = numbers::signed_32(expires.of(input)) else {
        return say(pieces, BAD_EXPIRY);
    };
    fetch(words, shows_cas, Some(expires.into()), pieces)
}

fn fetch(keys: Words<'_>, shows_cas: bool, touch: Option<i64>, pieces: &mut Vec<Piece>) -> Extent {
    let first = pieces.len();
    for key in keys {
        if is_too_long(key) {
            silence(&mut pieces[first..]);
            return say(pieces, BAD_FORMAT);
        }
        pieces.push(request(key, Action::Get { shows_cas, touch }));
    }
    let is_idle = pieces.len() == first && touch.is_none();
    say(pieces, if is_idle { ERROR } else { "END\r\n" })
}

/// Nothing is said of the keys before one that is too long; but they were looked up.
fn silence(pieces: &mut [Piece]) {
    for piece in pieces {
        if let Piece::Request(request) = piece {
            let of = Box::new(std::mem::replace(&mut request.action, Action::Forget));
            request.action = Action::Instead { of, text: "" };
        }
    }
}

/// `set`, `add`, `replace`, `append`, `prepend` and `cas`: key, flags, time of expiry, length of
/// the value, for `cas` an id, and one more word that may ask for silence.
pub(super) fn store(line: &Line<'_>, value: &Value<'_>, pieces: &mut Vec<Piece>) -> Extent {
    let is_cas = line.word(0) == b"cas";
    let words = if is_cas { 6 } else { 5 };
    if line.count() != words && line.count() != words + 1 {
        return say(pieces, ERROR);
    }
    let is_quiet = line.is_quiet();
    let Some((length, store)) = store_arguments(line, is_cas) else {
        return say_unless(is_quiet, pieces, BAD_FORMAT);
    };
    let key = line.spans()[1];
    let extent = length + LINE_END.len();
    if value.is_item_too_large(line.word(1).len(), store.flags, length) {
        if store.mode == Mode::Set {
            pieces.push(request(key, Action::Forget));
        }
        say_unless(is_quiet, pieces, TOO_LARGE);
        return Extent::Refuses(extent);
    }
    match value.arrival(length) {
        Arrival::Partial => Extent::AwaitsValue(extent),
        Arrival::Broken => {
            say_unless(is_quiet, pieces, BAD_CHUNK);
            Extent::WithValue(extent)
        }
        Arrival::Whole(value) => {
            pieces.push(request(key, Action::Store(Store { value, ..store })));
            Extent::WithValue(extent)
        }
    }
}

/// The value's length, and what else the line says of it.
fn store_arguments(line: &Line<'_>, is_cas: bool) -> Option<(usize, Store)> {
    if line.word(1).len() > KEY_BYTES_MAX {
        return None;
    }
    let flags = numbers::unsigned_32(line.word(2))?;
    let expires = numbers::signed_32(line.word(3))?.into();
    let length = value_length(line.word(4))?;
    let mode = match line.word(0) {
        _ if is_cas => Mode::Cas(numbers::unsigned_64(line.word(5))?),
        b"add" => Mode::Add,
        b"replace" => Mode::Replace,
        b"append" => Mode::Append,
        b"prepend" => Mode::Prepend,
        _ => Mode::Set,
    };
    let store = Store {
        mode,
        flags,
        expires,
        value: Span::default(),
        is_quiet: line.is_quiet(),
    };
    Some((length, store))
}

/// So large that the end of the line still fits into 31 bits with it.
pub(super) fn value_length(word: &[u8]) -> Option<usize> {
    let length = numbers::signed_32(word)?;
    let is_fit = (0..=i32::MAX - 2).contains(&length);
    is_fit.then_some(length as usize)
}

/// `delete`, which once knew a time to hold: a zero is still taken in its place.
pub(super) fn delete(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    let is_quiet = line.count() > 2 && line.is_quiet();
    let is_hold_zero = line.word(2) == b"0";
    let is_valid = match line.count() {
        2 => true,
        3 => is_hold_zero || is_quiet,
        4 => is_hold_zero && is_quiet,
        _ => return say(pieces, ERROR),
    };
    if !is_valid {
        return say_unless(is_quiet, pieces, DELETE_USAGE);
    }
    ask(line, Action::Delete { is_quiet }, is_quiet, pieces)
}

/// `incr` and `decr`: key and difference.
pub(super) fn arithmetic(line: &Line<'_>, is_decrement: bool, pieces: &mut Vec<Piece>) -> Extent {
    if !matches!(line.count(), 3 | 4) {
        return say(pieces, ERROR);
    }
    let is_quiet = line.is_quiet();
    if is_too_long(line.spans()[1]) {
        return say_unless(is_quiet, pieces, BAD_FORMAT);
    }
    let Some(delta) = numbers::unsigned_64(line.word(2)) else {
        return say_unless(is_quiet, pieces, BAD_DELTA);
    };
    let action = Action::Arithmetic {
        delta,
        is_decrement,
        is_quiet,
    };
    ask(line, action, is_quiet, pieces)
}

/// `touch`: key and time of expiry.
pub(super) fn touch(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    if !matches!(line.count(), 3 | 4) {
        return say(pieces, ERROR);
    }
    let is_quiet = line.is_quiet();
    if is_too_long(line.spans()[1]) {
        return say_unless(is_quiet, pieces, BAD_FORMAT);
    }
    let Some(expires) = numbers::signed_32(line.word(2)) else {
        return say_unless(is_quiet, pieces, BAD_EXPIRY);
    };
    let expires = expires.into();
    ask(line, Action::Touch { expires, is_quiet }, is_quiet, pieces)
}

/// Of the key that the line has in second place.
fn ask(line: &Line<'_>, action: Action, is_quiet: bool, pieces: &mut Vec<Piece>) -> Extent {
    let key = line.spans()[1];
    if is_too_long(key) {
        return say_unless(is_quiet, pieces, BAD_FORMAT);
    }
    pieces.push(request(key, action));
    Extent::Line
}

fn request(key: Span, action: Action) -> Piece {
    let key = Key::Plain(key);
    Piece::Request(Request { key, action })
}

fn is_too_long(key: Span) -> bool {
    (key.end - key.start) as usize > KEY_BYTES_MAX
}

const BAD_DELTA: &str = "CLIENT_ERROR invalid numeric delta argument\r\n";
const DELETE_USAGE: &str =
    "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n";
