//! What the types promise of delegations, and how handles of tasks end.
//!
//! A `JoinHandle` must never hang, whatever becomes of its task, and the future of a task must
//! never be dropped off its worker, whoever aborts it or lets go of it.

use std::rc::Rc;

use futures::FutureExt;
use futures::executor::block_on;
use futures::future::FusedFuture;
use gossamer::{JoinHandle, LatchTrust, Trust, WeakTrust};

use crate::common::{Drops, poll_now, raise, runtime, some_turns};

fn is_send<T: Send>(_: &T) {}
fn is_unpin<T: Unpin>(_: &T) {}
fn is_static<T: 'static>(_: &T) {}

#[test]
fn delegations_are_send_unpin_and_fused() {
    let runtime = runtime(1);
    let trust = runtime.entrust(1);
    let (mut apply, mut try_apply) = (trust.apply(|n| *n), trust.try_apply(|n| *n));
    is_send(&apply);
    is_send(&try_apply);
    is_unpin(&apply);
    is_unpin(&try_apply);
    let owned = trust.clone().apply_owned(|n| *n);
    is_static(&owned);
    is_send(&trust.apply_with(|n, m| *n + m, 1));
    is_send(&runtime.trustee(0).entrust_with(|| Rc::new(1)));
    is_send(&runtime.trustee(0).ready());
    is_send(&trust.clone().into_inner());
    let latched = runtime.trustee(0).entrust_latched(1);
    is_send(&latched.apply(|n| *n));
    is_send(&latched.launch(async |n: &mut i32| *n));

    assert!(!apply.is_terminated() && !try_apply.is_terminated());
    assert_eq!(block_on(&mut apply), 1);
    assert_eq!(block_on(&mut try_apply).unwrap(), 1);
    assert!(apply.is_terminated() && try_apply.is_terminated());
    assert_eq!(block_on(owned), 1);
}

#[test]
fn trusts_cross_threads_whatever_they_name() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Trust<Rc<()>>>();
    crosses::<WeakTrust<Rc<()>>>();
    crosses::<LatchTrust<Rc<()>>>();
    crosses::<gossamer::Trustee>();
    crosses::<gossamer::Runtime>();
    crosses::<gossamer::ApplyError>();
    crosses::<JoinHandle<i32>>();
}

#[test]
#[should_panic(expected = "polled after it had finished")]
fn polled_after_its_end() {
    let runtime = runtime(1);
    let trust = runtime.entrust(1);
    let mut request = trust.apply(|n| *n);
    block_on(&mut request);
    let _ = poll_now(&mut request);
}

#[test]
fn abort_from_elsewhere_drops_the_future_on_its_worker() {
    let runtime = runtime(2);
    let drops = Drops::default();
    let witness = drops.witness();
    let (started, starts) = std::sync::mpsc::channel();
    let task = runtime.spawn_on(1, move || async move {
        let _witness = witness;
        started.send(()).unwrap();
        std::future::pending::<()>().await;
    });
    starts.recv().unwrap();
    task.abort();
    assert!(block_on(task).unwrap_err().is_cancelled());
    assert_eq!(drops.seen(), [Some(1)]);
}

#[gossamer::test]
async fn abort_in_the_middle_of_a_delegation() {
    let far = gossamer::trustee(1).entrust(0);
    let drops = Drops::default();
    let (request, made) = (far.clone(), drops.clone());
    let task = gossamer::spawn(async move {
        let _result = request
            .apply(move |n| {
                *n += 1;
                made.witness()
            })
            .await;
        std::future::pending::<()>().await;
    });
    gossamer::yield_now().await; // it issues its request
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(
        far.apply(|n| *n).await,
        1,
        "what was issued runs exactly once"
    );
    assert_eq!(drops.seen(), [Some(0)]);
}

#[gossamer::test]
async fn panic_in_a_task_is_the_handles() {
    let far = gossamer::trustee(1).entrust(0);
    let task = gossamer::spawn_on(1, async move || -> () { raise("in a task") });
    let error = task.await.unwrap_err();
    assert!(error.is_panic());
    assert_eq!(error.to_string(), "the task panicked: in a task");
    // The panic of a delegated closure passes through the task that awaits it.
    let request = far.clone().apply_owned(|_| -> () { raise("in a closure") });
    let error = gossamer::spawn(request).await.unwrap_err();
    assert_eq!(error.into_panic().downcast_ref(), Some(&"in a closure"));
}

#[gossamer::test]
async fn detached_task_runs_on_and_its_output_dies_at_home() {
    let drops = Drops::default();
    let (witness, done) = (drops.witness(), async_channel::bounded(1));
    let task = gossamer::spawn_on(1, async move || {
        done.1.recv().await.unwrap();
        witness
    });
    drop(task);
    some_turns().await;
    assert_eq!(drops.count(), 0, "it is not dropped with its handle");
    done.0.send(()).await.unwrap();
    while drops.count() == 0 {
        gossamer::yield_now().await;
    }
    assert_eq!(drops.seen(), [Some(1)]);
}

#[test]
fn handles_of_a_runtime_that_goes_resolve() {
    let runtime = runtime(2);
    let drops = Drops::default();
    let tasks = [0, 1].map(|worker| {
        let witness = drops.witness();
        runtime.spawn_on(worker, move || async move {
            let _witness = witness;
            std::future::pending::<()>().await;
        })
    });
    // One is awaited while the runtime goes, the other after.
    let [first, second] = tasks;
    let waiter = std::thread::spawn(move || block_on(first));
    drop(runtime);
    assert!(waiter.join().unwrap().unwrap_err().is_cancelled());
    assert!(second.now_or_never().unwrap().unwrap_err().is_cancelled());
    let mut seen = drops.seen();
    // A task that never began is dropped as the closure that would have built it, on its worker.
    seen.sort_unstable();
    assert_eq!(seen, [Some(0), Some(1)]);
}
