//! What delegation allocates: in a steady state nothing, and over time no more than it frees.
//!
//! The allocator of this test counts what the workers of one runtime allocate, and how many bytes
//! of theirs are alive. A worker counts from the moment a test enlists it, so that neither the
//! harness nor other tests disturb the figure. Each pattern of requests first runs a few times,
//! which fills the pools that requests live in; after that it must run out of them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::array;
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use gossamer::{Builder, Runtime, Trust};

/// What the workers of one test did.
#[derive(Default)]
struct Tally {
    allocations: AtomicU64,
    live_bytes: AtomicI64,
}

impl Tally {
    fn allocations(&self) -> u64 {
        self.allocations.load(Ordering::Relaxed)
    }

    fn live_bytes(&self) -> i64 {
        self.live_bytes.load(Ordering::Relaxed)
    }
}

thread_local! {
    static TALLY: Cell<Option<&'static Tally>> = const { Cell::new(None) };
}

struct Counting;

// SAFETY: as `System`, which does all of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(tally) = TALLY.get() {
            tally.allocations.fetch_add(1, Ordering::Relaxed);
            tally
                .live_bytes
                .fetch_add(layout.size() as i64, Ordering::Relaxed);
        }
        // SAFETY: the contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        if let Some(tally) = TALLY.get() {
            tally
                .live_bytes
                .fetch_sub(layout.size() as i64, Ordering::Relaxed);
        }
        // SAFETY: the contract is the same.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A runtime of two workers that count.
fn counted_runtime() -> (Runtime, &'static Tally) {
    let tally: &'static Tally = Box::leak(Box::default());
    let builder = Builder::new().workers(2).stall_after(None);
    let runtime = builder.build().expect("a runtime starts");
    for worker in [0, 1] {
        let enlist = runtime.spawn_on(worker, move || async move { TALLY.set(Some(tally)) });
        block_on(enlist).expect("no panic");
    }
    (runtime, tally)
}

/// Requests that are under way at once.
const DEPTH: usize = 32;

