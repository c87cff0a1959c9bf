//! Taking a property back, and holding on to it weakly.
//!
//! `into_inner` makes its trust the last one and takes the value instead of the drop: everything
//! issued before by anybody has run by then, weak trusts find nothing any more, and where it fails
//! the trust is as good as before. Whoever loses interest meanwhile gets the value dropped.

use std::thread;

use futures::executor::block_on;
use gossamer::{Trust, WeakTrust};

use crate::common::{Drops, hold, poll_now, runtime, some_turns};

#[test]
fn value_comes_back_with_all_that_was_issued() {
    let runtime = runtime(3);
    for round in 0..50 {
        let trust = runtime.trustee(round % 2).entrust(Vec::new());
        let tasks = [0, 1, 2].map(|worker| {
            let trust = trust.clone();
            runtime.spawn_on(worker, move || async move {
                for n in 0..200 {
                    trust.post(move |log| log.push((worker, n)));
                }
            })
        });
        for task in tasks {
            block_on(task).unwrap(); // issued, perhaps not yet served, and the trust dropped
        }
        let log = match round % 3 {
            0 => runtime.block_on(trust.into_inner()).unwrap(),
            1 => block_on(trust.into_inner()).unwrap(),
            _ => block_on(runtime.spawn_on(1, move || trust.into_inner()))
                .unwrap()
                .unwrap(),
        };
        for worker in 0..3 {
            let of_worker = log.iter().filter(|(w, _)| *w == worker).map(|(_, n)| *n);
            assert!(
                of_worker.eq(0..200),
                "in the order of the worker that issued them"
            );
        }
    }
}

#[gossamer::test]
async fn refused_while_there_are_others() {
    for worker in [0, 1] {
        let trust = gossamer::trustee(worker).entrust(7);
        let other = trust.clone();
        let trust = trust.into_inner().await.unwrap_err();
        assert_eq!((trust.apply(|n| *n).await, trust.trust_count()), (7, 2));
        drop(trust);
        assert_eq!(other.into_inner().await.unwrap(), 7);
    }
}

