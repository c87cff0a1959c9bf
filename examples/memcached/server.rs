//! [`Server`]: what all connections share.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gossamer::Trust;

use crate::options::{Backend, Options};
use crate::plain::Plain;
use crate::request::{Piece, Request};
use crate::store::{self, Cas, Now, Settings, Shard};
use crate::totals::Totals;

/// What all connections share, for as long as the process lives.
pub(crate) struct Server {
    pub(crate) options: Options,
    pub(crate) table: Table,
    pub(crate) clock: Clock,
    /// The cas id that was taken last.
    pub(crate) ids: AtomicU64,
    /// How many connections there are.
    pub(crate) open: AtomicUsize,
    /// What `-m` said, or `cache_memlimit` after it.
    pub(crate) megabytes: AtomicUsize,
    /// How often `flush_all` came.
    pub(crate) flushes: AtomicU64,
    /// By worker.
    totals: Box<[Totals]>,
}

/// The table, in one of the ways that are compared.
pub(crate) enum Table {
    /// Shard by shard on the workers.
    Delegated(Box<[Trust<Shard>]>),
    /// Shards that every worker locks.
    Mutex(Box<[Mutex<Shard>]>),
    Plain(Plain),
}

impl Server {
    /// Must run on a worker.
    pub(crate) fn new(options: Options) -> Self {
        let workers = gossamer::task_workers();
        let megabytes = AtomicUsize::new(options.megabytes);
        let shards = match options.backend {
            Backend::Delegated => workers.min(shards_max(&options)),
            Backend::Mutex | Backend::Dashmap => LOCKED_SHARDS,
        };
        let settings = Settings {
            bytes_max: (options.megabytes << 20) / shards,
            item_max: options.item_max,
        };
        let shard = |_| Shard::new(settings);
        let table = match options.backend {
            Backend::Delegated => {
                let trust = |worker| gossamer::trustee(worker).entrust(shard(worker));
                Table::Delegated((0..shards).map(trust).collect())
            }
            Backend::Mutex => Table::Mutex((0..shards).map(shard).map(Mutex::new).collect()),
            Backend::Dashmap => Table::Plain(Plain::default()),
        };
        Self {
            options,
            table,
            clock: Clock::start(),
            ids: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            megabytes,
            flushes: AtomicU64::new(0),
            totals: (0..workers).map(|_| Totals::default()).collect(),
        }
    }

    /// What all shards may hold together, in bytes.
    pub(crate) fn bytes_max(&self) -> usize {
        // Relaxed: each shard is told by itself.
        self.megabytes.load(Ordering::Relaxed) << 20
    }

    /// Changes it.
    pub(crate) async fn limit_memory(&self, megabytes: usize) {
        self.megabytes.store(megabytes, Ordering::Relaxed);
        let bytes_max = self.bytes_max() / self.shards();
        self.on_all_shards(move |shard| shard.set_bytes_max(bytes_max))
            .await;
    }

    fn shards(&self) -> usize {
        match &self.table {
            Table::Delegated(shards) => shards.len(),
            Table::Mutex(shards) => shards.len(),
            Table::Plain(_) => 1,
        }
    }

    /// The shard that is asked, if there is one, no other, and nothing else either.
    pub(crate) fn only_shard(&self, pieces: &[Piece], input: &[u8]) -> Option<usize> {
        let Table::Delegated(shards) = &self.table else {
            return None;
        };
        let mut only = None;
        for piece in pieces {
            match piece {
                Piece::Say(_) => {}
                Piece::Request(request) => {
                    let hash = store::hash(request.key.of(input));
                    let shard = store::shard(hash, shards.len());
                    if only.is_some_and(|other| other != shard) {
                        return None;
                    }
                    only = Some(shard);
                }
                Piece::Control(_) | Piece::Close => return None,
            }
        }
        only
    }

    /// Takes the next cas id.
    pub(crate) fn next_id(&self) -> u64 {
        // Relaxed: a number that differs from all others, and grows from one connection's view.
        self.ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Runs a request in place, where the table is locked.
    pub(crate) fn execute(&self, request: &Request, input: &[u8], out: &mut Vec<u8>) {
        match &self.table {
            Table::Delegated(_) => unreachable!("it is asked by delegation"),
            Table::Mutex(shards) => {
                let hash = store::hash(request.key.of(input));
                let shard = &shards[store::shard(hash, shards.len())];
                let mut shard = shard.lock().expect("no request panics");
                let ids = Cas::From(&self.ids);
                shard.execute(request, hash, input, self.clock.now(), ids, out);
            }
            Table::Plain(table) => table.execute(request, input, &self.ids, out),
        }
    }

    /// Those of the calling worker.
    pub(crate) fn totals(&self) -> &Totals {
        &self.totals[gossamer::worker_id()]
    }

    pub(crate) fn all_totals(&self) -> &[Totals] {
        &self.totals
    }

    /// Runs something on every shard, and gathers what it gives.
    pub(crate) async fn on_all_shards<R: Send + 'static>(
        &self,
        f: impl Fn(&mut Shard) -> R + Clone + Send + 'static,
    ) -> Vec<R> {
        match &self.table {
            Table::Delegated(shards) => {
                let on_shard = |shard: &Trust<Shard>| {
                    let f = f.clone();
                    shard.clone().apply_owned(move |shard| f(shard))
                };
                futures::future::join_all(shards.iter().map(on_shard)).await
            }
            Table::Mutex(shards) => {
                let lock = |shard: &Mutex<Shard>| f(&mut shard.lock().expect("no request panics"));
                shards.iter().map(lock).collect()
            }
            Table::Plain(_) => Vec::new(),
        }
    }
}

/// Seconds, as memcached counts them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    started_unix: i64,
}

impl Clock {
    fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            start: Instant::now(),
            started_unix: unix.map_or(0, |since| since.as_secs() as i64),
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            seconds: self.start.elapsed().as_secs() as u32 + Now::SECONDS_FIRST,
            started: self.started_unix - i64::from(Now::SECONDS_FIRST),
        }
    }
}

/// So many parts of the memory that each has room for two of the largest items.
fn shards_max(options: &Options) -> usize {
    ((options.megabytes << 20) / (2 * options.item_max)).max(1)
}

/// As the thesis has it: many more than threads.
const LOCKED_SHARDS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn each_shard_has_room_for_two_of_the_largest_items() {
        let shards = |options: &[&str]| {
            let options = ["memcached"].iter().chain(options);
            shards_max(&Options::try_parse_from(options).expect("they are well-formed"))
        };
        assert_eq!(shards(&[]), 32);
        assert_eq!(shards(&["-m", "1024"]), 512);
        assert_eq!(shards(&["-m", "1"]), 1);
        assert_eq!(shards(&["-I", "40m"]), 1);
    }
}
