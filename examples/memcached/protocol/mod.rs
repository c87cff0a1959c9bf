//! [`Decoder`]: memcached's text protocol, cut into [`Piece`]s, without I/O.
//!
//! It says what memcached 1.6.18 says, and takes bytes for what that takes them for: what follows
//! a broken `set` is read as commands, while the value of a `set` that is too large is swallowed.
//!
//! It differs where memcached loses answers that it has not sent yet: when a `get` has a key that is
//! too long, and when it hangs up on a line without end or on a web browser. Here what came before
//! is answered. And the binary protocol is not spoken: such a connection is closed.

mod admin;
mod classic;
mod meta;
mod numbers;
#[cfg(test)]
mod tests;
mod tokens;

use crate::request::{Piece, Span};
use tokens::{Line, Words};

/// What a command may at most be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Of an item with all that belongs to it; see [`item_bytes`].
    pub(crate) item_max: usize,
}

/// How far one call of [`Decoder::decode`] came.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// So many bytes are done with; the next call starts behind them.
    Took(usize),
    /// Nothing was taken: the command has not come whole. The next call starts at the same bytes,
    /// with at least so many in all; fewer are no harm.
    NeedsMore(usize),
    /// [`Piece::Close`] was said; nothing more is read.
    Ended,
}

/// Of one connection, from its first byte.
///
/// ```text
/// Opened, Line ──unfinished_line──────▶ Line
/// Opened, Line ──took─────────────────▶ Line
/// Opened, Line ──command──────────────▶ Value ────took───────────────▶ Line
/// Opened, Line ──swallow──────────────▶ Refused ──swallow, the last──▶ Line
/// Opened, Line ──transition_to_ended──▶ Ended
/// ```
#[derive(Debug)]
pub(crate) struct Decoder {
    limits: Limits,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing has come yet; the first byte tells the protocol.
    Opened,
    /// At a command, of which so many bytes hold no end of a line.
    Line {
        searched: usize,
    },
    /// At a command of which the line is there, and which is so long with its value.
    Value {
        whole: usize,
    },
    /// In a value that nobody wants.
    Refused {
        left: usize,
        /// Told when all of it has come.
        error: Option<&'static str>,
    },
    Ended,
}

