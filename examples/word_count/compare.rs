//! The same count without delegation: what it is compared with.

use std::sync::{Mutex, PoisonError};
use std::thread;

use dashmap::DashMap;
use gossamer::Runtime;

use super::bundle::Bundles;
use super::counts::{Counts, Summary};
use super::delegate;
use super::report::{Input, Pass, Run};
use super::words::Splitter;

/// Counts the input in each way, delegation last.
pub(crate) fn runs(runtime: &Runtime, input: &Input, top: usize) -> Vec<Run> {
    // Nobody is charged for bringing the files into memory.
    let pass = input.pass("reading");
    for_each_chunk(&pass, |_| ());
    pass.finish(Summary::default());
    let threads = runtime.workers();
    vec![
        one_thread(input.pass("one thread"), top),
        sharded_mutex(input.pass("sharded Mutex"), threads, top),
        dash_map(input.pass("DashMap"), threads, top),
        delegate::count(runtime, input.pass("delegation"), top),
    ]
}

/// The names of the runs that did not find what the first one found.
pub(crate) fn disagreeing(runs: &[Run]) -> Vec<&'static str> {
    let wrong = runs.iter().filter(|run| run.summary != runs[0].summary);
    wrong.map(|run| run.name).collect()
}

fn one_thread(pass: Pass, top: usize) -> Run {
    let mut counts = Counts::default();
    for_each_word(&pass, |word| counts.add(word));
    let summary = counts.summary(top);
    pass.finish(summary)
}

/// With the bundles of the delegated count: a lock is taken for some hundred words.
fn sharded_mutex(pass: Pass, threads: usize, top: usize) -> Run {
    let shards: Vec<Mutex<Counts>> = (0..threads * SHARDS_PER_THREAD)
        .map(|_| Mutex::default())
        .collect();
    let lock = |shard: usize| shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
    on_threads(threads, || {
        let mut splitter = Splitter::default();
        let mut bundles = Bundles::new(shards.len());
        for_each_chunk(&pass, |chunk| {
            splitter.split(chunk, &mut |word| bundles.push(word));
            for (shard, bundle) in bundles.take_full() {
                lock(shard).add_all(bundle.words());
                bundles.recycle([bundle.emptied()]);
            }
        });
        splitter.finish(&mut |word| bundles.push(word));
        for (shard, bundle) in bundles.take_all() {
            lock(shard).add_all(bundle.words());
        }
    });
    let mut summary = Summary::default();
    for shard in 0..shards.len() {
        summary.merge(&lock(shard).summary(top), top);
    }
    pass.finish(summary)
}

/// Word by word, as this map has no bundles.
fn dash_map(pass: Pass, threads: usize, top: usize) -> Run {
    let counts = DashMap::<Box<str>, u64>::new();
    on_threads(threads, || {
        for_each_word(&pass, |word| match counts.get_mut(word) {
            Some(mut count) => *count += 1,
            None => *counts.entry(word.into()).or_default() += 1,
        });
    });
    let mut summary = Summary::default();
    for entry in &counts {
        summary.add(entry.key(), *entry.value(), top);
    }
    pass.finish(summary)
}

fn for_each_word(pass: &Pass, mut emit: impl FnMut(&str)) {
    let mut splitter = Splitter::default();
    for_each_chunk(pass, |chunk| splitter.split(chunk, &mut emit));
    splitter.finish(&mut emit);
}

fn for_each_chunk(pass: &Pass, mut f: impl FnMut(&[u8])) {
    let mut reader = pass.reader();
    let mut chunk = Vec::new();
    loop {
        reader.fill(&mut chunk);
        if chunk.is_empty() {
            break;
        }
        f(&chunk);
    }
}

fn on_threads(threads: usize, f: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(&f);
        }
    });
}

/// As many shards as the delegated count has.
const SHARDS_PER_THREAD: usize = delegate::SHARDS_PER_TRUSTEE;
