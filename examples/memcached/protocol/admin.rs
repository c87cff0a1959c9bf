//! The commands that ask for no key, and what is said to those that are none.
//!
//! Where memcached would turn a knob that we do not have, the command is taken as there and does
//! nothing; what would hand out keys or the log is refused, as by a memcached that was started so.

use super::tokens::Line;
use super::{BAD_EXPIRY, BAD_FORMAT, ERROR, Extent, OK, numbers, say, say_unless};
use crate::request::{Control, Piece};

pub(super) fn command(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    match line.word(0) {
        b"stats" => control(Control::Stats(line.since(1)), pieces),
        b"version" => control(Control::Version, pieces),
        b"flush_all" => flush_all(line, pieces),
        b"quit" => Extent::Connection,
        b"verbosity" => verbosity(line, pieces),
        b"cache_memlimit" => memory_limit(line, pieces),
        b"slabs" => slabs(line, pieces),
        b"lru" => lru(line, pieces),
        b"lru_crawler" => say(pieces, crawler(line)),
        b"extstore" => extstore(line, pieces),
        b"watch" => say_unless(line.is_quiet(), pieces, WATCH_REFUSED),
        b"shutdown" => say(pieces, "ERROR: shutdown not enabled\r\n"),
        b"refresh_certs" => say(pieces, "Error TLS not enabled\r\n"),
        name => unknown(name, line, pieces),
    }
}

fn control(control: Control, pieces: &mut Vec<Piece>) -> Extent {
    pieces.push(Piece::Control(control));
    Extent::Line
}

/// A web browser is hung up on, unless its verb begins like a command.
fn unknown(name: &[u8], line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    let is_like_command = match name {
        [b'm', _] => true,
        _ => matches!(name[0], b'g' | b's' | b'a' | b'c' | b'i' | b'd' | b't'),
    };
    if !is_like_command && line.last().starts_with(b"HTTP/") {
        return Extent::Connection;
    }
    say(pieces, ERROR)
}

fn flush_all(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    if line.count() > 3 {
        return say(pieces, ERROR);
    }
    let is_quiet = line.is_quiet();
    let is_delayed = line.count() != if is_quiet { 2 } else { 1 };
    let delay = match is_delayed.then(|| numbers::signed_32(line.word(1))) {
        None => 0,
        Some(Some(delay)) => delay.into(),
        Some(None) => return say_unless(is_quiet, pieces, BAD_EXPIRY),
    };
    control(Control::FlushAll { delay, is_quiet }, pieces)
}

fn verbosity(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    if !matches!(line.count(), 2 | 3) {
        return say(pieces, ERROR);
    }
    let answer = match numbers::unsigned_32(line.word(1)) {
        Some(_) => OK,
        None => BAD_FORMAT,
    };
    say_unless(line.is_quiet(), pieces, answer)
}

fn memory_limit(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    if !matches!(line.count(), 2 | 3) {
        return say(pieces, ERROR);
    }
    let answer = match numbers::unsigned_32(line.word(1)) {
        None => ERROR,
        Some(0..8) => "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n",
        Some(megabytes @ 8..=1_000_000_000) => {
            let is_quiet = line.is_quiet();
            let limit = Control::LimitMemory {
                megabytes,
                is_quiet,
            };
            return control(limit, pieces);
        }
        Some(_) => "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n",
    };
    say_unless(line.is_quiet(), pieces, answer)
}

fn slabs(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    match line.word(1) {
        b"reassign" if line.count() == 4 => say(pieces, slabs_reassign(line)),
        b"automove" if line.count() >= 3 => {
            say_unless(line.is_quiet(), pieces, slabs_automove(line))
        }
        _ => say(pieces, ERROR),
    }
}

