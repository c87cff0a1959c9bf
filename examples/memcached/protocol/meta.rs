//! The meta commands: one key, and flags of one letter each.

use super::classic::value_length;
use super::tokens::Line;
use super::{
    Arrival, BAD_CHUNK, BAD_FORMAT, ERROR, Extent, KEY_BYTES_MAX, LINE_END, TOO_LARGE, Value,
    numbers, say,
};
use crate::base64;
use crate::request::{Action, Key, Meta, Mode, Options, Piece, Request, Verb};

/// `mg`. Of an opaque that is too long it is told by the store, which does its work before.
pub(super) fn get(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    match checked(line, FLAGS_TOO_LONG_FOR_GET).and_then(|()| Flags::of(line, 2)) {
        Ok(flags) => ask(line, 2, flags, Verb::Get, pieces),
        Err(error) => say(pieces, error),
    }
}

/// `md`
pub(super) fn delete(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    match flags_of_few_words(line).and_then(Flags::with_short_opaque) {
        Ok(flags) => ask(line, 2, flags, Verb::Delete, pieces),
        Err(error) => say(pieces, error),
    }
}

/// `ma`, likewise.
pub(super) fn arithmetic(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    let flags = match flags_of_few_words(line) {
        Ok(flags) => flags,
        Err(error) => return say(pieces, error),
    };
    let is_decrement = match flags.mode {
        None | Some(b'I' | b'+') => false,
        Some(b'D' | b'-') => true,
        Some(_) => return say(pieces, BAD_ARITHMETIC_MODE),
    };
    ask(line, 2, flags, Verb::Arithmetic { is_decrement }, pieces)
}

/// `me`, which knows of flags only that a `b` may come first.
pub(super) fn debug(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    if line.count() < 2 || line.word(1).len() > KEY_BYTES_MAX {
        return say(pieces, BAD_FORMAT);
    }
    let mut flags = Flags::default();
    if line.word(2) == b"b" {
        flags.options.is_base64 = true;
        flags.decoded = base64::decode(line.word(1));
        if flags.decoded.is_none() {
            return say(pieces, BAD_FORMAT);
        }
    }
    ask(line, 2, flags, Verb::Debug, pieces)
}

/// `ms`. Once its line has told the value's length, that is swallowed after an error.
pub(super) fn set(line: &Line<'_>, value: &Value<'_>, pieces: &mut Vec<Piece>) -> Extent {
    if let Err(error) = checked(line, FLAGS_TOO_LONG) {
        return say(pieces, error);
    }
    let Some(length) = value_length(line.word(2)) else {
        return say(pieces, BAD_FORMAT);
    };
    let extent = length + LINE_END.len();
    let (flags, mode) = match set_flags(line) {
        Ok(flags) => flags,
        Err(error) => {
            say(pieces, error);
            return Extent::Refuses(extent);
        }
    };
    let key_bytes = flags
        .decoded
        .as_ref()
        .map_or(line.word(1).len(), |key| key.len());
    let client_flags = flags.options.client_flags.unwrap_or(0);
    if value.is_item_too_large(key_bytes, client_flags, length) {
        // Whatever the mode, which `add` and the like are spared.
        let key = key_of(line, flags.decoded);
        let action = Action::Forget;
        pieces.push(Piece::Request(Request { key, action }));
        say(pieces, TOO_LARGE);
        return Extent::Refuses(extent);
    }
    match value.arrival(length) {
        Arrival::Partial => return Extent::AwaitsValue(extent),
        Arrival::Broken => {
            say(pieces, BAD_CHUNK);
        }
        Arrival::Whole(value) => {
            ask(line, 3, flags, Verb::Set { mode, value }, pieces);
        }
    }
    Extent::WithValue(extent)
}

/// The flags of `ms` and how it stores; a mode that does not exist is told before an opaque that
/// is too long.
fn set_flags(line: &Line<'_>) -> Result<(Flags, Mode), &'static str> {
    let flags = Flags::of(line, 3)?;
    let mode = match flags.mode {
        None | Some(b'S') => Mode::Set,
        Some(b'E') => Mode::Add,
        Some(b'R') => Mode::Replace,
        Some(b'A') => Mode::Append,
        Some(b'P') => Mode::Prepend,
        Some(_) => return Err(BAD_SET_MODE),
    };
    let mode = match (mode, flags.options.compare_cas) {
        (Mode::Set | Mode::Replace, Some(cas)) => Mode::Cas(cas),
        _ => mode,
    };
    Ok((flags.with_short_opaque()?, mode))
}

/// What is wrong with a line before its flags are looked at.
fn checked(line: &Line<'_>, too_many: &'static str) -> Result<(), &'static str> {
    let is_set = line.word(0) == b"ms";
    if line.count() < 2 {
        return Err(ERROR);
    }
    if line.word(1).len() > KEY_BYTES_MAX || (is_set && line.count() == 2) {
        return Err(BAD_FORMAT);
    }
    if line.count() > WORDS_MAX {
        return Err(too_many);
    }
    Ok(())
}

