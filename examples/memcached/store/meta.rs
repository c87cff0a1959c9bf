//! `mg`, `ms`, `md`, `ma` and `me`.

use crate::base64;
use crate::request::{Meta, Mode};

use super::arithmetic::Sum;
use super::classic::{New, Outcome, refused_to_store};
use super::expiry::Deadline;
use super::item::{Item, Text};
use super::keep::Put;
use super::{Call, Now, Shard, answer};

impl Shard {
    pub(super) fn meta_get(&mut self, call: &Call<'_>, meta: &Meta, out: &mut Vec<u8>) {
        let found = self.find(call);
        let is_made = found.is_none();
        let Some(at) = found.or_else(|| self.vivify(call, meta)) else {
            self.counters.cmd_get += 1;
            self.counters.get_misses += 1;
            if !meta.options.is_quiet || has_long_opaque(call, meta) {
                status_and_echo(b"EN", call, meta, out);
            }
            return;
        };
        let start = out.len();
        let shows_value = flags(call, meta).any(|flag| flag[0] == b'v');
        let item = self.table.item_mut(at);
        status_of_hit(out, shows_value.then(|| item.value().len()));
        let Some(is_won) = answer_flags(call, meta, item, is_made, out) else {
            out.truncate(start);
            return answer::line(out, answer::OPAQUE_TOO_LONG);
        };
        answer_tokens(item, is_won, out);
        if shows_value {
            out.extend_from_slice(item.value());
            out.extend_from_slice(answer::END_OF_LINE);
        }
        let counters = &mut self.classes[item.class];
        if meta.options.expires.is_some() {
            self.counters.cmd_touch += 1;
            counters.touch_hits += 1;
        } else {
            self.counters.cmd_get += 1;
            counters.get_hits += 1;
        }
        if !flags(call, meta).any(|flag| flag[0] == b'u') {
            self.bump(at, call.now);
        }
    }

    pub(super) fn meta_set(
        &mut self,
        call: &Call<'_>,
        meta: &Meta,
        mode: Mode,
        value: &[u8],
        out: &mut Vec<u8>,
    ) {
        let options = &meta.options;
        let new = New {
            mode: match (mode, options.compare_cas) {
                (Mode::Set | Mode::Replace, Some(cas)) => Mode::Cas(cas),
                (mode, _) => mode,
            },
            compare_cas: options.compare_cas.unwrap_or(0),
            invalidates: options.invalidates,
            value,
            client_flags: options.client_flags.unwrap_or(0),
            deadline: options
                .expires
                .map_or(Deadline::NEVER, |expires| call.now.deadline(expires)),
            is_binary: options.is_base64,
        };
        let (status, cas) = match self.store(call, &new) {
            Outcome::Stored(_) if options.is_quiet => return,
            Outcome::Stored(cas) => (b"HD", cas),
            Outcome::NotStored => (b"NS", 0),
            Outcome::Exists => (b"EX", 0),
            Outcome::NotFound => (b"NF", 0),
            Outcome::Refused(refused) => {
                self.forget_quietly(call);
                return answer::line(out, refused_to_store(refused));
            }
        };
        out.extend_from_slice(status);
        for flag in flags(call, meta) {
            match flag[0] {
                b'c' => answer::flag(out, b'c', cas),
                _ => echo_flag(call, meta, flag, out),
            }
        }
        out.extend_from_slice(answer::END_OF_LINE);
    }

    pub(super) fn meta_delete(&mut self, call: &Call<'_>, meta: &Meta, out: &mut Vec<u8>) {
        let options = &meta.options;
        let status = match self.find(call) {
            None => {
                self.counters.delete_misses += 1;
                b"NF"
            }
            Some(at)
                if options
                    .compare_cas
                    .is_some_and(|cas| cas != self.table.item(at).cas) =>
            {
                self.counters.delete_misses += 1;
                b"EX"
            }
            Some(at) => {
                if options.invalidates {
                    self.invalidate(call, at, options.expires);
                } else {
                    self.classes[self.table.item(at).class].delete_hits += 1;
                    self.remove(at);
                }
                // Only what went well is kept quiet.
                if options.is_quiet {
                    return;
                }
                b"HD"
            }
        };
        status_and_echo(status, call, meta, out);
    }

