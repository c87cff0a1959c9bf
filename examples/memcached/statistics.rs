//! [`write`]: the answers to `stats`, with the names that memcached gives.
//!
//! What memcached counts and this server has nothing like (its slabs' pages, its maintainer
//! threads) is given as that of a server in which it never happens. Keys are not listed, as by a
//! memcached that was started so.

use std::fmt::Display;
use std::sync::atomic::Ordering;

use crate::control::VERSION;
use crate::server::Server;
use crate::store::{Class, Now, ShardStats};
use crate::totals::{Sums, Totals};

/// Puts the answer to `stats`, with the rest of its line, into `out`.
pub(crate) async fn write(server: &'static Server, what: &[u8], out: &mut Vec<u8>) {
    let mut words = what
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    let instead = match first {
        b"" => {
            general(server, out).await;
            None
        }
        b"settings" => {
            settings(server, out);
            None
        }
        b"items" => {
            items(server, out).await;
            None
        }
        b"slabs" => {
            slabs(server, out).await;
            None
        }
        b"sizes" => {
            line(out, "sizes_status", "disabled");
            None
        }
        b"conns" | b"extstore" => None,
        b"reset" => {
            reset(server).await;
            Some("RESET\r\n")
        }
        b"detail" => detail(words.next()),
        b"cachedump" => Some("CLIENT_ERROR stats cachedump not allowed\r\n"),
        _ => Some("ERROR\r\n"),
    };
    out.extend_from_slice(instead.unwrap_or("END\r\n").as_bytes());
}

/// Nothing is counted by prefixes of keys, whatever is said here.
fn detail(what: Option<&[u8]>) -> Option<&'static str> {
    match what {
        Some(b"on" | b"off") => Some("OK\r\n"),
        Some(b"dump") => None,
        _ => Some("CLIENT_ERROR usage: stats detail on|off|dump\r\n"),
    }
}

fn line(out: &mut Vec<u8>, name: &str, value: impl Display) {
    use std::io::Write;
    write!(out, "STAT {name} {value}\r\n").expect("a vector takes all");
}

fn zeroes(out: &mut Vec<u8>, names: &[&str]) {
    names.iter().for_each(|name| line(out, name, 0));
}

/// What all shards have counted.
async fn sum(server: &'static Server) -> ShardStats {
    let now = server.clock.now();
    let all = server.on_all_shards(move |shard| shard.stats(now)).await;
    all.iter().fold(ShardStats::default(), |mut sum, one| {
        sum += one;
        sum
    })
}

async fn general(server: &'static Server, out: &mut Vec<u8>) {
    let stats = sum(server).await;
    let sums: Sums = server.all_totals().iter().sum();
    process(server, sums, out);
    commands(server, &stats, out);
    line(out, "bytes_read", sums.read);
    line(out, "bytes_written", sums.written);
    line(out, "limit_maxbytes", server.bytes_max());
    line(out, "accepting_conns", 1);
    zeroes(out, &["listen_disabled_num", "time_in_listen_disabled_us"]);
    line(out, "threads", gossamer::task_workers());
    zeroes(out, &["conn_yields"]);
    memory(&stats, out);
}

/// The process, and its connections.
fn process(server: &Server, sums: Sums, out: &mut Vec<u8>) {
    let now = server.clock.now();
    let open = server.open.load(Ordering::Relaxed);
    let (user, system) = processor_seconds();
    line(out, "pid", std::process::id());
    line(out, "uptime", now.seconds - Now::SECONDS_FIRST);
    line(out, "time", now.started + i64::from(now.seconds));
    line(out, "version", VERSION);
    line(out, "libevent", "none");
    line(out, "pointer_size", usize::BITS);
    line(out, "rusage_user", format_args!("{user:.6}"));
    line(out, "rusage_system", format_args!("{system:.6}"));
    line(out, "max_connections", server.options.connections);
    line(out, "curr_connections", open);
    line(out, "total_connections", sums.connections);
    line(out, "rejected_connections", sums.rejected);
    line(out, "connection_structures", open);
    zeroes(out, &OF_BUFFERS);
}