impl Decoder {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Opened,
        }
    }

    /// Decodes the command that starts at `input[at..]`, and appends its pieces; their spans are
    /// offsets into `input`.
    ///
    /// # Panics
    ///
    /// If the input is 4 GiB or more, or ends before `at`.
    pub(crate) fn decode(&mut self, input: &[u8], at: usize, pieces: &mut Vec<Piece>) -> Progress {
        assert!(input.len() <= u32::MAX as usize, "spans are 32 bits wide");
        let pending = &input[at..];
        if pending.is_empty() && !matches!(self.state, State::Ended) {
            return Progress::NeedsMore(1);
        }
        let searched = match self.state {
            State::Opened if pending[0] == BINARY_MAGIC => return self.transition_to_ended(pieces),
            State::Opened => 0,
            State::Line { searched } => searched,
            State::Value { whole } if pending.len() < whole => return Progress::NeedsMore(whole),
            State::Value { .. } => 0,
            State::Refused { left, error } => {
                let taken = left.min(pending.len());
                self.refuse(left - taken, error, pieces);
                return Progress::Took(taken);
            }
            State::Ended => return Progress::Ended,
        };
        match memchr::memchr(b'\n', pending.get(searched..).unwrap_or_default()) {
            Some(found) if is_line_allowed(pending, searched + found) => {
                self.command(input, at, at + searched + found, pieces)
            }
            Some(_) => self.transition_to_ended(pieces),
            None => self.unfinished_line(pending, pieces),
        }
    }

    /// The one whose line is `input[at..newline]`.
    fn command(
        &mut self,
        input: &[u8],
        at: usize,
        newline: usize,
        pieces: &mut Vec<Piece>,
    ) -> Progress {
        // A carriage return alone on its line is a word.
        let end = match input[at..newline] {
            [_, .., b'\r'] => newline - 1,
            _ => newline,
        };
        let value = Value {
            input,
            start: newline + 1,
            item_max: self.limits.item_max,
        };
        let line_bytes = newline + 1 - at;
        let before = pieces.len();
        match dispatch(Words::of(input, at, end), &value, pieces) {
            Extent::Line => self.took(line_bytes),
            Extent::WithValue(length) => self.took(line_bytes + length),
            Extent::AwaitsValue(length) => {
                let whole = line_bytes + length;
                self.state = State::Value { whole };
                Progress::NeedsMore(whole)
            }
            Extent::Refuses(length) => {
                let error = match pieces[before..].last() {
                    Some(Piece::Say(error)) => Some(*error),
                    _ => None, // it was not to be told
                };
                pieces.truncate(pieces.len() - usize::from(error.is_some()));
                let taken = length.min(input.len() - (newline + 1));
                self.refuse(length - taken, error, pieces);
                Progress::Took(line_bytes + taken)
            }
            Extent::Connection => self.transition_to_ended(pieces),
        }
    }

    fn took(&mut self, bytes: usize) -> Progress {
        self.state = State::Line { searched: 0 };
        Progress::Took(bytes)
    }

    /// So much is still to come of a value that nobody wants.
    fn refuse(&mut self, left: usize, error: Option<&'static str>, pieces: &mut Vec<Piece>) {
        self.state = if left > 0 {
            State::Refused { left, error }
        } else {
            pieces.extend(error.map(Piece::Say));
            State::Line { searched: 0 }
        };
    }

    fn unfinished_line(&mut self, pending: &[u8], pieces: &mut Vec<Piece>) -> Progress {
        if pending.len() > UNFINISHED_BYTES_MAX {
            if !is_list_of_keys(pending) {
                return self.transition_to_ended(pieces);
            }
            if pending.len() >= KEYS_LINE_BYTES_MAX {
                pieces.push(Piece::Say(NO_MEMORY_TO_READ));
                return self.transition_to_ended(pieces);
            }
        }
        self.state = State::Line {
            searched: pending.len(),
        };
        Progress::NeedsMore(pending.len() + 1)
    }

    fn transition_to_ended(&mut self, pieces: &mut Vec<Piece>) -> Progress {
        pieces.push(Piece::Close);
        self.state = State::Ended;
        Progress::Ended
    }
}

/// What an item takes of its limit, by memcached's count: its header, the key and a NUL, the flags
/// if there are any, the value with the end of its line, and the cas id.
pub(crate) fn item_bytes(key_bytes: usize, flags: u32, value_bytes: usize) -> usize {
    let flags_bytes = if flags == 0 { 0 } else { size_of::<u32>() };
    ITEM_HEADER_BYTES + key_bytes + 1 + flags_bytes + value_bytes + LINE_END.len() + CAS_BYTES
}

/// How far a command reaches.
enum Extent {
    /// To the end of its line.
    Line,
    /// To the end of the value behind the line, so many bytes.
    WithValue(usize),
    /// The same, but they have not all come.
    AwaitsValue(usize),
    /// So many bytes behind the line are to be swallowed.
    Refuses(usize),
    /// It is the last.
    Connection,
}

/// What stands behind a command's line, if it is a value.
struct Value<'a> {
    input: &'a [u8],
    start: usize,
    item_max: usize,
}

enum Arrival {
    Partial,
    /// It does not end where its length said.
    Broken,
    Whole(Span),
}

impl Value<'_> {
    fn arrival(&self, length: usize) -> Arrival {
        let end = self.start + length;
        match self.input.get(end..end + LINE_END.len()) {
            None => Arrival::Partial,
            Some(LINE_END) => Arrival::Whole(tokens::span(self.start, end)),
            Some(_) => Arrival::Broken,
        }
    }

    fn is_item_too_large(&self, key_bytes: usize, flags: u32, length: usize) -> bool {
        item_bytes(key_bytes, flags, length) > self.item_max
    }
}

