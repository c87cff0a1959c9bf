//! A runtime that is dropped in the middle of things.
//!
//! Shutdown always ends: what was issued is served, what is issued meanwhile comes back unrun,
//! whoever waits is told, and tasks and properties are dropped once, on their own workers, while
//! all of these still live. The hard part is foreign code that makes more work as it is dropped.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use futures::FutureExt;
use futures::executor::block_on;
use gossamer::{ApplyError, Trust};

use crate::common::{Drops, Witness, gate, hold, poll_now, raise, runtime};

#[test]
fn with_requests_of_all_kinds_in_flight() {
    for round in 0..12 {
        let runtime = runtime(3);
        let (sentinel, laps) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
        let trusts: Arc<[_]> = (0..3).map(|n| runtime.trustee(n).entrust(0_u64)).collect();
        for worker in [0, 1, 2] {
            let (trusts, sentinel) = (Arc::clone(&trusts), Arc::clone(&sentinel));
            let lap = Arc::clone(&laps);
            drop(runtime.spawn_on(worker, move || async move {
                let large = [0_u8; 1000];
                loop {
                    for trust in &*trusts {
                        let held = [(); 4].map(|()| Arc::clone(&sentinel));
                        let [first, second, third, fourth] = held;
                        trust.post(move |n| *n += Arc::strong_count(&first) as u64);
                        trust.apply_then(
                            move |n| (*n += u64::from(large[7]), second).1,
                            move |held| drop((held, third)),
                        );
                        let mut apply = trust.apply(move |_| fourth);
                        let _ = poll_now(&mut apply);
                        if round % 2 == 0 {
                            drop(apply.await);
                        }
                    }
                    lap.fetch_add(1, Ordering::Relaxed);
                    gossamer::yield_now().await;
                }
            }));
        }
        while laps.load(Ordering::Relaxed) < round * round {
            thread::yield_now();
        }
        drop(runtime);
        assert_eq!(
            Arc::strong_count(&sentinel),
            1,
            "nothing is lost, in round {round}"
        );
    }
}

/// Notices whether it is used after its drop, and tells what it has seen before.
struct Mortal {
    is_alive: bool,
    seen: usize,
    end: mpsc::Sender<usize>,
}

impl Mortal {
    fn new() -> (Self, mpsc::Receiver<usize>) {
        let (end, ends) = mpsc::channel();
        (
            Self {
                is_alive: true,
                seen: 0,
                end,
            },
            ends,
        )
    }

    fn count(&mut self) {
        if !self.is_alive {
            std::process::abort(); // what it would panic with might be taken for its own
        }
        self.seen += 1;
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        // Hidden from the optimizer, which may take a store into a dying value for useless.
        *std::hint::black_box(&mut self.is_alive) = false;
        let _ = self.end.send(self.seen);
    }
}

#[test]
fn with_a_full_backlog_all_of_it_is_served_first() {
    // From each worker to each: one has nothing to send any more, while the other goes on.
    for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for is_kept in [false, true] {
            let runtime = runtime(2);
            let (mortal, end) = Mortal::new();
            let trust = runtime.trustee(to).entrust(mortal);
            let kept = is_kept.then(|| trust.clone());
            let posting = runtime.spawn_on(from, move || async move {
                (0..20_000).for_each(|_| trust.post(Mortal::count));
            });
            block_on(posting).unwrap();
            drop(runtime); // at once
            assert_eq!(
                end.recv().unwrap(),
                20_000,
                "from {from} to {to}, kept: {is_kept}"
            );
            drop(kept);
        }
    }
}

#[test]
fn with_continuations_and_tasks_that_never_end() {
    fn again(trust: Trust<u64>) {
        let next = trust.clone();
        trust.apply_then(|n| *n += 1, move |()| again(next));
    }
    fn breed() {
        drop(gossamer::spawn(async {
            gossamer::yield_now().await;
            breed();
        }));
    }
    let runtime = runtime(2);
    for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let trust = runtime.trustee(to).entrust(0);
        block_on(runtime.spawn_on(from, move || async move { again(trust) })).unwrap();
    }
    block_on(runtime.spawn_on(0, async || breed())).unwrap();
    drop(runtime);
}

