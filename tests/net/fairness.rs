//! Delegation and sockets on the same worker: neither delays the other beyond a bound, counted in
//! turns.

use std::cell::Cell;
use std::rc::Rc;

use futures::future::join_all;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use gossamer::net::UnixStream;

use crate::run;

/// An event waits for the next look, which comes every 16 turns; one more wakes, and one runs.
const TURNS: usize = 16 + 2;

/// Runs `future` on worker 0 while 64 tasks of each of two workers delegate to the other and, in
/// place, to their own, without end.
fn run_among_delegations<F: Future<Output = ()> + 'static>(future: impl FnOnce() -> F + Send) {
    run(2, || async {
        let tallies: Vec<_> = (0..2)
            .map(|worker| gossamer::trustee(worker).entrust(0_u64))
            .collect();
        let delegate = |n: usize| {
            let tallies = tallies.clone();
            gossamer::spawn_on(n % 2, async move || {
                loop {
                    for tally in &tallies {
                        tally.apply(|tally| *tally += 1).await;
                    }
                }
            })
        };
        let delegating: Vec<_> = (0..128).map(delegate).collect();
        future().await;
        for tally in &tallies {
            assert_ne!(tally.apply(|tally| *tally).await, 0);
        }
        delegating.iter().for_each(|task| task.abort());
        join_all(delegating).await;
    });
}

#[test]
fn delegation_delays_an_event_by_a_bound() {
    run_among_delegations(async || {
        let (mut ours, mut theirs) = UnixStream::pair().expect("a pair");
        for _ in 0..100 {
            let waiting = gossamer::spawn(async move {
                ours.read_exact(&mut [0]).await.expect("open");
                ours
            });
            gossamer::yield_now().await;
            theirs.write_all(b"x").await.expect("open");
            let mut yields = 0; // a turn each, or more
            while !waiting.is_finished() {
                gossamer::yield_now().await;
                yields += 1;
            }
            assert!(yields <= TURNS, "{yields} turns");
            ours = waiting.await.expect("no panic");
        }
    });
}

#[test]
fn sockets_that_are_always_ready_keep_no_request_waiting() {
    run(2, || async {
        let is_over = Rc::new(Cell::new(false));
        let busy = (0..8).map(|_| {
            let is_over = Rc::clone(&is_over);
            gossamer::spawn(async move {
                let (mut ours, mut theirs) = UnixStream::pair().expect("a pair");
                while !is_over.get() {
                    theirs.write_all(b"x").await.expect("open");
                    ours.read_exact(&mut [0]).await.expect("open");
                }
            })
        });
        let busy: Vec<_> = busy.collect();
        let tally = gossamer::trustee(0).entrust(0);
        let asked = gossamer::spawn_on(1, async move || {
            for _ in 0..1_000 {
                tally.apply(|tally| *tally += 1).await;
            }
            tally.apply(|tally| *tally).await
        });
        assert_eq!(asked.await.expect("no panic"), 1_000);
        is_over.set(true);
        join_all(busy).await;
    });
}