/// `md` and `ma` have one error for all that may be wrong with their flags.
fn flags_of_few_words(line: &Line<'_>) -> Result<Flags, &'static str> {
    checked(line, FLAGS_TOO_LONG)?;
    Flags::of(line, 2).map_err(|_| BAD_OR_DUPLICATE_FLAG)
}

fn ask(
    line: &Line<'_>,
    first_flag: usize,
    flags: Flags,
    verb: Verb,
    pieces: &mut Vec<Piece>,
) -> Extent {
    let action = Action::Meta(Meta {
        verb,
        flags: line.since(first_flag),
        options: flags.options,
    });
    let key = key_of(line, flags.decoded);
    pieces.push(Piece::Request(Request { key, action }));
    Extent::Line
}

fn key_of(line: &Line<'_>, decoded: Option<Box<[u8]>>) -> Key {
    match decoded {
        Some(key) => Key::Decoded(key),
        None => Key::Plain(line.spans()[1]),
    }
}

#[derive(Debug, Default)]
struct Flags {
    options: Options,
    /// `M`
    mode: Option<u8>,
    /// The key, if it came in base64.
    decoded: Option<Box<[u8]>>,
    is_opaque_too_long: bool,
}

impl Flags {
    /// Every command takes every flag that there is. A flag that is unknown or comes twice ends it
    /// at once; of other errors the last is told.
    fn of(line: &Line<'_>, first: usize) -> Result<Self, &'static str> {
        let mut flags = Self::default();
        let mut seen = 0_u128;
        let mut error = None;
        for index in first..line.count() {
            let (letter, argument) = (line.word(index)[0], &line.word(index)[1..]);
            if letter >= LETTER_END || seen & 1 << letter != 0 {
                return Err(DUPLICATE_FLAG);
            }
            seen |= 1 << letter;
            match flags.note(line, letter, argument) {
                Ok(()) => {}
                Err(Fault::UnknownFlag) => return Err(BAD_FLAG),
                // That of `F` has no words of its own.
                Err(Fault::ClientFlags) => error = error.or(Some(BAD_FORMAT)),
                Err(Fault::Argument(found)) => error = Some(found),
            }
        }
        error.map_or(Ok(flags), Err)
    }

    fn note(&mut self, line: &Line<'_>, letter: u8, argument: &[u8]) -> Result<(), Fault> {
        let options = &mut self.options;
        match letter {
            b'T' => options.expires = Some(seconds(argument)?),
            b'N' => options.vivify = Some(seconds(argument)?),
            b'R' => options.recache = Some(seconds(argument)?),
            b'C' => options.compare_cas = Some(number(argument, BAD_TOKEN)?),
            b'D' => options.delta = Some(number(argument, BAD_DELTA)?),
            b'J' => options.initial = Some(number(argument, BAD_INITIAL)?),
            b'F' => {
                let flags = numbers::unsigned_32(argument).ok_or(Fault::ClientFlags)?;
                options.client_flags = Some(flags);
            }
            b'M' => match argument {
                &[mode] => self.mode = Some(mode),
                _ => return Err(Fault::Argument(BAD_MODE_LENGTH)),
            },
            b'O' => self.is_opaque_too_long = argument.len() > OPAQUE_BYTES_MAX,
            b'b' => {
                options.is_base64 = true;
                let key = base64::decode(line.word(1)).ok_or(Fault::Argument(BAD_KEY))?;
                self.decoded = Some(key);
            }
            b'q' => options.is_quiet = true,
            b'I' => options.invalidates = true,
            // They ask for something in the answer, or are meant for proxies.
            b'L' | b'P' | b'c' | b'f' | b'h' | b'k' | b'l' | b's' | b't' | b'u' | b'v' => {}
            _ => return Err(Fault::UnknownFlag),
        }
        Ok(())
    }

    fn with_short_opaque(self) -> Result<Self, &'static str> {
        if self.is_opaque_too_long {
            Err(OPAQUE_TOO_LONG)
        } else {
            Ok(self)
        }
    }
}

enum Fault {
    UnknownFlag,
    ClientFlags,
    Argument(&'static str),
}

fn seconds(argument: &[u8]) -> Result<i64, Fault> {
    match numbers::signed_32(argument) {
        Some(seconds) => Ok(seconds.into()),
        None => Err(Fault::Argument(BAD_TOKEN)),
    }
}

fn number(argument: &[u8], error: &'static str) -> Result<u64, Fault> {
    numbers::unsigned_64(argument).ok_or(Fault::Argument(error))
}

/// Letters from here on are never flags, and cannot be noted as seen.
const LETTER_END: u8 = 127;
const OPAQUE_BYTES_MAX: usize = 31;
/// Of a line, the command and the key among them.
const WORDS_MAX: usize = 19;

const BAD_ARITHMETIC_MODE: &str = "CLIENT_ERROR invalid mode for ma M token\r\n";
const BAD_DELTA: &str = "CLIENT_ERROR invalid numeric delta value\r\n";
const BAD_FLAG: &str = "CLIENT_ERROR invalid flag\r\n";
const BAD_INITIAL: &str = "CLIENT_ERROR invalid numeric initial value\r\n";
const BAD_KEY: &str = "CLIENT_ERROR error decoding key\r\n";
const BAD_MODE_LENGTH: &str = "CLIENT_ERROR incorrect length for M token\r\n";
const BAD_OR_DUPLICATE_FLAG: &str = "CLIENT_ERROR invalid or duplicate flag\r\n";
const BAD_SET_MODE: &str = "CLIENT_ERROR invalid mode for ms M token\r\n";
const BAD_TOKEN: &str = "CLIENT_ERROR bad token in command line format\r\n";
const DUPLICATE_FLAG: &str = "CLIENT_ERROR duplicate flag\r\n";
const FLAGS_TOO_LONG: &str = "CLIENT_ERROR options flags too long\r\n";
const FLAGS_TOO_LONG_FOR_GET: &str = "CLIENT_ERROR options flags are too long\r\n";
const OPAQUE_TOO_LONG: &str = "CLIENT_ERROR opaque token too long\r\n";