/// Posts when it is dropped.
struct LastWill(Trust<u64>, Arc<AtomicUsize>);

impl Drop for LastWill {
    fn drop(&mut self) {
        let ran = Arc::clone(&self.1);
        self.0
            .post(move |_| _ = ran.fetch_add(1, Ordering::Relaxed));
    }
}

#[test]
fn posts_from_drops_of_tasks_are_served() {
    let runtime = runtime(2);
    let ran = Arc::new(AtomicUsize::new(0));
    for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (trust, ran) = (runtime.trustee(to).entrust(0), Arc::clone(&ran));
        let (ready, is_ready) = mpsc::channel();
        drop(runtime.spawn_on(from, move || async move {
            let _will = LastWill(trust, ran);
            ready.send(()).unwrap();
            std::future::pending::<()>().await;
        }));
        is_ready.recv().unwrap();
    }
    drop(runtime);
    assert_eq!(
        ran.load(Ordering::Relaxed),
        4,
        "they were issued before their workers closed"
    );
}

#[test]
fn posts_from_drops_of_properties_come_back_unrun() {
    let runtime = runtime(2);
    let ran = Arc::new(AtomicUsize::new(0));
    let trusts = [0, 1].map(|worker| runtime.trustee(worker).entrust(0));
    let wills = [0, 1, 2, 3].map(|n| {
        let will = LastWill(trusts[n / 2].clone(), Arc::clone(&ran));
        runtime.trustee(n % 2).entrust(will)
    });
    drop(runtime);
    drop((wills, trusts));
    assert_eq!(
        (ran.load(Ordering::Relaxed), Arc::strong_count(&ran)),
        (0, 1)
    );
}

#[test]
fn with_foreign_callers_waiting() {
    for _ in 0..20 {
        let runtime = runtime(2);
        let (mortal, end) = Mortal::new();
        let trust = runtime.trustee(1).entrust(mortal);
        let key = block_on(hold(runtime.trustee(1)));
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let trust = trust.clone();
                thread::spawn(move || {
                    let mut served = 0;
                    loop {
                        match block_on(trust.try_apply(Mortal::count)) {
                            Ok(()) => served += 1,
                            Err(error) => return (served, error),
                        }
                    }
                })
            })
            .collect();
        let ending = thread::spawn(move || drop(runtime));
        key.open();
        ending.join().unwrap();
        let mut served = 0;
        for caller in callers {
            let (count, error) = caller.join().unwrap();
            assert!(matches!(error, ApplyError::Closed));
            served += count;
        }
        assert_eq!(
            end.recv().unwrap(),
            served,
            "what ran, and nothing else, was answered"
        );
    }
}

#[test]
fn properties_that_hold_each_other_go_on_their_own_threads() {
    struct Member {
        _others: Vec<Trust<Member>>,
        _witness: Witness,
    }
    let runtime = runtime(3);
    let drops = [Drops::default(), Drops::default(), Drops::default()];
    let member = |worker: usize, others| {
        let witness = drops[worker].witness();
        runtime.trustee(worker).entrust(Member {
            _others: others,
            _witness: witness,
        })
    };
    for round in 0..30 {
        let (here, there) = (round % 3, (round + 1) % 3);
        // A chain over the workers, of which nobody holds more than the head,
        let tail = member(there, Vec::new());
        let head = member(here, vec![tail.clone(), tail]);
        // a cycle that nothing but the runtime's end can free,
        let one = member(here, Vec::new());
        let other = member(there, vec![one.clone()]);
        one.post(move |one| one._others.push(other));
        // and one that is held from outside for longer than the runtime.
        std::mem::forget(member(here, vec![head]));
    }
    drop(runtime);
    for (worker, drops) in drops.iter().enumerate() {
        assert_eq!(drops.seen(), vec![Some(worker); 50]);
    }
}

