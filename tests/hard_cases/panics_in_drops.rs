//! Panics in destructors: of results, captures, properties and panic payloads.
//!
//! The runtime drops values that belong to users in many places where nobody awaits anything: a
//! result that came too late, a property after its last request, the payload of a panic that was
//! reported. A destructor that panics there must end at the runtime's hook, with the worker, its
//! other requests and the shutdown going on.

use futures::executor::block_on;
use gossamer::{ApplyError, Runtime, Trust};

use crate::common::{Bomb, Drops, hold, poll_now, reporting_runtime, some_turns};

/// Each worker still serves its own requests, those of the others, and foreign ones.
fn all_is_well(runtime: &Runtime) {
    for worker in 0..runtime.workers() {
        let trust = runtime.trustee(worker).entrust(0);
        for from in 0..runtime.workers() {
            let add = trust.clone().apply_owned(|n| *n += 1);
            block_on(runtime.spawn_on(from, move || add)).expect("no panic");
        }
        assert_eq!(block_on(trust.apply(|n| *n)), runtime.workers());
    }
}

#[test]
fn of_a_result_that_nobody_takes() {
    let (runtime, reports) = reporting_runtime(2);
    let far = runtime.trustee(1).entrust(0);
    let there = far.clone();
    runtime.block_on(async move {
        let key = hold(there.trustee()).await;
        let mut late = there.apply(|_| Bomb("late"));
        assert!(poll_now(&mut late).is_pending());
        drop(late);
        key.open();
        there.apply(|_| ()).await;
        let mut forgotten = there.clone().apply_owned(|_| Bomb("forgotten"));
        assert!(poll_now(&mut forgotten).is_pending());
        std::mem::forget(forgotten);
        there.apply(|_| ()).await;
    });
    assert_eq!(reports.recv().unwrap(), (0, "late".into()));
    // Off the workers nobody waits for it either: it is dropped on the trustee.
    let key = block_on(hold(runtime.trustee(1)));
    let mut foreign = far.apply(|_| Bomb("foreign"));
    assert!(poll_now(&mut foreign).is_pending());
    drop(foreign);
    key.open();
    assert_eq!(reports.recv().unwrap(), (1, "foreign".into()));
    // If it has come, it goes with its future; which is not the fault of whoever drops that.
    let key = block_on(hold(runtime.trustee(1)));
    let mut arrived = far.apply(|_| Bomb("arrived"));
    assert!(poll_now(&mut arrived).is_pending());
    key.open();
    block_on(far.apply(|_| ()));
    drop(arrived);
    assert_eq!(reports.recv().unwrap(), (1, "arrived".into()));
    all_is_well(&runtime);
    drop(runtime);
    assert_eq!(reports.recv().unwrap(), (0, "forgotten".into()));
}

#[test]
fn of_a_value_that_has_come_and_is_not_taken() {
    let (runtime, reports) = reporting_runtime(2);
    let latched = runtime.trustee(1).entrust_latched(0);
    let bomb = runtime.trustee(1).entrust(Bomb("inherited"));
    runtime.block_on(async {
        let key = hold(latched.trustee()).await;
        let mut applied = Box::pin(latched.apply(|_| Bomb("applied")));
        let mut launched = Box::pin(latched.launch(async |_| Bomb("launched")));
        let mut inherited = Box::pin(bomb.into_inner());
        assert!(poll_now(&mut applied).is_pending());
        assert!(poll_now(&mut launched).is_pending());
        assert!(poll_now(&mut inherited).is_pending());
        key.open();
        latched.launch(async |_| ()).await;
        latched.trustee().entrust_with(|| ()).await;
        some_turns().await;
        drop(applied);
        drop(launched);
        drop(inherited);
    });
    let mut told: Vec<_> = (0..3).map(|_| reports.recv().unwrap().1).collect();
    told.sort();
    assert_eq!(told, ["applied", "inherited", "launched"]);
    all_is_well(&runtime);
}

#[test]
fn of_what_a_launch_returns_to_nobody() {
    let (runtime, reports) = reporting_runtime(2);
    let latched = runtime.trustee(1).entrust_latched(0);
    runtime.block_on(async {
        let key = hold(latched.trustee()).await;
        let mut launched = Box::pin(latched.launch(async |_| Bomb("launched")));
        assert!(poll_now(&mut launched).is_pending());
        drop(launched);
        key.open();
    });
    assert_eq!(reports.recv().unwrap(), (1, "launched".into()));
    all_is_well(&runtime);
}

#[test]
fn of_a_result_whose_future_has_moved_off() {
    let (runtime, reports) = reporting_runtime(2);
    let far = runtime.trustee(1).entrust(0);
    let request = runtime.block_on(async {
        let mut request = far.apply(|_| Bomb("abandoned"));
        assert!(poll_now(&mut request).is_pending());
        far.apply(|_| ()).await;
        request
    });
    drop(request); // its issuer is told to drop the result
    assert_eq!(reports.recv().unwrap(), (0, "abandoned".into()));
    all_is_well(&runtime);
}