/// The commands by name; `ERROR` is what memcached answers to those it does not know.
fn dispatch(words: Words<'_>, value: &Value<'_>, pieces: &mut Vec<Piece>) -> Extent {
    let input = value.input;
    let mut keys = words.clone();
    let name = match keys.next() {
        Some(name) if name.end - name.start >= NAME_BYTES_MIN => name.of(input),
        _ => return say(pieces, ERROR),
    };
    match name {
        b"get" | b"bget" => return classic::get(keys, false, pieces),
        b"gets" => return classic::get(keys, true, pieces),
        b"gat" => return classic::get_and_touch(input, keys, false, pieces),
        b"gats" => return classic::get_and_touch(input, keys, true, pieces),
        b"mn" => return say(pieces, "MN\r\n"),
        _ => {}
    }
    let line = Line::of(words);
    match name {
        b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" => {
            classic::store(&line, value, pieces)
        }
        b"delete" => classic::delete(&line, pieces),
        b"incr" => classic::arithmetic(&line, false, pieces),
        b"decr" => classic::arithmetic(&line, true, pieces),
        b"touch" => classic::touch(&line, pieces),
        b"mg" => meta::get(&line, pieces),
        b"ms" => meta::set(&line, value, pieces),
        b"md" => meta::delete(&line, pieces),
        b"ma" => meta::arithmetic(&line, pieces),
        b"me" => meta::debug(&line, pieces),
        _ => admin::command(&line, pieces),
    }
}

fn say(pieces: &mut Vec<Piece>, answer: &'static str) -> Extent {
    pieces.push(Piece::Say(answer));
    Extent::Line
}

/// To a client that has not asked for silence.
fn say_unless(is_quiet: bool, pieces: &mut Vec<Piece>, answer: &'static str) -> Extent {
    if !is_quiet {
        pieces.push(Piece::Say(answer));
    }
    Extent::Line
}

fn is_line_allowed(pending: &[u8], newline: usize) -> bool {
    newline < LINE_BYTES_MAX || (newline < KEYS_LINE_BYTES_MAX && is_list_of_keys(pending))
}

/// Whether a line is one of those that may be of any length: memcached looks for no others.
fn is_list_of_keys(line: &[u8]) -> bool {
    let spaces = line.iter().take_while(|&&byte| byte == b' ').count();
    let line = &line[spaces..];
    spaces <= 100 && (line.starts_with(b"get ") || line.starts_with(b"gets "))
}

/// The first byte of the binary protocol.
const BINARY_MAGIC: u8 = 0x80;
const CAS_BYTES: usize = size_of::<u64>();
const ITEM_HEADER_BYTES: usize = 48;
/// Of a key as it comes.
const KEY_BYTES_MAX: usize = 250;
const LINE_END: &[u8] = b"\r\n";
const NAME_BYTES_MIN: u32 = 2;

/// A line of which more has come than this is given up, unless its end is there too or it is a
/// list of keys. So the same long line may or may not be taken, as with memcached.
const UNFINISHED_BYTES_MAX: usize = 2048;
/// With its end: memcached's buffer for reading.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Of a list of keys; there memcached has no bound but its memory.
const KEYS_LINE_BYTES_MAX: usize = 16 << 20;

const BAD_CHUNK: &str = "CLIENT_ERROR bad data chunk\r\n";
const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format\r\n";
const BAD_EXPIRY: &str = "CLIENT_ERROR invalid exptime argument\r\n";
const ERROR: &str = "ERROR\r\n";
const NO_MEMORY_TO_READ: &str = "SERVER_ERROR out of memory reading request\r\n";
const OK: &str = "OK\r\n";
const TOO_LARGE: &str = "SERVER_ERROR object too large for cache\r\n";
