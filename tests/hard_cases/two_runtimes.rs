//! Two runtimes in one process.
//!
//! To each of them the workers of the other are foreign threads: what they delegate goes by
//! messages, and they are woken from the trustee. Either may end while workers of the other wait
//! for it or hold its trusts in their properties. And a runtime may be made by a task, or be owned
//! by one, even by one of its own, where waiting for its end would never end.

use std::sync::mpsc;
use std::thread;

use futures::executor::block_on;
use futures::future::join_all;
use gossamer::{ApplyError, Runtime, Trust};

use crate::common::{Drops, Witness, hold, poll_now, raise, runtime};

#[test]
fn that_delegate_to_each_other() {
    let runtimes = [runtime(2), runtime(2)];
    let counters = [&runtimes[0], &runtimes[1]].map(|runtime| runtime.trustee(1).entrust(0));
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (own, other) = (counters[n % 2].clone(), counters[1 - n % 2].clone());
            runtimes[n % 2].spawn_on(n / 2 % 2, move || async move {
                for _ in 0..100 {
                    other.apply(|c| *c += 1).await;
                    other.post(|c| *c += 1);
                    own.apply(|c| *c += 1).await;
                    let requests = (0..3).map(|_| other.apply(|c| *c += 1));
                    join_all(requests).await;
                }
                other.trustee().ready().await;
            })
        })
        .collect();
    for task in tasks {
        block_on(task).unwrap();
    }
    for counter in counters {
        assert_eq!(block_on(counter.apply(|c| *c)), 2400);
    }
}

#[test]
fn of_which_one_goes_while_the_other_waits() {
    for _ in 0..20 {
        let (waiting, going) = (runtime(2), runtime(2));
        let trust = going.trustee(1).entrust(0);
        let key = block_on(hold(going.trustee(1)));
        let tasks = [0, 1].map(|worker| {
            let trust = trust.clone();
            waiting.spawn_on(worker, move || async move {
                loop {
                    if let Err(error) = trust.try_apply(|n| *n += 1).await {
                        return error;
                    }
                }
            })
        });
        let ending = thread::spawn(move || drop(going));
        key.open();
        ending.join().unwrap();
        for task in tasks {
            assert!(matches!(block_on(task).unwrap(), ApplyError::Closed));
        }
        assert_eq!(
            waiting.block_on(async { gossamer::entrust(7).apply(|n| *n).await }),
            7
        );
    }
}

#[test]
fn whose_properties_hold_trusts_of_the_other() {
    struct Holder(
        #[expect(dead_code, reason = "held")] Option<Trust<Holder>>,
        #[expect(dead_code, reason = "held")] Witness,
    );
    for is_first in [false, true] {
        let (one, other) = (runtime(2), runtime(2));
        let drops = Drops::default();
        let held = other.trustee(1).entrust(Holder(None, drops.witness()));
        let back = one.trustee(1).entrust(Holder(Some(held), drops.witness()));
        let kept = other
            .trustee(1)
            .entrust(Holder(Some(back), drops.witness()));
        let (first, second) = if is_first { (one, other) } else { (other, one) };
        drop(first);
        drop(kept);
        drop(second);
        assert_eq!(drops.seen(), vec![Some(1); 3]);
    }
}

#[test]
fn free_functions_mean_the_runtime_of_their_worker() {
    let (one, other) = (runtime(2), runtime(3));
    for (runtime, workers) in [(&one, 2), (&other, 3)] {
        let trustee = runtime.trustee(1);
        runtime.block_on(async move {
            assert_eq!(gossamer::workers(), workers);
            assert_eq!(gossamer::trustee(1), trustee);
            assert_eq!(gossamer::trustees().len(), workers);
            assert_eq!(gossamer::metrics().len(), workers);
            assert_ne!(gossamer::local_trustee(), trustee);
        });
    }
    assert_ne!(one.trustee(0), other.trustee(0));
}

#[test]
fn continuation_on_a_worker_of_the_other_is_refused() {
    let (one, other) = (runtime(1), runtime(1));
    let trust = other.entrust(0);
    let task = one.spawn_on(0, move || async move { trust.apply_then(|_| (), |()| ()) });
    let error = block_on(task).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("not on a worker of the trust's runtime"),
        "{error}"
    );
}

#[test]
fn one_made_by_a_task_of_the_other() {
    let outer = runtime(2);
    let inner = outer.block_on(async {
        let inner = runtime(2);
        let trust = inner.trustee(1).entrust(20);
        trust.apply(|n| *n += 1).await; // from a worker of the outer one
        assert_eq!(gossamer::workers(), 2);
        (inner, trust)
    });
    let (inner, trust) = inner;
    let sum = thread::spawn(move || {
        let sum = inner.block_on(trust.apply(|n| *n * 2));
        drop(inner);
        sum
    });
    assert_eq!(sum.join().unwrap(), 42);
}

/// A runtime with a property that tells of its end.
fn telling_runtime() -> (Runtime, mpsc::Receiver<()>) {
    struct Tells(mpsc::Sender<()>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.send(()).expect("the test waits for it");
        }
    }
    let runtime = runtime(2);
    let (tells, told) = mpsc::channel();
    std::mem::forget(runtime.trustee(1).entrust(Tells(tells)));
    (runtime, told)
}

#[test]
fn one_dropped_on_a_worker_of_the_other() {
    let outer = runtime(1);
    let (inner, told) = telling_runtime();
    let error = block_on(outer.spawn_on(0, move || async move { drop(inner) })).unwrap_err();
    let text = "on a gossamer worker: a Runtime dropped here would wait for itself; drop it \
                elsewhere";
    assert_eq!(error.to_string(), format!("the task panicked: {text}"));
    assert_eq!(outer.block_on(async { 1 }), 1);
    told.recv().unwrap(); // it ends all the same, though nobody waits for it
}

#[test]
fn one_owned_by_a_task_that_panics() {
    for (own, worker) in [(false, 0), (true, 0), (true, 1)] {
        let (inner, told) = telling_runtime();
        let outer = (!own).then(|| runtime(1));
        let (hand, handed) = async_channel::bounded::<Runtime>(1);
        let owner = outer.as_ref().unwrap_or(&inner);
        let task = owner.spawn_on(worker, move || async move {
            let _owned = handed.recv().await.unwrap();
            raise("with a runtime in its hands");
        });
        hand.send_blocking(inner).unwrap();
        // A task of the runtime that goes may be cancelled by that, but no thread hangs.
        assert!(block_on(task).is_err());
        told.recv().unwrap();
    }
}

#[test]
fn delegation_of_one_carried_by_tasks_of_the_other() {
    let (one, other) = (runtime(2), runtime(2));
    let drops = Drops::default();
    for finish in [true, false] {
        let (trust, made) = (one.trustee(1).entrust(0), drops.clone());
        let request = trust.clone().apply_owned(move |n| {
            *n += 1;
            made.witness()
        });
        let request = one.block_on(async move {
            let mut request = request;
            assert!(poll_now(&mut request).is_pending());
            request
        });
        let task = other.spawn_on(0, move || async move {
            if finish {
                drop(request.await);
            }
        });
        block_on(task).unwrap();
        let runs = one.block_on(trust.apply(|n| *n));
        assert_eq!(runs, 1);
    }
    drop((one, other));
    assert_eq!(drops.seen(), [Some(0), Some(0)]); // worker 0 of either
}