#[test]
fn of_a_capture() {
    let (runtime, reports) = reporting_runtime(2);
    for worker in [0, 1] {
        let trust = runtime.trustee(worker).entrust(0);
        let apply = |trust: Trust<i32>| async move {
            let bomb = Bomb("capture");
            let outcome = trust.try_apply(move |_| {
                let _bomb = bomb;
            });
            assert!(
                matches!(outcome.await, Err(ApplyError::Panicked(p)) if p.message() == "capture")
            );
            let bomb = Bomb("capture of a post");
            trust.post(move |_| drop(bomb));
            trust.apply(|_| ()).await;
        };
        runtime.block_on(apply(trust.clone()));
        assert_eq!(reports.recv().unwrap(), (0, "capture of a post".into()));
        block_on(apply(trust));
        assert_eq!(
            reports.recv().unwrap(),
            (worker, "capture of a post".into())
        );
    }
    all_is_well(&runtime);
}

#[test]
fn of_a_property() {
    let (runtime, reports) = reporting_runtime(2);
    let drops = Drops::default();
    for worker in [0, 1] {
        let trustee = runtime.trustee(worker);
        drop(trustee.entrust((drops.witness(), Bomb("property"))));
        assert_eq!(reports.recv().unwrap(), (worker, "property".into()));
        drop(trustee.entrust_latched((drops.witness(), Bomb("untouched latch"))));
        assert_eq!(reports.recv().unwrap(), (worker, "untouched latch".into()));
        let latched = trustee.entrust_latched((drops.witness(), Bomb("latch")));
        block_on(latched.launch(async |_: &mut _| gossamer::yield_now().await));
        drop(latched);
        assert_eq!(reports.recv().unwrap(), (worker, "latch".into()));
    }
    assert_eq!(drops.count(), 6, "the rest of each was dropped");
    all_is_well(&runtime);
    while runtime.metrics().iter().any(|worker| worker.properties > 0) {
        std::thread::yield_now();
    }
    let kept = [0, 1].map(|worker| runtime.trustee(worker).entrust(Bomb("at the end")));
    drop(runtime);
    let mut ends = [reports.recv().unwrap(), reports.recv().unwrap()];
    ends.sort();
    assert_eq!(ends, [(0, "at the end".into()), (1, "at the end".into())]);
    drop(kept);
}

#[test]
fn of_a_value_that_nobody_inherits() {
    let (runtime, reports) = reporting_runtime(2);
    let key = block_on(hold(runtime.trustee(1)));
    let mut heir = Box::pin(runtime.trustee(1).entrust(Bomb("inheritance")).into_inner());
    assert!(poll_now(&mut heir).is_pending());
    drop(heir);
    key.open();
    assert_eq!(reports.recv().unwrap(), (1, "inheritance".into()));
    all_is_well(&runtime);
}

/// A panic whose payload panics when it is dropped, with a payload that does so too.
fn raise_a_bomb() {
    struct Double(#[expect(dead_code, reason = "its drop is what matters")] Bomb);
    impl Drop for Double {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                std::panic::resume_unwind(Box::new(Bomb("payload of a payload")));
            }
        }
    }
    std::panic::resume_unwind(Box::new(Double(Bomb(
        "never dropped, as its owner panics first",
    ))));
}

#[test]
fn of_a_payload() {
    let (runtime, reports) = reporting_runtime(2);
    let text = "a panic whose payload is no text";
    for worker in [0, 1] {
        let trust = runtime.trustee(worker).entrust(0);
        let there = trust.clone();
        runtime.block_on(async move {
            there.post(|_| raise_a_bomb());
            there.apply_then(|_| raise_a_bomb(), |()| ());
            there.apply_then(|_| (), |()| raise_a_bomb());
            there.apply(|_| ()).await;
            // Nobody takes this one, and so nobody sees the first payload.
            there.post(|_| ());
            let mut abandoned = there.apply(|_| raise_a_bomb());
            assert!(poll_now(&mut abandoned).is_pending());
            drop(abandoned);
            there.apply(|_| ()).await;
        });
        for _ in 0..4 {
            assert_eq!(reports.recv().unwrap(), (0, text.into()));
        }
        trust.post(|_| raise_a_bomb());
        assert_eq!(reports.recv().unwrap(), (worker, text.into()));
    }
    all_is_well(&runtime);
}

#[test]
fn of_a_payload_that_waits_for_a_forgotten_future() {
    let (runtime, _reports) = reporting_runtime(2);
    let far = runtime.trustee(1).entrust(0);
    runtime.block_on(async move {
        let mut forgotten = far.clone().apply_owned(|_| raise_a_bomb());
        assert!(poll_now(&mut forgotten).is_pending());
        std::mem::forget(forgotten);
        far.apply(|_| ()).await;
    });
    drop(runtime); // ends, though the payload is dropped on the way
}

#[test]
fn of_a_task_and_of_what_a_gone_runtime_refuses() {
    let (runtime, reports) = reporting_runtime(2);
    let trust = runtime.trustee(1).entrust(0);
    for worker in [0, 1] {
        drop(runtime.spawn_on(worker, || async {
            let _bomb = Bomb("a task that never ends");
            std::future::pending::<()>().await;
        }));
        block_on(runtime.spawn_on(worker, some_turns)).unwrap();
    }
    drop(runtime);
    // The capture of what is refused is dropped in the caller's hands: the panic is the caller's.
    let bomb = Bomb("refused");
    let refused = std::panic::AssertUnwindSafe(|| trust.post(move |_| drop(bomb)));
    let payload = std::panic::catch_unwind(refused).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"refused"));
    assert!(matches!(
        block_on(trust.try_apply(|_| ())),
        Err(ApplyError::Closed)
    ));
    drop(reports);
}
