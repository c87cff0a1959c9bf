//! The steps of which commands consist: an item is found, noted as used, put and removed.

use super::class::Class;
use super::expiry::Deadline;
use super::item::{Item, Text, block_bytes, item_bytes};
use super::{Call, Now, Shard};

/// What an item becomes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Put<'a> {
    pub(super) text: Text<'a>,
    pub(super) client_flags: u32,
    pub(super) deadline: Deadline,
    pub(super) is_stale: bool,
    pub(super) is_token_sent: bool,
    pub(super) is_binary: bool,
}

impl<'a> Put<'a> {
    /// Without marks.
    pub(super) fn new(text: Text<'a>, client_flags: u32, deadline: Deadline) -> Self {
        Self {
            text,
            client_flags,
            deadline,
            is_stale: false,
            is_token_sent: false,
            is_binary: false,
        }
    }
}

/// Why an item could not be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No item may be so large.
    TooLarge,
    /// The shard has not so much memory, whatever is evicted.
    NoMemory,
}

impl Shard {
    /// The item of the call's key, unless it has ended, whereupon it is removed.
    pub(super) fn find(&mut self, call: &Call<'_>) -> Option<u32> {
        let at = self.table.find(call.hash, call.key)?;
        let item = self.table.item(at);
        if self.flushed.covers(item.used, item.cas, call.now) {
            self.counters.get_flushed += 1;
        } else if item.has_ended(call.now) {
            self.counters.get_expired += 1;
        } else {
            return Some(at);
        }
        self.remove(at);
        None
    }

    /// Notes that an item was asked for. Only the second time has a meaning for its age.
    pub(super) fn bump(&mut self, at: u32, now: Now) {
        let item = self.table.item_mut(at);
        if item.is_active {
            return;
        }
        if item.is_fetched {
            item.is_active = true;
            item.used = now.seconds;
        } else {
            item.is_fetched = true;
        }
    }

    /// Makes an item, or another of the one at `at`, which stays as it is when this is refused.
    pub(super) fn put(
        &mut self,
        call: &Call<'_>,
        at: Option<u32>,
        put: Put<'_>,
    ) -> Result<u32, Refused> {
        let old = at.map_or(0, |at| self.table.item(at).value().len());
        let value_bytes = put.text.value_bytes(old);
        let bytes = item_bytes(call.key.len(), value_bytes, put.client_flags);
        if bytes > self.settings.item_max {
            return Err(Refused::TooLarge);
        }
        let at = match at {
            Some(at) => self.rewrite(at, put.text, value_bytes, call.now)?,
            None => self.insert(call, put.text)?,
        };
        let item = self.table.item_mut(at);
        item.cas = call.cas.take();
        item.client_flags = put.client_flags;
        item.deadline = put.deadline;
        item.used = call.now.seconds;
        item.class = Class::of(bytes);
        item.is_fetched = false;
        item.is_active = false;
        item.is_stale = put.is_stale;
        item.is_token_sent = put.is_token_sent;
        item.is_binary = put.is_binary;
        self.count_in(at);
        self.counters.total_items += 1;
        Ok(at)
    }

    pub(super) fn remove(&mut self, at: u32) {
        self.count_out(at);
        self.table.remove(at);
    }

    fn rewrite(
        &mut self,
        at: u32,
        text: Text<'_>,
        value_bytes: usize,
        now: Now,
    ) -> Result<u32, Refused> {
        let item = self.table.item(at);
        if let Some(block_bytes) = item.block_bytes_for(value_bytes)
            && !self.make_room_to_rewrite(at, block_bytes, now)
        {
            return Err(Refused::NoMemory);
        }
        self.count_out(at);
        self.table.write(at, text);
        self.table.renew(at);
        Ok(at)
    }

    fn insert(&mut self, call: &Call<'_>, text: Text<'_>) -> Result<u32, Refused> {
        // There is nothing before or behind which it could go.
        let (Text::Whole(value) | Text::Behind(value) | Text::Before(value)) = text;
        if !self.make_room_to_insert(block_bytes(call.key.len() + value.len()), call.now) {
            return Err(Refused::NoMemory);
        }
        Ok(self.table.insert(Item::new(call.hash, call.key, value)))
    }

    fn count_in(&mut self, at: u32) {
        let item = self.table.item(at);
        let bytes = item.bytes() as u64;
        self.bytes += bytes;
        self.items[item.class].number += 1;
        self.items[item.class].mem_requested += bytes;
    }

    fn count_out(&mut self, at: u32) {
        let item = self.table.item(at);
        let bytes = item.bytes() as u64;
        self.bytes -= bytes;
        self.items[item.class].number -= 1;
        self.items[item.class].mem_requested -= bytes;
    }
}
