//! The last trust goes while requests are on their way.
//!
//! A trust may be dropped by anybody: by a worker that issued nothing, by a plain thread, by the
//! closure that runs on the property itself. The word of it travels by another way than the
//! requests and may overtake them. Whatever was issued before must still find the property, which
//! then is dropped once, on its own thread, and never while a closure has it.

use std::sync::mpsc;

use futures::executor::block_on;
use gossamer::{Runtime, Trust};

use crate::common::{hold, runtime, some_turns};

/// Tells, when it is dropped, how many requests it has seen, and where it is.
struct Tally {
    seen: usize,
    is_entered: bool,
    ends: mpsc::Sender<(usize, Option<usize>)>,
}

impl Tally {
    fn new() -> (Self, mpsc::Receiver<(usize, Option<usize>)>) {
        let (ends, end) = mpsc::channel();
        (
            Self {
                seen: 0,
                is_entered: false,
                ends,
            },
            end,
        )
    }

    fn count(&mut self) {
        self.seen += 1;
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        assert!(!self.is_entered, "dropped under a closure");
        // The test may have ended by a panic of its own.
        let _ = self.ends.send((self.seen, gossamer::try_worker_id()));
    }
}

/// Worker 0 has issued `count` requests to the held worker 1; the last trust is then handed to
/// `finish`, and after it the trustee goes on.
fn overtaken(count: usize, finish: impl FnOnce(&Runtime, Trust<Tally>)) {
    let runtime = runtime(3);
    let (tally, end) = Tally::new();
    let trust = runtime.trustee(1).entrust(tally);
    let key = block_on(hold(runtime.trustee(1)));
    let issuer = trust.clone();
    runtime.block_on(async move {
        (0..count).for_each(|_| issuer.post(Tally::count));
        drop(issuer);
        some_turns().await;
    });
    finish(&runtime, trust);
    key.open();
    assert_eq!(end.recv().expect("it ends"), (count, Some(1)));
}

#[test]
fn by_another_worker_under_waiting_requests() {
    for count in [1, 100, 5000] {
        overtaken(count, |runtime, trust| {
            block_on(runtime.spawn_on(2, move || async move { drop(trust) })).unwrap();
        });
    }
}

#[test]
fn by_a_plain_thread_under_waiting_requests() {
    for count in [1, 5000] {
        overtaken(count, |_, trust| drop(trust));
    }
}

#[test]
fn by_a_plain_thread_that_has_posted_too() {
    let runtime = runtime(2);
    let (tally, end) = Tally::new();
    let trust = runtime.trustee(1).entrust(tally);
    let key = block_on(hold(runtime.trustee(1)));
    (0..1000).for_each(|_| trust.post(Tally::count));
    drop(trust);
    key.open();
    assert_eq!(end.recv().unwrap(), (1000, Some(1)));
}

#[test]
fn by_the_issuer_before_it_has_published() {
    let runtime = runtime(2);
    for worker in [0, 1] {
        let (tally, end) = Tally::new();
        let trust = runtime.trustee(worker).entrust(tally);
        runtime.block_on(async move {
            (0..3000).for_each(|_| trust.post(Tally::count));
            drop(trust); // in the same poll
        });
        assert_eq!(end.recv().unwrap(), (3000, Some(worker)));
    }
}

#[test]
fn on_the_first_request_of_a_link() {
    // The link itself is announced by the same way as the death.
    for _ in 0..20 {
        let runtime = runtime(2);
        let (tally, end) = Tally::new();
        let trust = runtime.trustee(1).entrust(tally);
        runtime.block_on(async move {
            trust.post(Tally::count);
            drop(trust);
        });
        assert_eq!(end.recv().unwrap(), (1, Some(1)));
    }
}