/// What the process has used, by its own code and by the system for it.
fn processor_seconds() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything: the 14th and the 15th of all.
    let mut fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<f64>().ok());
    let tick = 1.0 / rustix::param::clock_ticks_per_second() as f64;
    let [user, system] = [ticks(), ticks()].map(|ticks| ticks.unwrap_or_default() * tick);
    (user, system)
}

/// What was asked, and what was found.
fn commands(server: &Server, stats: &ShardStats, out: &mut Vec<u8>) {
    let (by_class, other) = (stats.sums(), stats.counters);
    line(out, "cmd_get", other.cmd_get);
    line(out, "cmd_set", by_class.cmd_set);
    line(out, "cmd_flush", server.flushes.load(Ordering::Relaxed));
    line(out, "cmd_touch", other.cmd_touch);
    line(out, "cmd_meta", other.cmd_meta);
    line(out, "get_hits", by_class.get_hits);
    line(out, "get_misses", other.get_misses);
    line(out, "get_expired", other.get_expired);
    line(out, "get_flushed", other.get_flushed);
    line(out, "delete_misses", other.delete_misses);
    line(out, "delete_hits", by_class.delete_hits);
    line(out, "incr_misses", other.incr_misses);
    line(out, "incr_hits", by_class.incr_hits);
    line(out, "decr_misses", other.decr_misses);
    line(out, "decr_hits", by_class.decr_hits);
    line(out, "cas_misses", other.cas_misses);
    line(out, "cas_hits", by_class.cas_hits);
    line(out, "cas_badval", by_class.cas_badval);
    line(out, "touch_hits", by_class.touch_hits);
    line(out, "touch_misses", other.touch_misses);
    line(out, "store_too_large", other.store_too_large);
    line(out, "store_no_memory", other.store_no_memory);
    zeroes(out, &["auth_cmds", "auth_errors"]);
}

/// What is held, and what had to go.
fn memory(stats: &ShardStats, out: &mut Vec<u8>) {
    let (by_class, other, state) = (stats.sums(), stats.counters, stats.state);
    line(out, "hash_power_level", state.hash_bytes.max(1).ilog2());
    line(out, "hash_bytes", state.hash_bytes);
    zeroes(out, &OF_SLABS);
    line(out, "bytes", state.bytes);
    line(out, "curr_items", state.curr_items);
    line(out, "total_items", other.total_items);
    zeroes(out, &["slab_global_page_pool"]);
    line(out, "expired_unfetched", by_class.expired_unfetched);
    line(out, "evicted_unfetched", by_class.evicted_unfetched);
    line(out, "evicted_active", by_class.evicted_active);
    line(out, "evictions", by_class.evicted);
    line(out, "reclaimed", by_class.reclaimed);
    line(out, "crawler_reclaimed", by_class.crawler_reclaimed);
    line(out, "crawler_items_checked", other.crawler_items_checked);
    zeroes(
        out,
        &["lrutail_reflocked", "moves_to_cold", "moves_to_warm"],
    );
    line(out, "moves_within_lru", other.moves_within_lru);
    line(out, "direct_reclaims", other.direct_reclaims);
    zeroes(out, &["lru_bumps_dropped"]);
}