fn slabs_reassign(line: &Line<'_>) -> &'static str {
    let classes = (
        numbers::signed_32(line.word(2)),
        numbers::signed_32(line.word(3)),
    );
    let (Some(from), Some(to)) = classes else {
        return BAD_FORMAT;
    };
    let classes = 0..=SLAB_CLASS_LAST;
    if from == to {
        "SAME src and dst class are identical\r\n"
    } else if classes.contains(&from) && classes.contains(&to) {
        "NOSPARE source class has no spare pages\r\n"
    } else {
        "BADCLASS invalid src or dst class id\r\n"
    }
}

fn slabs_automove(line: &Line<'_>) -> &'static str {
    if line.word(2) == b"ratio" {
        return match numbers::float(line.word(3)) {
            Some(_) => OK,
            None => ERROR,
        };
    }
    match numbers::unsigned_32(line.word(2)) {
        Some(0..=2) => OK,
        Some(_) => ERROR,
        None => BAD_FORMAT,
    }
}

fn lru(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    if line.count() < 2 {
        return say(pieces, ERROR);
    }
    let answer = match line.word(1) {
        b"tune" if line.count() >= 6 => lru_tune(line),
        b"mode" if matches!(line.word(2), b"flat" | b"segmented") => OK,
        b"temp_ttl" if numbers::signed_32(line.word(2)).is_some() => OK,
        _ => ERROR,
    };
    say_unless(line.is_quiet(), pieces, answer)
}

fn lru_tune(line: &Line<'_>) -> &'static str {
    let percents = (
        numbers::unsigned_32(line.word(2)),
        numbers::unsigned_32(line.word(3)),
    );
    let factors = (numbers::float(line.word(4)), numbers::float(line.word(5)));
    let ((Some(hot), Some(warm)), (Some(hot_factor), Some(warm_factor))) = (percents, factors)
    else {
        return ERROR;
    };
    if hot.wrapping_add(warm) > 80 {
        "ERROR hot and warm pcts must not exceed 80\r\n"
    } else if hot_factor <= 0.0 || warm_factor <= 0.0 {
        "ERROR hot/warm age factors must be greater than 0\r\n"
    } else {
        OK
    }
}

fn crawler(line: &Line<'_>) -> &'static str {
    match (line.count(), line.word(1)) {
        (3, b"crawl") => crawl(line.word(2)),
        (3, b"metadump") => "ERROR metadump not allowed\r\n",
        (3, b"tocrawl") => match numbers::unsigned_32(line.word(2)) {
            Some(_) => OK,
            None => BAD_FORMAT,
        },
        (3, b"sleep") => match numbers::unsigned_32(line.word(2)) {
            Some(0..=1_000_000) => OK,
            Some(_) => "CLIENT_ERROR sleep must be one second or less\r\n",
            None => BAD_FORMAT,
        },
        // As one that runs already, which is the default.
        (2, b"enable") => "ERROR failed to start lru crawler thread\r\n",
        (2, b"disable") => OK,
        _ => ERROR,
    }
}

fn crawl(classes: &[u8]) -> &'static str {
    if matches!(classes, b"all" | b"hash") {
        return OK;
    }
    let classes = classes.split(|&byte| byte == b',');
    let mut classes = classes.filter(|class| !class.is_empty()).peekable();
    if classes.peek().is_none() {
        return "NOTSTARTED no items to crawl\r\n";
    }
    if classes.all(|class| matches!(numbers::unsigned_32(class), Some(1..=63))) {
        OK
    } else {
        "BADCLASS invalid class id\r\n"
    }
}

fn extstore(line: &Line<'_>, pieces: &mut Vec<Piece>) -> Extent {
    if line.count() < 2 {
        return say(pieces, ERROR);
    }
    let is_taken = match line.word(1) {
        b"free_memchunks" => {
            let class = numbers::unsigned_32(line.word(2));
            matches!(class, Some(0..=63)) && numbers::unsigned_32(line.word(3)).is_some()
        }
        b"item_size" | b"item_age" | b"low_ttl" | b"recache_rate" | b"compact_under"
        | b"drop_under" | b"max_sleep" | b"drop_unread" => {
            numbers::unsigned_32(line.word(2)).is_some()
        }
        b"max_frag" => numbers::float(line.word(2)).is_some(),
        _ => false,
    };
    say_unless(line.is_quiet(), pieces, if is_taken { OK } else { ERROR })
}

const SLAB_CLASS_LAST: i32 = 39;
const WATCH_REFUSED: &str = "CLIENT_ERROR watch commands not allowed\r\n";
