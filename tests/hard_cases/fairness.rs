//! One client's flood beside another's single request, and beside tasks.
//!
//! A trustee serves a bounded number of a client's requests in a turn and then goes on to the
//! next client, to its messages and to its tasks. So what somebody waits is counted here in
//! requests of others that were served before: a bound, and no matter of time.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::executor::block_on;
use gossamer::Trust;

use crate::common::{hold, poll_now, runtime, some_turns};

const FLOOD: u64 = 50_000;

/// More than a batch of smallest requests of each client in a turn or two.
const BOUND: u64 = 600;

fn flood(trust: &Trust<u64>) {
    (0..FLOOD).for_each(|_| trust.post(|served| *served += 1));
}

#[test]
fn flood_does_not_starve_another_client() {
    let runtime = runtime(3);
    let trust = runtime.trustee(0).entrust(0);
    let key = block_on(hold(runtime.trustee(0)));
    let flooding = trust.clone();
    block_on(runtime.spawn_on(1, move || async move {
        flood(&flooding);
        some_turns().await; // as much as fits is published, the rest waits behind it
    }))
    .unwrap();
    let single = trust.clone();
    let asking = block_on(runtime.spawn_on(2, move || async move {
        let mut request = single.apply_owned(|served| *served);
        assert!(poll_now(&mut request).is_pending());
        some_turns().await;
        request
    }))
    .unwrap();
    key.open();
    let served_before = block_on(asking);
    assert!(
        served_before < BOUND,
        "{served_before} requests of the flood came first"
    );
}

#[test]
fn flood_does_not_starve_a_foreign_caller() {
    let runtime = runtime(2);
    let trust = runtime.trustee(0).entrust(0);
    let key = block_on(hold(runtime.trustee(0)));
    let flooding = trust.clone();
    block_on(runtime.spawn_on(1, move || async move {
        flood(&flooding);
        some_turns().await;
    }))
    .unwrap();
    let mut request = trust.apply(|served| *served);
    assert!(poll_now(&mut request).is_pending());
    key.open();
    let served_before = block_on(request);
    assert!(
        served_before < BOUND,
        "{served_before} requests of the flood came first"
    );
}

#[test]
fn foreign_flood_does_not_starve_a_client() {
    let runtime = runtime(2);
    let trust = runtime.trustee(0).entrust(0);
    let (single, opening) = (trust.clone(), trust.clone());
    // The link is there before the flood: the word of a new one takes the way of the messages.
    block_on(runtime.spawn_on(1, move || opening.apply_owned(|_| ()))).unwrap();
    let key = block_on(hold(runtime.trustee(0)));
    flood(&trust);
    let asking = block_on(runtime.spawn_on(1, move || async move {
        let mut request = single.apply_owned(|served| *served);
        assert!(poll_now(&mut request).is_pending());
        some_turns().await;
        request
    }))
    .unwrap();
    key.open();
    let served_before = block_on(asking);
    assert!(
        served_before < BOUND,
        "{served_before} requests of the flood came first"
    );
}

#[test]
fn flood_does_not_starve_a_task() {
    let runtime = runtime(2);
    let served = Arc::new(AtomicU64::new(0));
    let (counting, counted) = (Arc::clone(&served), Arc::clone(&served));
    let trust = runtime.trustee(0).entrust(());
    let key = block_on(hold(runtime.trustee(0)));
    let task = runtime.spawn_on(0, move || async move {
        let mut most = 0;
        let mut before = counted.load(Ordering::Relaxed);
        while before < FLOOD {
            gossamer::yield_now().await;
            let now = counted.load(Ordering::Relaxed);
            most = most.max(now - before);
            before = now;
        }
        most
    });
    block_on(runtime.spawn_on(1, move || async move {
        for _ in 0..FLOOD {
            let counting = Arc::clone(&counting);
            trust.post(move |()| _ = counting.fetch_add(1, Ordering::Relaxed));
        }
        some_turns().await;
    }))
    .unwrap();
    key.open();
    let most = block_on(task).unwrap();
    assert!(
        most < BOUND,
        "{most} requests were served between two polls of a task"
    );
}

#[gossamer::test]
async fn continuations_that_go_on_for_ever_do_not_starve_a_task() {
    fn again(trust: Trust<u64>, is_over: Rc<Cell<bool>>) {
        if !is_over.get() {
            let next = trust.clone();
            trust.apply_then(|n| *n += 1, move |()| again(next, is_over));
        }
    }
    let near = gossamer::local_trustee().entrust(0);
    let is_over = Rc::new(Cell::new(false));
    for _ in 0..100 {
        again(near.clone(), Rc::clone(&is_over));
    }
    for _ in 0..1000 {
        gossamer::yield_now().await;
    }
    let served = near.apply(|n| *n).await;
    is_over.set(true);
    assert!(
        served < 1000 * BOUND,
        "{served} requests in 1000 rounds of a task"
    );
}

#[test]
fn ready_bounds_what_is_under_way() {
    let runtime = runtime(2);
    for worker in [0, 1] {
        let executed = Arc::new(AtomicU64::new(0));
        let trust = runtime.trustee(worker).entrust(());
        runtime.block_on(async move {
            for issued in 0..FLOOD {
                let executing = Arc::clone(&executed);
                trust.post(move |()| _ = executing.fetch_add(1, Ordering::Relaxed));
                trust.trustee().ready().await;
                let under_way = issued - executed.load(Ordering::Relaxed).min(issued);
                // A ring of batches, and the one that is being filled.
                assert!(under_way < BOUND, "{under_way} requests are under way");
            }
        });
    }
}

#[test]
fn ready_waits_for_what_a_plain_thread_has_posted() {
    let runtime = runtime(1);
    let executed = Arc::new(AtomicU64::new(0));
    let trust = runtime.entrust(());
    for posted in 1..1000 {
        let executing = Arc::clone(&executed);
        trust.post(move |()| _ = executing.fetch_add(1, Ordering::Relaxed));
        block_on(trust.trustee().ready());
        assert_eq!(executed.load(Ordering::Relaxed), posted);
    }
}
