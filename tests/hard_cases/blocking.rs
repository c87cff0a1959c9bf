//! Threads that wait for a runtime: `block_on`, with what it borrows.
//!
//! The future runs on worker 0 and may borrow from the waiting thread, so nothing of it may be
//! left when that thread goes on: not after a result, not after a panic, not of a future that was
//! never built. On a worker the wait would never end, so it is refused there with advice.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use futures::executor::block_on;
use gossamer::{Builder, Runtime};

use crate::common::{Drops, raise, runtime};

fn text_of(payload: Box<dyn std::any::Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).into(),
    }
}

#[test]
fn borrows_from_the_thread_that_waits() {
    let runtime = runtime(2);
    let (mut sum, names) = (0, vec![String::from("one"), String::from("three")]);
    let longest = runtime.block_on(async {
        for name in &names {
            let length = name.len();
            let trust = gossamer::trustee(1).entrust(length);
            sum += trust.apply(|length| *length).await;
        }
        names
            .iter()
            .max_by_key(|name| name.len())
            .map(String::as_str)
    });
    assert_eq!((longest, sum), (Some("three"), 8));
}

/// Touches what it borrows when it is dropped.
struct Touches<'a>(&'a Cell<u32>);

impl Drop for Touches<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A cell that may be looked at from worker 0 while this thread waits.
struct Lent(Cell<u32>);

// SAFETY: in these tests one thread has it at a time: the other waits in `block_on`.
unsafe impl Sync for Lent {}

impl Lent {
    fn touches(&self) -> Touches<'_> {
        Touches(&self.0)
    }
}

#[test]
fn nothing_is_left_of_a_future_that_has_ended() {
    let runtime = runtime(1);
    for round in 0..100 {
        let lent = Lent(Cell::new(0));
        let ended = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on_with(|| async {
                let _in_the_future = lent.touches();
                gossamer::yield_now().await;
                match round % 3 {
                    0 => {}
                    1 => raise("in the future"),
                    _ => panic!("with a text: {}", lent.0.get()),
                }
            })
        }));
        assert_eq!(lent.0.get(), 1, "dropped before this thread goes on");
        match (round % 3, ended) {
            (0, Ok(())) => {}
            (1, Err(payload)) => assert_eq!(text_of(payload), "in the future"),
            (2, Err(payload)) => assert_eq!(text_of(payload), "with a text: 0"),
            _ => panic!("round {round}"),
        }
    }
    assert_eq!(runtime.block_on(async { 7 }), 7);
}

#[test]
fn panic_while_the_future_is_built() {
    let runtime = runtime(1);
    let lent = Lent(Cell::new(0));
    let built = catch_unwind(AssertUnwindSafe(|| {
        let borrowed = &lent;
        runtime.block_on_with(move || -> std::future::Ready<()> {
            let _touches = borrowed.touches();
            raise("while it is built")
        })
    }));
    assert_eq!(text_of(built.unwrap_err()), "while it is built");
    assert_eq!(lent.0.get(), 1);
}

#[test]
fn panic_in_the_drop_of_the_future() {
    struct Bomb<'a>(#[expect(dead_code, reason = "dropped after it")] Touches<'a>);
    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            raise("in the drop")
        }
    }
    let runtime = runtime(1);
    let lent = Lent(Cell::new(0));
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on_with(|| {
            let bomb = Bomb(lent.touches());
            // A future that has it still when it is ready.
            std::future::poll_fn(move |_| {
                let Bomb(_) = &bomb;
                std::task::Poll::Ready(1)
            })
        })
    }));
    assert_eq!(text_of(ended.unwrap_err()), "in the drop");
    assert_eq!(lent.0.get(), 1);
    assert_eq!(runtime.block_on(async { 7 }), 7);
}

