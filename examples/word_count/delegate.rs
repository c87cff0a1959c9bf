//! Counting by delegation: the shards are properties, and bundles of words are the requests.
//!
//! On a rack the shards are on all nodes, and node 0 reads: the input is its own.

use std::sync::Arc;

use blocking::unblock;
use futures::future::join_all;
use gossamer::Runtime;
use gossamer::rack::{self, Trust};

use super::bundle::{Bundle, Bundles};
use super::counts::{Counts, Summary};
use super::read::Reader;
use super::report::{Pass, Run};
use super::words::Splitter;

pub(crate) fn count(runtime: &Runtime, pass: Pass, top: usize) -> Run {
    let shards: Arc<[_]> = runtime.block_on(async {
        let mut shards = Vec::new();
        for trustee in rack::trustees() {
            for _ in 0..SHARDS_PER_TRUSTEE {
                shards.push(rack::entrust_on(trustee, |()| Counts::default(), ()).await);
            }
        }
        shards.into()
    });
    let workers = runtime.task_workers();
    let tasks = (0..workers * TASKS_PER_WORKER).map(|task| {
        let (reader, shards) = (pass.reader(), Arc::clone(&shards));
        runtime.spawn_on(task % workers, move || count_share(reader, shards))
    });
    let tasks: Vec<_> = tasks.collect();
    let summary = runtime.block_on(async {
        for task in tasks {
            task.await.expect("counting does not panic");
        }
        let mut summary = Summary::default();
        let summaries = shards
            .iter()
            .map(|shard| shard.apply_with(|shard, top| shard.summary(top), top));
        for of_shard in join_all(summaries).await {
            summary.merge(&of_shard, top);
        }
        summary
    });
    pass.finish(summary)
}

/// Counts what this task gets of the input.
async fn count_share(mut reader: Reader, shards: Arc<[Trust<Counts>]>) {
    let mut splitter = Splitter::default();
    let mut bundles = Bundles::new(shards.len());
    let mut chunk = Vec::new();
    loop {
        (reader, chunk) = unblock(move || {
            reader.fill(&mut chunk);
            (reader, chunk)
        })
        .await;
        if chunk.is_empty() {
            break;
        }
        splitter.split(&chunk, &mut |word| bundles.push(word));
        let full = bundles.take_full();
        bundles.recycle(send(&shards, full).await);
    }
    splitter.finish(&mut |word| bundles.push(word));
    send(&shards, bundles.take_all()).await;
}

/// Has bundles counted by their shards, all at once, and gets their memory back.
async fn send(shards: &[Trust<Counts>], bundles: Vec<(usize, Bundle)>) -> Vec<Bundle> {
    let requests = bundles.into_iter().map(|(shard, bundle)| {
        let add = |counts: &mut Counts, bundle: Bundle| {
            counts.add_all(bundle.words());
            bundle.emptied()
        };
        shards[shard].apply_with(add, bundle)
    });
    join_all(requests).await
}

/// Several, so that a map that grows keeps its trustee for a shorter time.
pub(crate) const SHARDS_PER_TRUSTEE: usize = 4;
/// Several, so that some read while others count.
const TASKS_PER_WORKER: usize = 4;