#[test]
fn inside_a_closure_on_its_own_property() {
    let runtime = runtime(2);
    for worker in [0, 1] {
        for from in [Some(0), Some(1), None] {
            let (tally, end) = Tally::new();
            let trust = runtime.trustee(worker).entrust(tally);
            let key = (from != Some(worker)).then(|| block_on(hold(runtime.trustee(worker))));
            let own = trust.clone();
            let post = move || {
                let (held, other) = (own.clone(), own);
                held.post(move |tally| {
                    tally.is_entered = true;
                    drop(other); // if all went well, the last
                    tally.count();
                    tally.is_entered = false;
                });
            };
            drop(trust);
            match from {
                Some(from) => {
                    block_on(runtime.spawn_on(from, move || async move { post() })).unwrap()
                }
                None => post(),
            }
            drop(key);
            assert_eq!(end.recv().unwrap(), (1, Some(worker)), "from {from:?}");
        }
    }
}

#[gossamer::test]
async fn inside_a_closure_that_takes_it_out_of_the_property() {
    struct Selfish(Option<Trust<Selfish>>, mpsc::Sender<&'static str>);
    impl Drop for Selfish {
        fn drop(&mut self) {
            self.1.send("dropped").unwrap();
        }
    }
    let (log, logged) = mpsc::channel();
    let trust = gossamer::local_trustee().entrust(Selfish(None, log));
    let own = trust.clone();
    trust.apply(move |s| s.0 = Some(own)).await;
    trust.post(|s| {
        drop(s.0.take()); // the last one, as the cycle was all that was left
        s.1.send("after").unwrap();
    });
    drop(trust);
    some_turns().await;
    some_turns().await;
    assert_eq!(logged.try_iter().collect::<Vec<_>>(), ["after", "dropped"]);
}

#[test]
fn racing_posts_of_several_workers() {
    let runtime = runtime(3);
    for round in 0..100 {
        let (tally, end) = Tally::new();
        let trust = runtime.trustee(round % 3).entrust(tally);
        let posts = [1, 61, 300][round % 3];
        let tasks = [0, 1, 2].map(|worker| {
            let trust = trust.clone();
            runtime.spawn_on(worker, move || async move {
                (0..posts).for_each(|_| trust.post(Tally::count));
                gossamer::yield_now().await;
                (0..posts).for_each(|_| trust.post(Tally::count));
                drop(trust);
            })
        });
        (0..posts).for_each(|_| trust.post(Tally::count));
        drop(trust);
        for task in tasks {
            block_on(task).unwrap();
        }
        assert_eq!(
            end.recv().unwrap(),
            (7 * posts, Some(round % 3)),
            "round {round}"
        );
    }
}

#[test]
fn a_stuck_worker_delays_no_other_property() {
    let runtime = runtime(3);
    let (waits, waits_end) = Tally::new();
    let trust = runtime.trustee(1).entrust(waits);
    // Worker 0 has issued a request and is stuck before it publishes it.
    let (issued, is_issued) = mpsc::channel();
    let (key, gate) = crate::common::gate();
    let stuck = runtime.spawn_on(0, move || async move {
        trust.post(Tally::count);
        drop(trust);
        issued.send(()).unwrap();
        gate.pass();
    });
    is_issued.recv().unwrap();
    // Others come and go meanwhile, as do their requests.
    let there = runtime.trustee(1).entrust(0);
    for _ in 0..100 {
        let there = there.clone();
        block_on(runtime.spawn_on(2, move || there.apply_owned(|n| *n += 1))).unwrap();
    }
    assert!(
        waits_end.try_recv().is_err(),
        "it waits for its last request"
    );
    key.open();
    assert_eq!(waits_end.recv().unwrap(), (1, Some(1)));
    block_on(stuck).unwrap();
}

#[test]
fn chain_of_properties_that_hold_each_other() {
    struct Link {
        _next: Option<Trust<Link>>,
        end: Option<mpsc::Sender<()>>,
    }
    impl Drop for Link {
        fn drop(&mut self) {
            if let Some(end) = &self.end {
                end.send(()).unwrap();
            }
        }
    }
    let runtime = runtime(2);
    let (end, ended) = mpsc::channel();
    let mut head = runtime.entrust(Link {
        _next: None,
        end: Some(end),
    });
    for n in 0..100_000 {
        head = runtime.trustee(n / 1000 % 2).entrust(Link {
            _next: Some(head),
            end: None,
        });
    }
    drop(head); // one death leads to the next, without recursion
    ended.recv().unwrap();
}
