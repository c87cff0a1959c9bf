//! What goes when memory is short, and what has ended.

use super::super::slots::NONE;
use super::super::stats::ShardStats;
use super::server::Server;

/// Bytes for a few hundred small items, beside the first slots.
const SMALL: usize = 100 << 10;

impl Server {
    fn stats(&self) -> ShardStats {
        self.shard.stats(self.now)
    }

    fn has(&mut self, key: &str) -> bool {
        self.ask(&format!("me {key}")) != "EN"
    }

    /// Stores so many items of 100 bytes.
    fn fill(&mut self, name: &str, count: usize) {
        for number in 0..count {
            self.says(
                &format!("set {name}{number} 0 0 100|{}", "v".repeat(100)),
                "STORED",
            );
        }
    }

    /// Stores items until one is evicted.
    fn fill_up(&mut self, name: &str) -> usize {
        (0..)
            .find(|number| {
                self.says(
                    &format!("set {name}{number} 0 0 100|{}", "v".repeat(100)),
                    "STORED",
                );
                self.stats().sums().evicted > 0
            })
            .expect("there is a limit")
    }
}

#[test]
fn items_go_in_the_order_in_which_they_were_stored() {
    let mut server = Server::with_bytes_max(SMALL);
    let count = server.fill_up("a");
    assert!(count > 300, "{count}");
    assert!(!server.has("a0") && server.has("a1"));
    server.fill("b", 10);
    assert!(!server.has("a10") && server.has("a11"));
    assert_eq!(server.stats().sums().evicted, 11);
    assert_eq!(server.stats().sums().evicted_unfetched, 11);
}

#[test]
fn item_that_is_in_use_stays_and_one_that_was_read_once_goes() {
    let mut server = Server::with_bytes_max(SMALL);
    let count = server.fill_up("a");
    for key in ["a1", "a1", "a2"] {
        server.ask(&format!("get {key}"));
    }
    server.fill("b", count - 10);
    assert!(server.has("a1") && !server.has("a2"));
    assert_eq!(server.stats().counters.moves_within_lru, 1);
    // It was spared once; if nobody asks for it any more, it goes.
    server.fill("c", count);
    assert!(!server.has("a1"));
}

#[test]
fn item_that_is_asked_for_now_and_then_stays_for_ever() {
    let mut server = Server::with_bytes_max(SMALL);
    let count = server.fill_up("a");
    server.says("set canary 0 0 1|x", "STORED");
    for _ in 0..20 {
        server.says("get canary", "VALUE canary 0 1|x|END");
        server.says("get canary", "VALUE canary 0 1|x|END");
        server.fill("b", count / 2);
    }
    assert!(server.has("canary"));
}

#[test]
fn all_items_are_in_use() {
    let mut server = Server::with_bytes_max(SMALL);
    let count = server.fill_up("a");
    for number in 0..count {
        let key = format!("a{number}");
        server.ask(&format!("get {key} {key}"));
    }
    server.fill("b", 10);
    let stats = server.stats().sums();
    assert_eq!(stats.evicted, 11);
    assert!(
        stats.evicted_active > 0,
        "no command goes through all of them"
    );
}

#[test]
fn limit_is_kept_whatever_is_stored() {
    let mut server = Server::with_bytes_max(400 << 10);
    for number in 0..20_000usize {
        let bytes = [3, 900, 60, 20_000, 0, 150_000][number % 6] + number % 50;
        let key = number * 7 % 4001;
        let verb = ["set", "append", "set", "prepend"][number / 7 % 4];
        let value = "v".repeat(bytes);
        server.ask(&format!("{verb} key{key} {} 0 {bytes}|{value}", number % 2));
        if number % 16 == 0 {
            assert_memory_is_what_is_counted(&server);
        }
    }
    assert!(server.stats().sums().evicted > 1000);
    assert!(
        server.stats().state.bytes_held > 200 << 10,
        "memory is made use of"
    );
}

fn assert_memory_is_what_is_counted(server: &Server) {
    let (table, stats) = (&server.shard.table, server.stats());
    let mut blocks = 0;
    let mut bytes = 0;
    let mut count = 0;
    for item in table.oldest_first() {
        blocks += item.block_bytes();
        bytes += item.bytes();
        count += 1;
    }
    assert_eq!(count, stats.state.curr_items);
    assert_eq!(bytes as u64, stats.state.bytes);
    assert!(blocks + table.bytes_kept() <= table.bytes());
    assert!(table.bytes() <= 400 << 10, "{}", table.bytes());
    let by_class = super::super::Class::all().map(|class| stats.items[class]);
    let (number, requested) = by_class.fold((0, 0), |(number, requested), items| {
        (number + items.number, requested + items.mem_requested)
    });
    assert_eq!((number, requested), (count, bytes as u64));
}

#[test]
fn item_that_is_larger_than_all_memory() {
    let mut server = Server::with_bytes_max(SMALL);
    server.says("set a 0 0 1|x", "STORED");
    server.says("set b 0 0 1|x", "STORED");
    let big = format!("0 0 {}|{}", SMALL, "v".repeat(SMALL));
    let refused = "SERVER_ERROR out of memory storing object";
    server.says(&format!("add a {big}"), "NOT_STORED");
    server.says(&format!("append a {big}"), "NOT_STORED");
    server.says(&format!("replace a {big}"), refused);
    server.says("get a b", "VALUE a 0 1|x|VALUE b 0 1|x|END");
    server.says(&format!("set a {big}"), refused);
    server.says("get a b", "VALUE b 0 1|x|END");
    server.says(&format!("ms b {} MR|{}", SMALL, "v".repeat(SMALL)), refused);
    server.says("get b", "END");
    assert_eq!(server.stats().counters.store_no_memory, 3);
    assert_eq!(server.stats().sums().evicted, 0);
}