#[test]
fn future_that_is_not_send_runs_on_worker_0() {
    let runtime = runtime(2);
    let here = thread::current().id();
    let seen = runtime.block_on_with(|| async {
        let shared = Rc::new(Cell::new(0));
        let copy = Rc::clone(&shared);
        gossamer::spawn(async move { copy.set(7) }).await.unwrap();
        (shared.get(), gossamer::worker_id(), thread::current().id())
    });
    assert_eq!((seen.0, seen.1), (7, 0));
    assert_ne!(seen.2, here);
}

#[test]
fn several_threads_wait_at_once() {
    let runtime = runtime(2);
    let counter = runtime.trustee(1).entrust(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    runtime.block_on(counter.apply(|c| *c += 1));
                }
            });
        }
    });
    assert_eq!(block_on(counter.apply(|c| *c)), 400);
}

#[test]
fn on_a_worker_it_is_refused_with_advice() {
    let (one, other) = (
        std::sync::Arc::new(runtime(1)),
        std::sync::Arc::new(runtime(1)),
    );
    let text = "on a gossamer worker: block_on would wait for itself; await the future, or \
                `spawn` it";
    for inner in [&one, &other] {
        let waits: fn(&Runtime) = |runtime| runtime.block_on(async {});
        let waits_with: fn(&Runtime) = |runtime| runtime.block_on_with(|| async {});
        for wait in [waits, waits_with] {
            let inner = std::sync::Arc::clone(inner);
            let task = one.spawn_on(0, move || async move {
                let refused = catch_unwind(AssertUnwindSafe(|| wait(&inner)));
                // The runtime is not to be dropped here either.
                (text_of(refused.unwrap_err()), inner)
            });
            let (refusal, _inner) = block_on(task).unwrap();
            assert_eq!(refusal, text);
        }
    }
}

#[test]
fn dedicated_trustees_own_and_others_work() {
    let builder = Builder::new()
        .workers(3)
        .dedicated_trustees(2)
        .stall_after(None);
    let runtime = builder.build().unwrap();
    assert_eq!(runtime.trustees(), [runtime.trustee(1), runtime.trustee(2)]);
    let drops = Drops::default();
    let trusts: Vec<_> = (0..10)
        .map(|_| runtime.entrust((drops.witness(), 0)))
        .collect();
    let places: Vec<_> = trusts
        .iter()
        .map(|trust| trust.trustee().worker())
        .collect();
    assert_eq!(places, [1, 2].repeat(5), "in turn");
    runtime.block_on(async {
        assert_eq!((gossamer::trustees().len(), gossamer::workers()), (2, 3));
        for trust in &trusts {
            let worker = trust
                .apply(|(_, n)| (*n += 1, gossamer::worker_id()).1)
                .await;
            assert_eq!(worker, trust.trustee().worker());
        }
        let by_hand = gossamer::local_trustee().entrust(1);
        assert_eq!(
            by_hand.trustee().worker(),
            0,
            "asked for, a property goes anywhere"
        );
    });
    for dedicated in [1, 2] {
        let refused = catch_unwind(AssertUnwindSafe(|| {
            drop(runtime.spawn_on(dedicated, async || ()))
        }));
        let text = text_of(refused.unwrap_err());
        assert_eq!(
            text,
            format!(
                "spawn_on({dedicated}): tasks run on workers 0 to 0, 2 of 3 being dedicated \
                 trustees"
            )
        );
    }
    drop(trusts);
    drop(runtime);
    assert!(
        drops
            .seen()
            .iter()
            .all(|worker| matches!(worker, Some(1 | 2)))
    );
}

#[test]
fn worker_that_does_not_exist() {
    let runtime = runtime(2);
    let refused = catch_unwind(AssertUnwindSafe(|| drop(runtime.spawn_on(2, async || ()))));
    assert!(text_of(refused.unwrap_err()).starts_with("spawn_on(2): tasks run on workers 0 to 1"));
    let refused = catch_unwind(AssertUnwindSafe(|| runtime.trustee(2)));
    assert_eq!(
        text_of(refused.unwrap_err()),
        "trustee(2): there are 2 workers"
    );
}
