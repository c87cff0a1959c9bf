//! `get`, `set` and those like them.

use crate::request::{Mode, Store};

use super::arithmetic::Sum;
use super::class::Class;
use super::expiry::Deadline;
use super::item::{Text, item_bytes};
use super::keep::{Put, Refused};
use super::{Call, Shard, answer};

/// What is to be stored, by a classic command or `ms`.
#[derive(Clone, Copy, Debug)]
pub(super) struct New<'a> {
    pub(super) mode: Mode,
    /// For `append` and `prepend`, which have no mode for it; 0 is any.
    pub(super) compare_cas: u64,
    /// Whether an item that was changed since may be replaced, by a stale one: `I`.
    pub(super) invalidates: bool,
    pub(super) value: &'a [u8],
    pub(super) client_flags: u32,
    pub(super) deadline: Deadline,
    pub(super) is_binary: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// With this cas id.
    Stored(u64),
    NotStored,
    /// It was changed since.
    Exists,
    NotFound,
    Refused(Refused),
}

impl Shard {
    pub(super) fn get(
        &mut self,
        call: &Call<'_>,
        shows_cas: bool,
        touch: Option<i64>,
        out: &mut Vec<u8>,
    ) {
        let is_touch = touch.is_some();
        if is_touch {
            self.counters.cmd_touch += 1;
        } else {
            self.counters.cmd_get += 1;
        }
        let Some(at) = self.find(call) else {
            if is_touch {
                self.counters.touch_misses += 1;
            } else {
                self.counters.get_misses += 1;
            }
            return;
        };
        self.bump(at, call.now);
        let item = self.table.item_mut(at);
        let counters = &mut self.classes[item.class];
        if let Some(expires) = touch {
            item.deadline = call.now.deadline(expires);
            counters.touch_hits += 1;
        } else {
            counters.get_hits += 1;
        }
        let (key, value) = (item.key(), item.value());
        out.reserve(key.len() + value.len() + VALUE_LINE_BYTES_MAX);
        out.extend_from_slice(b"VALUE ");
        out.extend_from_slice(key);
        out.push(b' ');
        answer::number(out, item.client_flags.into());
        out.push(b' ');
        answer::number(out, value.len() as u64);
        if shows_cas {
            out.push(b' ');
            answer::number(out, item.cas);
        }
        out.extend_from_slice(answer::END_OF_LINE);
        out.extend_from_slice(value);
        out.extend_from_slice(answer::END_OF_LINE);
    }

    pub(super) fn store_classic(&mut self, call: &Call<'_>, store: &Store, out: &mut Vec<u8>) {
        let new = New {
            mode: store.mode,
            compare_cas: 0,
            invalidates: false,
            value: store.value.of(call.input),
            client_flags: store.flags,
            deadline: call.now.deadline(store.expires),
            is_binary: false,
        };
        let text = match self.store(call, &new) {
            Outcome::Stored(_) => "STORED",
            Outcome::NotStored => "NOT_STORED",
            Outcome::Exists => "EXISTS",
            Outcome::NotFound => "NOT_FOUND",
            Outcome::Refused(refused) => {
                // What a client believes to have replaced must not be found.
                if store.mode == Mode::Set {
                    self.forget_quietly(call);
                }
                refused_to_store(refused)
            }
        };
        answer::line_unless(store.is_quiet, out, text);
    }

    pub(super) fn store(&mut self, call: &Call<'_>, new: &New<'_>) -> Outcome {
        let stored = match self.find(call) {
            None => self.store_absent(call, new),
            Some(at) => self.store_present(call, new, at),
        };
        let bytes = item_bytes(call.key.len(), new.value.len(), new.client_flags);
        let counters = &mut self.classes[Class::of(bytes)];
        match stored {
            Outcome::Refused(Refused::TooLarge) => self.counters.store_too_large += 1,
            Outcome::Refused(Refused::NoMemory) => {
                counters.outofmemory += 1;
                self.counters.store_no_memory += 1;
            }
            _ => counters.cmd_set += 1,
        }
        stored
    }

    pub(super) fn delete(&mut self, call: &Call<'_>, is_quiet: bool, out: &mut Vec<u8>) {
        let text = match self.find(call) {
            Some(at) => {
                self.classes[self.table.item(at).class].delete_hits += 1;
                self.remove(at);
                "DELETED"
            }
            None => {
                self.counters.delete_misses += 1;
                "NOT_FOUND"
            }
        };
        answer::line_unless(is_quiet, out, text);
    }

    pub(super) fn touch(
        &mut self,
        call: &Call<'_>,
        expires: i64,
        is_quiet: bool,
        out: &mut Vec<u8>,
    ) {
        self.counters.cmd_touch += 1;
        let text = match self.find(call) {
            Some(at) => {
                self.bump(at, call.now);
                let item = self.table.item_mut(at);
                item.deadline = call.now.deadline(expires);
                self.classes[item.class].touch_hits += 1;
                "TOUCHED"
            }
            None => {
                self.counters.touch_misses += 1;
                "NOT_FOUND"
            }
        };
        answer::line_unless(is_quiet, out, text);
    }

