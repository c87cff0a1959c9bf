//! [`Shard`]: a part of the table, which runs what is asked of its keys.
//!
//! ```text
//! execute ── classic ─┐
//!    │    └─ meta ────┼── keep: find, put, remove ── room: evict, sweep ── table
//!    │                └── arithmetic                                        ├── index
//!    └── answers in wire form                                               ├── slots: items
//!                                                                           └── lru
//! ```
//!
//! An item is a slot of one cache line, with one block for key and value. There is no I/O in here,
//! no clock and no lock: the worker that has the shard runs one command after the other. What it
//! answers, what it counts and when it takes a cas id are memcached 1.6.18's.
//!
//! Its order of use is that of memcached's segments, in one list. An item that is asked for twice
//! is marked as active, which costs a `get` no more than a byte; where the longest unused item
//! would be evicted, one that is active goes to the front instead, without its mark, and needs to
//! be asked for once to have it again. So what is read but once does not displace what is in use.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::request::{Action, Request, Verb};

use class::PerClass;
use expiry::Flushed;
use table::Table;

pub(crate) use class::Class;
pub(crate) use expiry::{Flush, Now};
pub(crate) use hash::{hash, shard};

pub(crate) use stats::{ClassCounters, ClassItems, Counters, ShardStats, State};

mod answer;
mod arithmetic;
mod class;
mod classic;
mod expiry;
mod hash;
mod index;
mod item;
mod keep;
mod lru;
mod meta;
mod room;
mod slots;
mod stats;
mod table;
#[cfg(test)]
mod tests;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How much memory the shard may take, all in all: blocks as `malloc` rounds them, slots and
    /// index. Less than some 40 KiB is too little for any item.
    pub(crate) bytes_max: usize,
    /// How large an item may be, as [`item_bytes`] counts: `-I`.
    pub(crate) item_max: usize,
}

/// Where a command that changes an item has its cas id from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cas<'a> {
    /// It was taken for a command that takes one for sure.
    Given(u64),
    /// From the last one given out, if one is needed.
    From(&'a AtomicU64),
}

impl Cas<'_> {
    fn take(self) -> u64 {
        match self {
            Self::Given(id) => id,
            // Relaxed: all that counts is that no two are alike; that they grow from command to
            // command follows from these being told to do one after the other.
            Self::From(last) => last.fetch_add(1, Ordering::Relaxed).wrapping_add(1),
        }
    }
}

/// One command, as it goes through the shard.
#[derive(Clone, Copy, Debug)]
struct Call<'a> {
    hash: u64,
    key: &'a [u8],
    input: &'a [u8],
    now: Now,
    cas: Cas<'a>,
}

#[derive(Debug)]
pub(crate) struct Shard {
    settings: Settings,
    table: Table,
    flushed: Flushed,
    /// The items' bytes as memcached counts them.
    bytes: u64,
    counters: Counters,
    classes: PerClass<ClassCounters>,
    items: PerClass<ClassItems>,
    /// The slot where the search for items that have ended goes on.
    sweep_at: u32,
    /// The second in which it was last taken up.
    swept: u32,
}

impl Shard {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            table: Table::new(),
            flushed: Flushed::default(),
            bytes: 0,
            counters: Counters::default(),
            classes: PerClass::default(),
            items: PerClass::default(),
            sweep_at: 0,
            swept: 0,
        }
    }

    /// Runs a command, and appends to `out` what is to be answered, which may be nothing.
    ///
    /// `hash` is [`hash`] of the request's key, and `input` what its spans are parts of.
    pub(crate) fn execute(
        &mut self,
        request: &Request,
        hash: u64,
        input: &[u8],
        now: Now,
        cas: Cas<'_>,
        out: &mut Vec<u8>,
    ) {
        if self.swept != now.seconds {
            self.swept = now.seconds;
            self.sweep(now, SWEPT_PER_SECOND);
        }
        let call = &Call {
            hash,
            key: request.key.of(input),
            input,
            now,
            cas,
        };
        self.act(call, &request.action, out);
    }

    fn act(&mut self, call: &Call<'_>, action: &Action, out: &mut Vec<u8>) {
        match action {
            Action::Get { shows_cas, touch } => self.get(call, *shows_cas, *touch, out),
            Action::Store(store) => self.store_classic(call, store, out),
            Action::Delete { is_quiet } => self.delete(call, *is_quiet, out),
            Action::Arithmetic {
                delta,
                is_decrement,
                is_quiet,
            } => {
                self.arithmetic_classic(call, *delta, *is_decrement, *is_quiet, out);
            }
            Action::Touch { expires, is_quiet } => self.touch(call, *expires, *is_quiet, out),
            Action::Forget => self.forget(call),
            Action::Meta(meta) => match &meta.verb {
                Verb::Get => self.meta_get(call, meta, out),
                Verb::Set { mode, value } => {
                    self.meta_set(call, meta, *mode, value.of(call.input), out);
                }
                Verb::Delete => self.meta_delete(call, meta, out),
                Verb::Arithmetic { is_decrement } => {
                    self.meta_arithmetic(call, meta, *is_decrement, out);
                }
                Verb::Debug => self.meta_debug(call, out),
            },
            Action::Instead { of, text } => {
                let start = out.len();
                self.act(call, of, out);
                let has_failed = [b"CLIENT_ERROR", b"SERVER_ERROR"];
                if !has_failed
                    .iter()
                    .any(|error| out[start..].starts_with(*error))
                {
                    out.truncate(start);
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
    }

    /// Looks ahead for a batch of commands, by the hashes of their keys: the processor then waits for
    /// the memory of all at once, and not of one after the other. Pays from four commands on.
    pub(crate) fn warm(&self, hashes: impl Iterator<Item = u64>) {
        std::hint::black_box(self.table.warm(hashes));
    }

    /// What `flush_all` does to this shard: nothing at first, but items that it ends are not found
    /// from then on. It is not counted here, as every shard is told of the same one.
    pub(crate) fn flush(&mut self, flush: Flush) {
        self.flushed.note(flush);
    }

    /// How much it may take from now on. If it has more, items go when the next is stored.
    pub(crate) fn set_bytes_max(&mut self, bytes_max: usize) {
        self.settings.bytes_max = bytes_max;
    }

    pub(crate) fn stats(&self, now: Now) -> ShardStats {
        let mut items = self.items.clone();
        self.find_ages(now, &mut items);
        ShardStats {
            counters: self.counters,
            classes: self.classes.clone(),
            items,
            state: State {
                curr_items: self.table.len() as u64,
                bytes: self.bytes,
                bytes_held: self.table.bytes() as u64,
                hash_bytes: self.table.index_bytes_held() as u64,
            },
        }
    }

    /// What `stats reset` does.
    pub(crate) fn reset_stats(&mut self) {
        self.counters = Counters::default();
        self.classes = PerClass::default();
        for class in Class::all() {
            self.items[class].evicted_time = 0;
        }
    }
}

/// How many slots are searched for items that have ended when a new second is seen.
const SWEPT_PER_SECOND: usize = 1024;
