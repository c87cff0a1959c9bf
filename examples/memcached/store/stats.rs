//! What a shard has counted, by memcached's names.

use std::ops::AddAssign;

use super::class::{Class, PerClass};

/// What one shard has counted, or several together.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShardStats {
    pub(crate) counters: Counters,
    pub(crate) classes: PerClass<ClassCounters>,
    pub(crate) items: PerClass<ClassItems>,
    pub(crate) state: State,
}

impl ShardStats {
    /// The sums over all classes, for what `stats` tells without them.
    pub(crate) fn sums(&self) -> ClassCounters {
        let mut sums = ClassCounters::default();
        for class in Class::all() {
            sums += self.classes[class];
        }
        sums
    }
}

impl AddAssign<&Self> for ShardStats {
    fn add_assign(&mut self, other: &Self) {
        self.counters += other.counters;
        for class in Class::all() {
            self.classes[class] += other.classes[class];
            self.items[class] += other.items[class];
        }
        self.state += other.state;
    }
}

/// Numbers that are summed.
macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct $name {
            $($(#[$field_doc])* pub(crate) $field: u64,)*
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)*
            }
        }
    };
}

numbers! {
    /// Counted since the start, or `stats reset`; by whole shards.
    Counters {
        cmd_get,
        cmd_touch,
        cmd_meta,
        get_misses,
        get_expired,
        get_flushed,
        delete_misses,
        incr_misses,
        decr_misses,
        cas_misses,
        touch_misses,
        store_too_large,
        store_no_memory,
        total_items,
        moves_within_lru,
        direct_reclaims,
        crawler_items_checked,
    }
}

numbers! {
    /// Counted since the start, or `stats reset`; by size classes, and there without `cmd_`, which
    /// is `set_cmds` inside memcached.
    ClassCounters {
        get_hits,
        cmd_set,
        touch_hits,
        delete_hits,
        incr_hits,
        decr_hits,
        cas_hits,
        cas_badval,
        evicted,
        /// Of these, those that had a time of expiry,
        evicted_nonzero,
        /// those that nobody had asked for,
        evicted_unfetched,
        /// and those that were in use.
        evicted_active,
        outofmemory,
        /// Items that were found to have ended where one would have been evicted.
        reclaimed,
        expired_unfetched,
        /// Items that were found to have ended when nobody looked for them.
        crawler_reclaimed,
    }
}

numbers! {
    /// As it is, which `stats reset` leaves.
    State {
        curr_items,
        /// In memcached's count: what `stats` calls `bytes`.
        bytes,
        /// What the shard takes in truth, which is at most its share of the limit.
        bytes_held,
        /// Of which for the index.
        hash_bytes,
    }
}

/// What `stats items` tells of the items that there are in a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClassItems {
    pub(crate) number: u64,
    pub(crate) mem_requested: u64,
    /// How long the oldest has not been used.
    pub(crate) age: u32,
    /// How long the one last evicted had not been used.
    pub(crate) evicted_time: u32,
}

impl AddAssign for ClassItems {
    fn add_assign(&mut self, other: Self) {
        self.number += other.number;
        self.mem_requested += other.mem_requested;
        self.age = self.age.max(other.age);
        self.evicted_time = self.evicted_time.max(other.evicted_time);
    }
}