    pub(super) fn arithmetic_classic(
        &mut self,
        call: &Call<'_>,
        delta: u64,
        is_decrement: bool,
        is_quiet: bool,
        out: &mut Vec<u8>,
    ) {
        let text = match self.arithmetic(call, delta, is_decrement, 0) {
            Sum::Done { number, .. } => {
                if !is_quiet {
                    answer::number(out, number);
                    out.extend_from_slice(answer::END_OF_LINE);
                }
                return;
            }
            Sum::NotFound => {
                self.count_arithmetic_miss(is_decrement);
                "NOT_FOUND"
            }
            Sum::NonNumeric => answer::NON_NUMERIC,
            Sum::NoMemory => "SERVER_ERROR out of memory",
            Sum::Changed => unreachable!("no cas id was given"),
        };
        answer::line_unless(is_quiet, out, text);
    }

    /// For a value that was refused before it came here: what it would have replaced goes.
    pub(super) fn forget(&mut self, call: &Call<'_>) {
        self.counters.store_too_large += 1;
        self.forget_quietly(call);
    }

    pub(super) fn forget_quietly(&mut self, call: &Call<'_>) {
        if let Some(at) = self.find(call) {
            self.remove(at);
        }
    }

    fn store_absent(&mut self, call: &Call<'_>, new: &New<'_>) -> Outcome {
        match new.mode {
            Mode::Set | Mode::Add => self.put_whole(call, None, new),
            Mode::Replace | Mode::Append | Mode::Prepend => Outcome::NotStored,
            Mode::Cas(_) => {
                self.counters.cas_misses += 1;
                Outcome::NotFound
            }
        }
    }

    fn store_present(&mut self, call: &Call<'_>, new: &New<'_>, at: u32) -> Outcome {
        match new.mode {
            Mode::Set | Mode::Replace => self.put_whole(call, Some(at), new),
            Mode::Add => {
                self.table.item_mut(at).used = call.now.seconds;
                Outcome::NotStored
            }
            Mode::Append => self.extend(call, at, new, Text::Behind(new.value)),
            Mode::Prepend => self.extend(call, at, new, Text::Before(new.value)),
            Mode::Cas(cas) => self.compare_and_store(call, new, at, cas),
        }
    }

    /// An item that is extended keeps its flags and its time, but none of its marks.
    fn extend(&mut self, call: &Call<'_>, at: u32, new: &New<'_>, text: Text<'_>) -> Outcome {
        let item = self.table.item(at);
        if new.compare_cas != 0 && new.compare_cas != item.cas {
            return Outcome::Exists;
        }
        let put = Put::new(text, item.client_flags, item.deadline);
        match self.put(call, Some(at), put) {
            Ok(at) => Outcome::Stored(self.table.item(at).cas),
            Err(_) => Outcome::NotStored,
        }
    }

    fn compare_and_store(&mut self, call: &Call<'_>, new: &New<'_>, at: u32, cas: u64) -> Outcome {
        let item = self.table.item(at);
        let counters = &mut self.classes[item.class];
        if cas != 0 && cas == item.cas {
            counters.cas_hits += 1;
            return self.put_whole(call, Some(at), new);
        }
        if cas == 0 || !new.invalidates || cas > item.cas {
            counters.cas_badval += 1;
            return Outcome::Exists;
        }
        counters.cas_hits += 1;
        let put = Put {
            is_stale: true,
            is_token_sent: item.is_token_sent,
            is_binary: new.is_binary,
            ..Put::new(Text::Whole(new.value), new.client_flags, item.deadline)
        };
        self.put_and_tell(call, Some(at), put)
    }

    fn put_whole(&mut self, call: &Call<'_>, at: Option<u32>, new: &New<'_>) -> Outcome {
        let put = Put {
            is_binary: new.is_binary,
            ..Put::new(Text::Whole(new.value), new.client_flags, new.deadline)
        };
        self.put_and_tell(call, at, put)
    }

    fn put_and_tell(&mut self, call: &Call<'_>, at: Option<u32>, put: Put<'_>) -> Outcome {
        match self.put(call, at, put) {
            Ok(at) => Outcome::Stored(self.table.item(at).cas),
            Err(refused) => Outcome::Refused(refused),
        }
    }
}

pub(super) fn refused_to_store(refused: Refused) -> &'static str {
    match refused {
        Refused::TooLarge => "SERVER_ERROR object too large for cache",
        Refused::NoMemory => "SERVER_ERROR out of memory storing object",
    }
}

/// `VALUE`, spaces, numbers and line ends.
const VALUE_LINE_BYTES_MAX: usize = 64;