/// Polls all of them together until each is done.
async fn all<F: Future + Unpin, const N: usize>(mut requests: [F; N]) {
    let mut is_done = [false; N];
    poll_fn(|cx| {
        for (request, is_done) in requests.iter_mut().zip(&mut is_done) {
            *is_done = *is_done || Pin::new(request).poll(cx).is_ready();
        }
        if is_done.iter().all(|is_done| *is_done) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Every kind of request, with captures and results of so many bytes.
async fn pattern<const THERE: usize, const BACK: usize>(trust: &Trust<u64>) {
    let there = [7_u8; THERE];
    let closure = move |n: &mut u64| {
        *n += there.len() as u64;
        [9_u8; BACK]
    };
    assert_eq!(trust.apply(closure).await, [9; BACK]);
    trust.try_apply(closure).await.expect("no panic");
    all(array::from_fn::<_, DEPTH, _>(|_| trust.apply(closure))).await;
    for _ in 0..DEPTH {
        trust.post(move |n| *n += there.len() as u64);
        trust.apply_then(closure, |back| assert_eq!(back, [9; BACK]));
    }
    // Dropped when they are under way, and with the results waiting.
    drop(array::from_fn::<_, DEPTH, _>(|_| {
        let mut request = trust.apply(closure);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(
            Pin::new(&mut request).poll(&mut cx).is_pending(),
            "behind the posts"
        );
        request
    }));
    trust.apply(|_| ()).await;
}

/// Runs the pattern until it is warm, and then counts.
async fn allocates_nothing<const THERE: usize, const BACK: usize>(
    tally: &'static Tally,
    trust: &Trust<u64>,
) {
    for _ in 0..20 {
        pattern::<THERE, BACK>(trust).await;
    }
    let before = (tally.allocations(), tally.live_bytes());
    for _ in 0..20 {
        pattern::<THERE, BACK>(trust).await;
    }
    let allocations = tally.allocations() - before.0;
    assert_eq!(allocations, 0, "{THERE} bytes there, {BACK} back");
    // Less, if a message that another thread allocated was still to be freed.
    assert!(tally.live_bytes() <= before.1);
}

async fn every_size(tally: &'static Tally, trust: Trust<u64>) {
    allocates_nothing::<0, 0>(tally, &trust).await;
    allocates_nothing::<8, 8>(tally, &trust).await;
    allocates_nothing::<24, 24>(tally, &trust).await;
    allocates_nothing::<25, 25>(tally, &trust).await;
    allocates_nothing::<200, 0>(tally, &trust).await;
    allocates_nothing::<0, 200>(tally, &trust).await;
    allocates_nothing::<960, 0>(tally, &trust).await;
    allocates_nothing::<960, 8>(tally, &trust).await;
    allocates_nothing::<0, 1024>(tally, &trust).await;
    allocates_nothing::<952, 1024>(tally, &trust).await;
}

#[test]
fn requests_to_another_worker() {
    let (runtime, tally) = counted_runtime();
    let trust = runtime.trustee(1).entrust(0);
    block_on(runtime.spawn_on(0, move || every_size(tally, trust))).expect("no panic");
}

#[test]
fn requests_to_the_own_worker() {
    let (runtime, tally) = counted_runtime();
    let trust = runtime.trustee(0).entrust(0);
    block_on(runtime.spawn_on(0, move || every_size(tally, trust))).expect("no panic");
}

#[test]
fn requests_both_ways_at_once() {
    let (runtime, tally) = counted_runtime();
    let trusts = [0, 1].map(|worker| runtime.trustee(worker).entrust(0));
    let trips = |rounds: usize| {
        let tasks = [0, 1].map(|worker| {
            let trust = trusts[1 - worker].clone();
            runtime.spawn_on(worker, move || async move {
                for _ in 0..rounds {
                    all(array::from_fn::<_, DEPTH, _>(|_| trust.apply(|n| *n += 1))).await;
                }
                tally.allocations()
            })
        });
        tasks.map(|task| block_on(task).expect("no panic"))
    };
    trips(100);
    let before = tally.allocations();
    let after = trips(300);
    // What is left is the tasks themselves, and their messages.
    assert!(
        after.into_iter().max() < Some(before + 100),
        "{before} before, {after:?} after"
    );
}

#[test]
fn the_counter_counts() {
    let (runtime, tally) = counted_runtime();
    let trust = runtime.trustee(1).entrust(0_u64);
    let boxed = runtime.spawn_on(0, move || async move {
        let before = tally.allocations();
        for _ in 0..100 {
            let large = [0_u8; 2000];
            trust.apply(move |n| *n += large.len() as u64).await;
        }
        tally.allocations() - before
    });
    assert!(
        block_on(boxed).expect("no panic") >= 100,
        "what is too large is boxed"
    );
}

/// Resident pages of this process.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("on Linux");
    let pages = statm.split(' ').nth(1).expect("the second figure");
    pages.parse::<u64>().expect("a number") * 4096
}

#[test]
fn a_million_properties_leave_nothing() {
    let (runtime, tally) = counted_runtime();
    let trustees = [runtime.trustee(0), runtime.trustee(1)];
    let make = move |count: usize| async move {
        for n in 0..count {
            let trust = trustees[n % 2].entrust([n; 8]);
            let weak = trust.downgrade();
            if n % 100 == 0 {
                assert_eq!(trust.apply(|own| own[0]).await, n);
            }
            drop(trust);
            assert!(weak.upgrade().is_none());
            if n % 1000 == 999 {
                for trustee in trustees {
                    trustee.entrust_with(|| ()).await; // behind the deaths, at least a round trip
                }
            }
        }
    };
    let settled = || {
        while runtime.metrics().iter().any(|worker| worker.properties > 0) {
            std::thread::yield_now();
        }
        (resident_bytes(), tally.live_bytes())
    };
    block_on(runtime.spawn_on(0, move || make(20_000))).expect("no panic");
    let before = settled();
    block_on(runtime.spawn_on(0, move || make(1_000_000))).expect("no panic");
    let after = settled();
    // A single leak of each property's header would be more than a hundred million bytes.
    let (grown, alive) = (after.0.saturating_sub(before.0), after.1 - before.1);
    assert!(alive < 2_000_000, "{alive} more bytes are alive");
    assert!(grown < 64_000_000, "{grown} more bytes are resident");
}

#[test]
fn requests_without_end_grow_nothing() {
    let (runtime, tally) = counted_runtime();
    let trusts = [0, 1].map(|worker| runtime.trustee(worker).entrust(0_u64));
    let rounds = move |count: u64| {
        let trusts = trusts.clone();
        async move {
            for n in 0..count {
                for trust in &trusts {
                    let large = [n; 300]; // boxed, and freed where it was run
                    trust.post(move |own| *own += large[7]);
                    trust.trustee().ready().await;
                    assert_eq!(trust.apply(move |own| (*own, large)).await.1[7], n);
                }
            }
        }
    };
    let first = rounds.clone();
    block_on(runtime.spawn_on(0, move || first(500))).expect("no panic");
    let before = tally.live_bytes();
    block_on(runtime.spawn_on(0, move || rounds(3000))).expect("no panic");
    let alive = tally.live_bytes() - before;
    assert!(alive < 200_000, "{alive} more bytes are alive");
}