#[test]
fn raced_by_several_gives_the_value_once() {
    let runtime = runtime(2);
    for round in 0..200 {
        let drops = Drops::default();
        let trust = runtime.trustee(round % 2).entrust(drops.witness());
        let values: usize = thread::scope(|scope| {
            let takers = [trust.clone(), trust].map(|trust| {
                scope.spawn(move || {
                    let taken = block_on(trust.into_inner());
                    // The other trust may still be there: then let go of this one.
                    usize::from(taken.is_ok())
                })
            });
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert!(values <= 1);
        block_on(runtime.trustee(round % 2).ready());
        assert_eq!(drops.count(), 1, "taken and dropped here, or dropped there");
    }
}

#[test]
fn dropped_before_and_after_its_first_poll() {
    let runtime = runtime(2);
    let drops = Drops::default();
    drop(runtime.trustee(1).entrust(drops.witness()).into_inner());
    block_on(runtime.trustee(1).ready());
    assert_eq!(drops.seen(), [Some(1)]);
    let key = block_on(hold(runtime.trustee(1)));
    let mut taking = Box::pin(runtime.trustee(1).entrust(drops.witness()).into_inner());
    assert!(poll_now(&mut taking).is_pending());
    drop(taking);
    key.open();
    block_on(runtime.trustee(1).ready());
    assert_eq!(drops.seen(), [Some(1), Some(1)]);
}

#[test]
fn of_a_runtime_that_has_gone() {
    let runtime = runtime(2);
    let drops = Drops::default();
    let trust = runtime.trustee(1).entrust(drops.witness());
    let weak = trust.downgrade();
    drop(runtime);
    assert_eq!(drops.seen(), [Some(1)]);
    let trust = block_on(trust.into_inner()).expect_err("the runtime has dropped the value");
    assert_eq!(trust.trust_count(), 1);
    assert!(block_on(trust.try_apply(|_| ())).is_err());
    assert!(weak.upgrade().is_some(), "of a trust without a value");
    drop((trust, weak));
    assert_eq!(drops.count(), 1);
}

#[test]
fn while_its_runtime_goes() {
    for _ in 0..50 {
        let runtime = runtime(2);
        let drops = Drops::default();
        let trust = runtime.trustee(1).entrust(drops.witness());
        let taker = thread::spawn(move || block_on(trust.into_inner()).is_ok());
        drop(runtime);
        taker.join().unwrap();
        assert_eq!(drops.count(), 1);
    }
}

#[gossamer::test]
async fn weak_trusts_see_the_claim_and_the_death() {
    let trust = gossamer::trustee(1).entrust(String::from("mine"));
    let weak = trust.downgrade();
    let key = hold(trust.trustee()).await;
    let mut taking = Box::pin(trust.into_inner());
    assert!(poll_now(&mut taking).is_pending());
    assert!(weak.upgrade().is_none(), "claimed, though not yet taken");
    key.open();
    assert_eq!(taking.await.unwrap(), "mine");
    assert!(weak.upgrade().is_none());
    assert!(weak.clone().upgrade().is_none());
    assert!(WeakTrust::<i32>::default().upgrade().is_none());
}

#[test]
fn weak_trusts_outlive_runtime_and_property() {
    let runtime = runtime(1);
    let (kept, dead) = (runtime.entrust([7_u64; 100]), runtime.entrust([8_u64; 100]));
    let weaks = [kept.downgrade(), dead.downgrade()];
    drop(dead);
    drop(runtime);
    assert!(weaks[1].upgrade().is_none());
    drop(kept);
    for weak in weaks {
        assert!(weak.clone().upgrade().is_none());
    }
}

#[test]
fn upgraded_and_dropped_by_many_while_the_last_goes() {
    let runtime = runtime(2);
    for round in 0..100 {
        let drops = Drops::default();
        let trust = runtime.trustee(round % 2).entrust((drops.witness(), 0));
        let weak = trust.downgrade();
        let upgraded: usize = thread::scope(|scope| {
            let tries = [0, 1].map(|_| {
                let weak = weak.clone();
                scope.spawn(move || {
                    let trusts = (0..50).map_while(|_| weak.upgrade());
                    trusts.inspect(|trust| trust.post(|(_, n)| *n += 1)).count()
                })
            });
            drop(trust);
            tries.into_iter().map(|tries| tries.join().unwrap()).sum()
        });
        assert!(upgraded <= 100);
        block_on(runtime.trustee(round % 2).ready());
        assert_eq!(drops.seen(), [Some(round % 2)]);
        assert!(weak.upgrade().is_none());
    }
}

/// A node that keeps its children, and of its parent only a weak trust.
struct Node {
    /// The first to go: the children are let go of after it has spoken.
    _witness: crate::common::Witness,
    parent: WeakTrust<Node>,
    children: Vec<Trust<Node>>,
}

#[gossamer::test]
async fn cycle_that_is_weak_one_way_dies() {
    let drops = Drops::default();
    let node = |parent| Node {
        parent,
        children: Vec::new(),
        _witness: drops.witness(),
    };
    let root = gossamer::trustee(1).entrust(node(WeakTrust::new()));
    for worker in [0, 1, 0, 1] {
        let child = gossamer::trustee(worker).entrust(node(root.downgrade()));
        let up = child.apply(|child| child.parent.upgrade()).await.unwrap();
        up.apply(move |root| root.children.push(child)).await;
    }
    assert_eq!(root.trust_count(), 1);
    drop(root);
    while drops.count() < 5 {
        some_turns().await;
    }
    let mut seen = drops.seen();
    assert_eq!(seen.remove(0), Some(1), "the root goes first");
    seen.sort_unstable();
    assert_eq!(seen, [Some(0), Some(0), Some(1), Some(1)]);
}