#[test]
fn drop_of_a_property_uses_everything() {
    struct Meddler(
        Trust<u64>,
        mpsc::Sender<bool>,
        #[expect(dead_code, reason = "dropped with it")] Witness,
    );
    impl Drop for Meddler {
        fn drop(&mut self) {
            let polled = poll_now(&mut self.0.try_apply(|_| ()));
            let is_closed = matches!(polled, std::task::Poll::Ready(Err(ApplyError::Closed)));
            self.0.apply_then(|_| (), |()| ());
            drop(gossamer::entrust(Drops::default().witness()));
            drop(gossamer::trustee(1).entrust(1).into_inner().now_or_never());
            drop(gossamer::local_trustee().entrust_latched(1));
            drop(gossamer::spawn(async {}));
            drop(gossamer::spawn_on(0, async || ()));
            let entrusting = gossamer::trustee(0).entrust_with(|| 1);
            let refused = AssertUnwindSafe(entrusting).catch_unwind().now_or_never();
            let is_refused = refused.is_some_and(|refused| refused.is_err());
            self.1.send(is_closed && is_refused).unwrap();
        }
    }
    let runtime = runtime(2);
    let (sender, receiver) = mpsc::channel();
    let drops = Drops::default();
    let _kept = [0, 1, 2, 3].map(|n| {
        let trust = runtime.trustee(n / 2).entrust(0);
        runtime
            .trustee(n % 2)
            .entrust(Meddler(trust, sender.clone(), drops.witness()))
    });
    drop((runtime, sender));
    assert_eq!(drops.count(), 4);
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [true; 4]);
}

#[test]
fn trusts_and_trustees_of_a_runtime_that_has_gone() {
    let runtime = runtime(2);
    let (trust, trustee) = (runtime.trustee(1).entrust(1), runtime.trustee(1));
    let latched = trustee.entrust_latched(1);
    drop(runtime);
    let drops = Drops::default();
    let witness = drops.witness();
    trust.post(move |_| drop(witness));
    assert_eq!(drops.count(), 1);
    let witness = drops.witness();
    let refused = block_on(trust.try_apply(move |_| drop(witness)));
    assert!(matches!(refused, Err(ApplyError::Closed)));
    assert_eq!(drops.count(), 2);
    assert!(matches!(
        block_on(latched.try_apply(|_| ())),
        Err(ApplyError::Closed)
    ));
    block_on(trustee.ready());

    let panics = |f: Box<dyn FnOnce() + '_>| {
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).unwrap_err();
        payload
            .downcast::<String>()
            .map_or_else(|_| String::new(), |text| *text)
    };
    let text = "the runtime of this trust has shut down; `try_apply` returns this as a value";
    assert_eq!(panics(Box::new(|| _ = block_on(trust.apply(|n| *n)))), text);
    assert_eq!(
        panics(Box::new(|| _ = block_on(trustee.entrust_with(|| 1)))),
        text
    );
    assert_eq!(
        panics(Box::new(|| block_on(latched.launch(async |_: &mut _| ())))),
        text
    );
    assert!(panics(Box::new(|| trust.apply_then(|_| (), |()| ()))).contains("not on a worker"));

    drop((trust, latched));
    for _ in 0..2 {
        // Of the runtime nothing at all is left now.
        let late = trustee.entrust(drops.witness());
        assert!(matches!(
            block_on(late.try_apply(|_| ())),
            Err(ApplyError::Closed)
        ));
        late.post(|_| raise("never runs"));
        let weak = late.downgrade();
        assert!(block_on(late.into_inner()).is_err());
        assert!(weak.upgrade().is_none());
        block_on(trustee.ready());
    }
    assert_eq!(drops.count(), 4, "it is dropped at once");
}

#[test]
fn again_and_again() {
    for _ in 0..200 {
        let runtime = runtime(3);
        let trust = runtime.entrust(0);
        let (_key, gate) = gate();
        drop(gate);
        assert_eq!(block_on(trust.apply(|n| *n)), 0);
    }
}

#[test]
fn of_a_runtime_that_nobody_has_used() {
    for _ in 0..50 {
        drop(runtime(2));
    }
}
