//! [`run`]: what is asked of the server as a whole.

use std::sync::atomic::Ordering;

use crate::request::Control;
use crate::server::Server;
use crate::statistics;
use crate::store::Flush;

/// Puts the answer into `out`.
pub(crate) async fn run(
    server: &'static Server,
    control: Control,
    input: &[u8],
    out: &mut Vec<u8>,
) {
    match control {
        Control::Version => {
            out.extend_from_slice(format!("VERSION {VERSION}\r\n").as_bytes());
        }
        Control::Stats(what) => statistics::write(server, what.of(input), out).await,
        Control::FlushAll { delay, is_quiet } => {
            flush_all(server, delay).await;
            say_ok(is_quiet, out);
        }
        Control::LimitMemory {
            megabytes,
            is_quiet,
        } => {
            server.limit_memory(megabytes as usize).await;
            say_ok(is_quiet, out);
        }
    }
}

fn say_ok(is_quiet: bool, out: &mut Vec<u8>) {
    if !is_quiet {
        out.extend_from_slice(b"OK\r\n");
    }
}

async fn flush_all(server: &'static Server, delay: i64) {
    server.flushes.fetch_add(1, Ordering::Relaxed); // a count for people
    let flush = Flush::new(delay, server.clock.now(), &server.ids);
    server.on_all_shards(move |shard| shard.flush(flush)).await;
}

/// Whose protocol is spoken here.
pub(crate) const VERSION: &str = "1.6.18";