/// By size classes, of which those without items are left out.
async fn items(server: &'static Server, out: &mut Vec<u8>) {
    let stats = sum(server).await;
    for class in Class::all() {
        let (items, counted) = (stats.items[class], stats.classes[class]);
        if items.number == 0 {
            continue;
        }
        let class = class.number();
        let mut tell = |name, value: u64| line(out, &format!("items:{class}:{name}"), value);
        tell("number", items.number);
        zero(&mut tell, &["number_hot", "number_warm"]);
        tell("number_cold", items.number);
        zero(&mut tell, &["age_hot", "age_warm"]);
        tell("age", items.age.into());
        tell("mem_requested", items.mem_requested);
        tell("evicted", counted.evicted);
        tell("evicted_nonzero", counted.evicted_nonzero);
        tell("evicted_time", items.evicted_time.into());
        tell("outofmemory", counted.outofmemory);
        zero(&mut tell, &["tailrepairs"]);
        tell("reclaimed", counted.reclaimed);
        tell("expired_unfetched", counted.expired_unfetched);
        tell("evicted_unfetched", counted.evicted_unfetched);
        tell("evicted_active", counted.evicted_active);
        tell("crawler_reclaimed", counted.crawler_reclaimed);
        zero(&mut tell, &OF_SEGMENTS);
    }
}

/// By size classes, as if each had a slab that is as large as its items.
async fn slabs(server: &'static Server, out: &mut Vec<u8>) {
    let stats = sum(server).await;
    let mut active = 0;
    for class in Class::all() {
        let (items, counted) = (stats.items[class], stats.classes[class]);
        if items.number == 0 {
            continue;
        }
        active += 1;
        let size = u64::from(class.size());
        let class = class.number();
        let mut tell = |name, value: u64| line(out, &format!("{class}:{name}"), value);
        tell("chunk_size", size);
        tell("chunks_per_page", (PAGE_BYTES / size).max(1));
        tell("total_pages", (items.number * size).div_ceil(PAGE_BYTES));
        tell("total_chunks", items.number);
        tell("used_chunks", items.number);
        zero(&mut tell, &["free_chunks", "free_chunks_end"]);
        tell("get_hits", counted.get_hits);
        tell("cmd_set", counted.cmd_set);
        tell("delete_hits", counted.delete_hits);
        tell("incr_hits", counted.incr_hits);
        tell("decr_hits", counted.decr_hits);
        tell("cas_hits", counted.cas_hits);
        tell("cas_badval", counted.cas_badval);
        tell("touch_hits", counted.touch_hits);
    }
    line(out, "active_slabs", active);
    line(out, "total_malloced", stats.state.bytes_held);
}

fn zero(tell: &mut impl FnMut(&'static str, u64), names: &[&'static str]) {
    names.iter().for_each(|name| tell(name, 0));
}

async fn reset(server: &'static Server) {
    server.on_all_shards(|shard| shard.reset_stats()).await;
    server.all_totals().iter().for_each(Totals::reset);
    server.flushes.store(0, Ordering::Relaxed);
}

fn settings(server: &Server, out: &mut Vec<u8>) {
    let options = &server.options;
    let socket = options.socket.as_ref();
    let socket = socket.map_or("NULL".into(), |path| path.display().to_string());
    line(out, "maxbytes", server.bytes_max());
    line(out, "maxconns", options.connections);
    line(out, "tcpport", options.port);
    line(out, "udpport", 0);
    line(out, "inter", options.addresses.join(","));
    line(out, "verbosity", options.verbosity);
    line(out, "oldest", 0);
    line(out, "evictions", "on");
    line(out, "domain_socket", socket);
    let workers = gossamer::task_workers().to_string();
    let item_max = options.item_max.to_string();
    for (name, value) in SETTINGS {
        let value = match name {
            "num_threads" | "num_threads_per_udp" => &workers,
            "item_size_max" => &item_max,
            _ => value,
        };
        line(out, name, value);
    }
}

const PAGE_BYTES: u64 = 1 << 20;