    pub(super) fn meta_arithmetic(
        &mut self,
        call: &Call<'_>,
        meta: &Meta,
        is_decrement: bool,
        out: &mut Vec<u8>,
    ) {
        let options = &meta.options;
        let delta = options.delta.unwrap_or(1);
        let compare_cas = options.compare_cas.unwrap_or(0);
        match self.arithmetic(call, delta, is_decrement, compare_cas) {
            Sum::Done {
                at,
                number,
                is_replaced,
            } => {
                let change = Change {
                    at,
                    number,
                    is_made: false,
                    is_replaced,
                };
                let start = out.len();
                let is_answered = self.answer_arithmetic(call, meta, change, out);
                if is_answered && options.is_quiet {
                    out.truncate(start);
                }
            }
            Sum::NotFound if options.vivify.is_some() => {
                let number = options.initial.unwrap_or(0);
                let mut digits = itoa::Buffer::new();
                let text = Text::Whole(digits.format(number).as_bytes());
                match self.put(call, None, Put::new(text, 0, Deadline::NEVER)) {
                    Ok(at) => {
                        let change = Change {
                            at,
                            number,
                            is_made: true,
                            is_replaced: false,
                        };
                        self.answer_arithmetic(call, meta, change, out);
                    }
                    Err(_) => {
                        answer::line(out, "SERVER_ERROR Out of memory allocating new item");
                    }
                }
            }
            Sum::NotFound => {
                self.count_arithmetic_miss(is_decrement);
                status_and_echo(b"NF", call, meta, out);
            }
            Sum::Changed => status_and_echo(b"EX", call, meta, out),
            Sum::NonNumeric => answer::line(out, answer::NON_NUMERIC),
            Sum::NoMemory => answer::line(out, "SERVER_ERROR out of memory"),
        }
    }

    pub(super) fn meta_debug(&mut self, call: &Call<'_>, out: &mut Vec<u8>) {
        self.counters.cmd_meta += 1;
        let Some(at) = self.find(call) else {
            return answer::line(out, "EN");
        };
        let item = self.table.item(at);
        out.extend_from_slice(b"ME ");
        if item.is_binary {
            base64::encode(item.key(), out);
        } else {
            out.extend_from_slice(item.key());
        }
        // Counted from the deadline to now, so that what lies ahead is negative.
        let since = match item.deadline {
            Deadline::NEVER => -1,
            deadline => -i64::from(deadline.seconds_left(call.now) as i32),
        };
        out.extend_from_slice(b" exp=");
        out.extend_from_slice(itoa::Buffer::new().format(since).as_bytes());
        out.extend_from_slice(b" la=");
        answer::number(out, unused_seconds(item, call.now));
        out.extend_from_slice(b" cas=");
        answer::number(out, item.cas);
        out.extend_from_slice(if item.is_fetched {
            b" fetch=yes"
        } else {
            b" fetch=no"
        });
        out.extend_from_slice(b" cls=");
        answer::number(out, item.class.number() as u64);
        out.extend_from_slice(b" size=");
        answer::number(out, item.bytes() as u64);
        out.extend_from_slice(answer::END_OF_LINE);
    }

    /// Makes an empty item where there was none, if that is wanted and there is room. Its deadline
    /// is set as the flags are gone through.
    fn vivify(&mut self, call: &Call<'_>, meta: &Meta) -> Option<u32> {
        meta.options.vivify?;
        self.put(call, None, Put::new(Text::Whole(b""), 0, Deadline::NEVER))
            .ok()
    }

    fn invalidate(&mut self, call: &Call<'_>, at: u32, expires: Option<i64>) {
        let item = self.table.item_mut(at);
        if let Some(expires) = expires {
            item.deadline = call.now.deadline(expires);
        }
        item.is_stale = true;
        // So that the next to ask can win.
        item.is_token_sent = false;
        item.cas = call.cas.take();
    }

    /// Whether that went well.
    fn answer_arithmetic(
        &mut self,
        call: &Call<'_>,
        meta: &Meta,
        change: Change,
        out: &mut Vec<u8>,
    ) -> bool {
        let options = &meta.options;
        let start = out.len();
        let item = self.table.item_mut(change.at);
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(change.number).as_bytes();
        let shows_value = flags(call, meta).any(|flag| flag[0] == b'v');
        status_of_hit(out, shows_value.then_some(digits.len()));
        // memcached looks at the item that it found. If there is a new one in its place, what is
        // set here is set on the old one, and lost.
        let mut deadline = item.deadline;
        for flag in flags(call, meta) {
            match flag[0] {
                b'c' => answer::flag(out, b'c', item.cas),
                b't' => answer_time_left(deadline, call.now, out),
                b'T' => deadline = call.now.deadline(options.expires.unwrap_or(0)),
                b'N' if change.is_made => {
                    deadline = call.now.deadline(options.vivify.unwrap_or(0));
                }
                b'O' if flag.len() > OPAQUE_BYTES_MAX => {
                    out.truncate(start);
                    answer::line(out, answer::OPAQUE_TOO_LONG);
                    return false;
                }
                _ => echo_flag(call, meta, flag, out),
            }
            if !change.is_replaced {
                item.deadline = deadline;
            }
        }
        out.extend_from_slice(answer::END_OF_LINE);
        if shows_value {
            out.extend_from_slice(digits);
            out.extend_from_slice(answer::END_OF_LINE);
        }
        true
    }
}

