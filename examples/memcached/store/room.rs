//! Memory: what must go for what comes, and what has ended and goes anyway.

use super::class::{Class, PerClass};
use super::stats::ClassItems;
use super::{Now, Shard};

impl Shard {
    /// Looks at so many slots for items that have ended, and removes them: a little with every
    /// item that is stored, a bit more each second, and as much as a server likes that is idle.
    pub(crate) fn sweep(&mut self, now: Now, slots: usize) {
        let count = self.table.slots();
        for _ in 0..slots.min(count) {
            // Chunks are not given back, so that the slot is there still.
            let at = self.sweep_at;
            self.sweep_at = if at as usize + 1 < count { at + 1 } else { 0 };
            let item = self.table.item(at);
            if item.is_vacant() {
                continue;
            }
            self.counters.crawler_items_checked += 1;
            if self.has_ended(at, now) {
                let (class, is_fetched) = (item.class, item.is_fetched);
                self.classes[class].crawler_reclaimed += 1;
                self.classes[class].expired_unfetched += u64::from(!is_fetched);
                self.remove(at);
            }
        }
    }

    /// For a new item with such a block; `false` if there can be none.
    pub(super) fn make_room_to_insert(&mut self, block_bytes: usize, now: Now) -> bool {
        self.sweep(now, SWEPT_PER_STORE);
        let max = self.settings.bytes_max;
        // The first item needs slots, too; later an evicted one leaves its own.
        let least = if self.table.slots() == 0 {
            self.table.bytes_of_insert(block_bytes)
        } else {
            block_bytes
        };
        if self.table.bytes_kept() + least > max {
            return false;
        }
        while self.table.bytes() + self.table.bytes_of_insert(block_bytes) > max {
            if self.table.len() == 0 {
                return false;
            }
            self.evict(None, now);
        }
        true
    }

    /// For a larger block of an item, which must not go; `false` if there can be none.
    pub(super) fn make_room_to_rewrite(&mut self, at: u32, block_bytes: usize, now: Now) -> bool {
        let max = self.settings.bytes_max;
        if self.table.bytes_kept() + block_bytes > max {
            return false;
        }
        let old = self.table.item(at).block_bytes();
        while self.table.bytes() - old + block_bytes > max {
            if self.table.len() == 1 {
                return false;
            }
            self.evict(Some(at), now);
        }
        true
    }

    /// Finds the age of each class's oldest item among the oldest of all.
    pub(super) fn find_ages(&self, now: Now, items: &mut PerClass<ClassItems>) {
        let mut missing = Class::all()
            .filter(|class| items[*class].number > 0)
            .count();
        let mut seen: PerClass<bool> = PerClass::default();
        let oldest = self.table.oldest_first().take(AGES_SEARCHED_MAX);
        for item in oldest {
            if missing == 0 {
                break;
            }
            if !std::mem::replace(&mut seen[item.class], true) {
                items[item.class].age = now.seconds.wrapping_sub(item.used);
                missing -= 1;
            }
        }
    }

    /// Removes one item, the oldest if it has ended or is not active.
    fn evict(&mut self, kept: Option<u32>, now: Now) {
        self.counters.direct_reclaims += 1;
        let mut spared = 0;
        while let Some(at) = self.table.oldest() {
            if Some(at) == kept {
                self.table.renew(at);
                continue;
            }
            if self.has_ended(at, now) {
                let item = self.table.item(at);
                let counters = &mut self.classes[item.class];
                counters.reclaimed += 1;
                counters.expired_unfetched += u64::from(!item.is_fetched);
                return self.remove(at);
            }
            let item = self.table.item_mut(at);
            if item.is_active && spared < SPARED_MAX {
                item.is_active = false;
                spared += 1;
                self.counters.moves_within_lru += 1;
                self.table.renew(at);
                continue;
            }
            self.count_evicted(at, now);
            return self.remove(at);
        }
    }

    fn count_evicted(&mut self, at: u32, now: Now) {
        let item = self.table.item(at);
        let counters = &mut self.classes[item.class];
        counters.evicted += 1;
        counters.evicted_nonzero += u64::from(!item.deadline.is_never());
        counters.evicted_unfetched += u64::from(!item.is_fetched);
        counters.evicted_active += u64::from(item.is_active);
        self.items[item.class].evicted_time = now.seconds.wrapping_sub(item.used);
    }

    fn has_ended(&self, at: u32, now: Now) -> bool {
        let item = self.table.item(at);
        item.has_ended(now) || self.flushed.covers(item.used, item.cas, now)
    }
}

/// How many slots are searched for items that have ended when an item is stored: more than one, so
/// that they are found faster than new ones come.
const SWEPT_PER_STORE: usize = 2;

/// How many active items are spared before one is evicted though it is in use, so that no command
/// takes long.
const SPARED_MAX: u32 = 50;

/// How far `stats items` looks for the oldest item of each class.
const AGES_SEARCHED_MAX: usize = 4096;