/// As memcached has them by default; what depends on the options is filled in.
const SETTINGS: [(&str, &str); 67] = [
    ("umask", "700"),
    ("shutdown_command", "no"),
    ("growth_factor", "1.25"),
    ("chunk_size", "48"),
    ("num_threads", "4"),
    ("num_threads_per_udp", "4"),
    ("stat_key_prefix", ":"),
    ("detail_enabled", "no"),
    ("reqs_per_event", "20"),
    ("cas_enabled", "yes"),
    ("tcp_backlog", "1024"),
    ("binding_protocol", "auto-negotiate"),
    ("auth_enabled_sasl", "no"),
    ("auth_enabled_ascii", "no"),
    ("item_size_max", "1048576"),
    ("maxconns_fast", "yes"),
    ("hashpower_init", "0"),
    ("slab_reassign", "yes"),
    ("slab_automove", "1"),
    ("slab_automove_ratio", "0.80"),
    ("slab_automove_window", "30"),
    ("slab_chunk_max", "524288"),
    ("lru_crawler", "yes"),
    ("lru_crawler_sleep", "100"),
    ("lru_crawler_tocrawl", "0"),
    ("tail_repair_time", "0"),
    ("flush_enabled", "yes"),
    ("dump_enabled", "yes"),
    ("hash_algorithm", "murmur3"),
    ("lru_maintainer_thread", "yes"),
    ("lru_segmented", "yes"),
    ("hot_lru_pct", "20"),
    ("warm_lru_pct", "40"),
    ("hot_max_factor", "0.20"),
    ("warm_max_factor", "2.00"),
    ("temp_lru", "no"),
    ("temporary_ttl", "61"),
    ("idle_timeout", "0"),
    ("watcher_logbuf_size", "262144"),
    ("worker_logbuf_size", "65536"),
    ("read_buf_mem_limit", "0"),
    ("track_sizes", "no"),
    ("inline_ascii_response", "no"),
    ("ext_item_size", "512"),
    ("ext_item_age", "4294967295"),
    ("ext_low_ttl", "0"),
    ("ext_recache_rate", "2000"),
    ("ext_wbuf_size", "4194304"),
    ("ext_compact_under", "0"),
    ("ext_drop_under", "0"),
    ("ext_max_sleep", "1000000"),
    ("ext_max_frag", "0.80"),
    ("slab_automove_freeratio", "0.010"),
    ("ext_drop_unread", "no"),
    ("ssl_enabled", "no"),
    ("ssl_chain_cert", "(null)"),
    ("ssl_key", "(null)"),
    ("ssl_verify_mode", "0"),
    ("ssl_keyformat", "1"),
    ("ssl_ciphers", "NULL"),
    ("ssl_ca_cert", "NULL"),
    ("ssl_wbuf_size", "16384"),
    ("ssl_session_cache", "no"),
    ("ssl_kernel_tls", "no"),
    ("ssl_min_version", "tlsv1.2"),
    ("num_napi_ids", "(null)"),
    ("memory_file", "(null)"),
];
const OF_BUFFERS: [&str; 8] = [
    "response_obj_oom",
    "response_obj_count",
    "response_obj_bytes",
    "read_buf_count",
    "read_buf_bytes",
    "read_buf_bytes_free",
    "read_buf_oom",
    "reserved_fds",
];
const OF_SEGMENTS: [&str; 10] = [
    "crawler_items_checked",
    "lrutail_reflocked",
    "moves_to_cold",
    "moves_to_warm",
    "moves_within_lru",
    "direct_reclaims",
    "hits_to_hot",
    "hits_to_warm",
    "hits_to_cold",
    "hits_to_temp",
];
const OF_SLABS: [&str; 20] = [
    "hash_is_expanding",
    "slab_reassign_rescues",
    "slab_reassign_chunk_rescues",
    "slab_reassign_evictions_nomem",
    "slab_reassign_inline_reclaim",
    "slab_reassign_busy_items",
    "slab_reassign_busy_deletes",
    "slab_reassign_running",
    "slabs_moved",
    "lru_crawler_running",
    "lru_crawler_starts",
    "lru_maintainer_juggles",
    "malloc_fails",
    "log_worker_dropped",
    "log_worker_written",
    "log_watcher_skipped",
    "log_watcher_sent",
    "log_watchers",
    "unexpected_napi_ids",
    "round_robin_fallback",
];