/// What `ma` has done.
#[derive(Clone, Copy, Debug)]
struct Change {
    at: u32,
    number: u64,
    is_made: bool,
    is_replaced: bool,
}

/// Goes through the flags of `mg`, and does and says what each asks for. Tells whether the client
/// is to make the value anew; nothing if a flag is wrong, what was before it being done.
fn answer_flags(
    call: &Call<'_>,
    meta: &Meta,
    item: &mut Item,
    is_made: bool,
    out: &mut Vec<u8>,
) -> Option<bool> {
    let options = &meta.options;
    let mut is_won = false;
    for flag in flags(call, meta) {
        match flag[0] {
            b'T' => item.deadline = call.now.deadline(options.expires.unwrap_or(0)),
            b'N' if is_made => {
                item.deadline = call.now.deadline(options.vivify.unwrap_or(0));
                is_won = true;
            }
            b'R' => {
                let recache = call.now.deadline(options.recache.unwrap_or(0));
                if !item.is_token_sent && !is_made && item.deadline.is_before(recache) {
                    is_won = true;
                }
            }
            b's' => answer::flag(out, b's', item.value().len() as u64),
            b't' => answer_time_left(item.deadline, call.now, out),
            b'c' => answer::flag(out, b'c', item.cas),
            b'f' => answer::flag(out, b'f', item.client_flags.into()),
            b'l' => answer::flag(out, b'l', unused_seconds(item, call.now)),
            b'h' => answer::flag(out, b'h', item.is_fetched.into()),
            b'k' => answer::key_flag(out, item.key(), item.is_binary),
            b'O' if flag.len() > OPAQUE_BYTES_MAX => return None,
            _ => echo_flag(call, meta, flag, out),
        }
    }
    Some(is_won)
}

/// The end of `mg`'s line: whether another client, or this one, makes the value anew.
fn answer_tokens(item: &mut Item, is_won: bool, out: &mut Vec<u8>) {
    if item.is_token_sent {
        out.extend_from_slice(b" Z");
    }
    if item.is_stale {
        out.extend_from_slice(b" X");
    }
    if is_won || (item.is_stale && !item.is_token_sent) {
        out.extend_from_slice(b" W");
        item.is_token_sent = true;
    }
    out.extend_from_slice(answer::END_OF_LINE);
}

fn status_of_hit(out: &mut Vec<u8>, value_bytes: Option<usize>) {
    match value_bytes {
        Some(bytes) => {
            out.extend_from_slice(b"VA ");
            answer::number(out, bytes as u64);
        }
        None => out.extend_from_slice(b"HD"),
    }
}

fn answer_time_left(deadline: Deadline, now: Now, out: &mut Vec<u8>) {
    if deadline.is_never() {
        out.extend_from_slice(b" t-1");
    } else {
        answer::flag(out, b't', deadline.seconds_left(now).into());
    }
}

/// What was done or not, and what was asked to be given back as it came.
fn status_and_echo(status: &[u8], call: &Call<'_>, meta: &Meta, out: &mut Vec<u8>) {
    if has_long_opaque(call, meta) {
        return answer::line(out, answer::OPAQUE_TOO_LONG);
    }
    out.extend_from_slice(status);
    for flag in flags(call, meta) {
        echo_flag(call, meta, flag, out);
    }
    out.extend_from_slice(answer::END_OF_LINE);
}

/// A flag that is not answered is passed over.
fn echo_flag(call: &Call<'_>, meta: &Meta, flag: &[u8], out: &mut Vec<u8>) {
    match flag[0] {
        b'O' => {
            out.push(b' ');
            out.extend_from_slice(flag);
        }
        b'k' => answer::key_flag(out, call.key, meta.options.is_base64),
        _ => {}
    }
}

fn has_long_opaque(call: &Call<'_>, meta: &Meta) -> bool {
    flags(call, meta).any(|flag| flag[0] == b'O' && flag.len() > OPAQUE_BYTES_MAX)
}

/// Each with its letter, so that none is empty.
fn flags<'a>(call: &Call<'a>, meta: &Meta) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    meta.flags
        .of(call.input)
        .split(|byte| *byte == b' ')
        .filter(|flag| !flag.is_empty())
}

fn unused_seconds(item: &Item, now: Now) -> u64 {
    now.seconds.wrapping_sub(item.used).into()
}

/// With its letter.
const OPAQUE_BYTES_MAX: usize = 32;