#[test]
fn item_that_is_larger_than_allowed() {
    let mut server = Server::new();
    let fits = (1 << 20) - 60;
    server.says(&format!("set a 0 0 {fits}|{}", "v".repeat(fits)), "STORED");
    server.says("append a 0 0 1|x", "NOT_STORED");
    server.says("append a 0 0 0|", "STORED");
    server.says("forget a", "");
    server.says("get a", "END");
    let above = format!("0 0 {}|{}", fits + 1, "v".repeat(fits + 1));
    server.says("set a 0 0 1|x", "STORED");
    server.says(
        &format!("set a {above}"),
        "SERVER_ERROR object too large for cache",
    );
    server.says("get a", "END");
    assert_eq!(server.stats().counters.store_too_large, 2);
}

#[test]
fn value_that_grows_while_all_else_must_go() {
    let mut server = Server::with_bytes_max(SMALL);
    server.fill_up("a");
    server.says("set a5 0 0 1|x", "STORED");
    let (half, rest) = (SMALL / 3, "v".repeat(SMALL / 3));
    server.says(&format!("append a5 0 0 {half}|{rest}"), "STORED");
    server.says("mg a5 s", &format!("HD s{}", half + 1));
    assert!(server.stats().sums().evicted > 200);
    assert!(server.stats().state.bytes_held <= SMALL as u64);
}

#[test]
fn ended_items_at_the_tail_are_reclaimed_and_not_evicted() {
    let mut server = Server::with_bytes_max(SMALL);
    server.says("set a 0 1 1|x", "STORED");
    server.says("get a", "VALUE a 0 1|x|END");
    server.fill("b", 100);
    let capacity = server.shard.table.slots();
    // So that nobody but an eviction comes by: the search is just past it.
    server.shard.sweep_at = 1;
    server.shard.swept = server.now.seconds + 1;
    server.tick(1);
    let before = server.stats().state.curr_items;
    for number in 0.. {
        server.shard.sweep_at = 1;
        server.says(
            &format!("set c{number} 0 0 100|{}", "v".repeat(100)),
            "STORED",
        );
        if server.stats().state.curr_items == before + number {
            break;
        }
    }
    let stats = server.stats().sums();
    assert_eq!(
        (stats.reclaimed, stats.evicted, stats.expired_unfetched),
        (1, 0, 0)
    );
    assert_eq!(server.shard.table.slots(), capacity);
}

#[test]
fn ended_items_that_nobody_asks_for_go_in_time() {
    let mut server = Server::new();
    for number in 0..5000 {
        server.says(&format!("set a{number} 0 {} 1|x", number % 2), "STORED");
    }
    server.tick(1);
    for _ in 0..5 {
        server.says("get other", "END");
        server.tick(1);
    }
    let stats = server.stats();
    assert_eq!(stats.state.curr_items, 2500);
    assert_eq!(stats.sums().crawler_reclaimed, 2500);
    server.says("flush_all", "OK");
    server.shard.sweep(server.now, NONE as usize);
    assert_eq!(server.stats().state.curr_items, 0);
    assert_eq!(server.stats().state.bytes, 0);
}

#[test]
fn stats_of_hits_and_misses() {
    let mut server = Server::new();
    for command in [
        "set a 0 0 1|5",
        "set b 0 0 2|xx",
        "get a c",
        "gat 0 a c",
        "touch a 0",
        "incr a 1",
        "decr a 1",
        "incr c 1",
        "decr c 1",
        "cas a 0 0 1 1|6",
        "cas c 0 0 1 1|6",
        "delete c",
        "delete a",
        "mg b v",
        "mg c v",
        "mg b T0",
        "me b",
    ] {
        server.ask(command);
    }
    let stats = server.stats();
    let (counters, sums) = (stats.counters, stats.sums());
    assert_eq!(
        (counters.cmd_get, sums.get_hits, counters.get_misses),
        (4, 2, 2)
    );
    assert_eq!(
        (counters.cmd_touch, sums.touch_hits, counters.touch_misses),
        (4, 3, 1)
    );
    assert_eq!((sums.incr_hits, sums.decr_hits), (1, 1));
    assert_eq!((counters.incr_misses, counters.decr_misses), (1, 1));
    assert_eq!(
        (sums.cas_hits, sums.cas_badval, counters.cas_misses),
        (0, 1, 1)
    );
    assert_eq!((sums.delete_hits, counters.delete_misses), (1, 1));
    assert_eq!(
        (sums.cmd_set, counters.cmd_meta, counters.total_items),
        (4, 1, 2)
    );
    server.shard.reset_stats();
    let stats = server.stats();
    assert_eq!((stats.counters.cmd_get, stats.counters.total_items), (0, 0));
    assert_eq!((stats.sums().get_hits, stats.state.curr_items), (0, 1));
}
