//! Delegated code that comes back in: nested delegations polled by hand, and wakers that delegate.
//!
//! A closure holds `&mut T`. A delegation that it polls by hand must be issued, once, and must
//! not run before the closure has ended, whether it goes to the same property, to another one of
//! the same worker, or elsewhere: inline it would make a second `&mut T`. Wakers, drops and
//! continuations are foreign code in other places of the runtime, and come back in as well.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use futures::executor::block_on;
use gossamer::{Runtime, Trust};

use crate::common::{hold, poll_now, runtime};

/// A property that notices when two requests have it at once.
#[derive(Default)]
struct Exclusive {
    is_entered: bool,
    entries: usize,
}

impl Exclusive {
    fn enter<R>(&mut self, f: impl FnOnce() -> R) -> R {
        assert!(!self.is_entered, "two requests have the property at once");
        self.is_entered = true;
        let result = f();
        assert!(self.is_entered);
        self.is_entered = false;
        self.entries += 1;
        result
    }
}

/// How often it was entered, this look included: after what worker `from` issued before.
fn entries(runtime: &Runtime, from: usize, trust: &Trust<Exclusive>) -> usize {
    let look = trust.clone().apply_owned(|e| {
        e.enter(|| ());
        e.entries
    });
    block_on(runtime.spawn_on(from, move || look)).expect("no panic")
}

/// Where the outer request is polled; the property is on worker 0.
#[derive(Clone, Copy, Debug)]
enum From {
    OwnWorker,
    OtherWorker,
    OtherThread,
}

fn apply_from<U: Send + 'static>(
    from: From,
    runtime: &Runtime,
    request: impl Future<Output = U> + Send + 'static,
) -> U {
    match from {
        From::OwnWorker => runtime.block_on(request),
        From::OtherWorker => block_on(runtime.spawn_on(1, move || request)).expect("no panic"),
        From::OtherThread => block_on(request),
    }
}

#[test]
fn nested_delegation_never_makes_a_second_reference() {
    for from in [From::OwnWorker, From::OtherWorker, From::OtherThread] {
        let runtime = runtime(2);
        let outer = runtime.trustee(0).entrust(Exclusive::default());
        let beside = runtime.trustee(0).entrust(Exclusive::default());
        let far = runtime.trustee(1).entrust(Exclusive::default());
        for (inner, is_same) in [(&outer, true), (&beside, false), (&far, false)] {
            let nested = inner.clone();
            let request = outer.clone().apply_owned(move |e| {
                e.enter(|| {
                    let mut request = nested.apply(|e| e.enter(|| ()));
                    // Polled twice: it is issued once. Dropped then: it runs all the same.
                    assert!(poll_now(&mut request).is_pending(), "{from:?}");
                    assert!(poll_now(&mut request).is_pending(), "{from:?}");
                })
            });
            let before = entries(&runtime, 0, inner);
            apply_from(from, &runtime, request);
            let runs = entries(&runtime, 0, inner) - before - 1;
            assert_eq!(runs, if is_same { 2 } else { 1 }, "{from:?}");
        }
    }
}

#[test]
fn nested_delegation_is_awaited_by_whoever_gets_it() {
    for from in [From::OwnWorker, From::OtherWorker, From::OtherThread] {
        let runtime = runtime(2);
        let outer = runtime.trustee(0).entrust(Exclusive::default());
        let own = outer.clone();
        let request = outer.clone().apply_owned(move |e| {
            e.enter(|| {
                let mut request = own.apply_owned(|e| e.enter(|| 7));
                assert!(poll_now(&mut request).is_pending());
                request // issued on worker 0, finished where the outer one is awaited
            })
        });
        let seven = apply_from(from, &runtime, async move { request.await.await });
        assert_eq!(seven, 7, "{from:?}");
    }
}

#[gossamer::test]
async fn posts_and_thens_from_inside_a_closure() {
    let near = gossamer::local_trustee().entrust(Exclusive::default());
    let own = near.clone();
    let ran = Arc::new(AtomicUsize::new(0));
    let (seen, then_seen) = (Arc::clone(&ran), Arc::clone(&ran));
    near.apply(move |e| {
        e.enter(|| {
            own.post(|e| e.enter(|| ()));
            own.apply_then(
                |e| e.enter(|| ()),
                move |()| {
                    then_seen.fetch_add(1, Ordering::Relaxed);
                },
            );
            assert_eq!(seen.load(Ordering::Relaxed), 0);
        })
    })
    .await;
    assert_eq!(near.apply(|e| e.entries).await, 3);
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

#[gossamer::test]
async fn request_behind_a_nested_one_keeps_its_place() {
    let near = gossamer::local_trustee().entrust(Vec::new());
    let own = near.clone();
    near.apply(move |log| {
        own.post(|log| log.push("nested"));
        log.push("outer");
    })
    .await;
    near.apply(|log| log.push("later")).await; // must not overtake by running in place
    assert_eq!(
        near.apply(|log| log.clone()).await,
        ["outer", "nested", "later"]
    );
}

#[test]
fn drop_of_a_property_delegates() {
    struct Last(Trust<Exclusive>);
    impl Drop for Last {
        fn drop(&mut self) {
            assert!(poll_now(&mut self.0.apply(|e| e.enter(|| ()))).is_pending());
            self.0.post(|e| e.enter(|| ()));
        }
    }
    let runtime = runtime(2);
    for worker in [0, 1] {
        let heir = runtime.trustee(0).entrust(Exclusive::default());
        drop(runtime.trustee(worker).entrust(Last(heir.clone())));
        // The trust in the property is dropped after what it has issued.
        while heir.trust_count() > 1 {
            std::thread::yield_now();
        }
        assert_eq!(entries(&runtime, worker, &heir), 3);
    }
}

/// A waker that runs foreign code when it wakes.
struct Foreign(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Foreign {
    fn waker(f: impl FnOnce() + Send + 'static) -> Waker {
        Waker::from(Arc::new(Self(Mutex::new(Some(Box::new(f))))))
    }
}

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {
        let f = self.0.lock().expect("no panic while it is held").take();
        if let Some(f) = f {
            f();
        }
    }
}

#[gossamer::test]
async fn waker_that_delegates_drops_trusts_and_polls() {
    for worker in [0, 1] {
        let there = gossamer::trustee(worker);
        let log = there.entrust(Vec::new());
        let (doomed, near) = (gossamer::entrust(1), gossamer::local_trustee().entrust(0));
        let (weak, in_waker, counter) = (doomed.downgrade(), log.clone(), near.clone());
        let woken = Arc::new(AtomicUsize::new(0));
        let wakes = Arc::clone(&woken);
        let waker = Foreign::waker(move || {
            in_waker.post(|log| log.push("post"));
            drop(doomed);
            let mut request = in_waker.apply(|log| log.push("apply"));
            assert!(poll_now(&mut request).is_pending(), "behind the post");
            drop(request);
            let mut request = counter.apply(|n| *n += 1);
            let _ = poll_now(&mut request);
            drop(gossamer::entrust(2));
            drop(gossamer::spawn(async {}));
            wakes.fetch_add(1, Ordering::Relaxed);
        });
        // Queued, on the own worker too, as there is a request before it.
        log.post(|log| log.push("first"));
        let mut request = log.apply(|log| log.push("second"));
        let polled = Pin::new(&mut request).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        while woken.load(Ordering::Relaxed) == 0 {
            gossamer::yield_now().await;
        }
        assert!(poll_now(&mut request).is_ready());
        assert_eq!(
            log.apply(|log| log.clone()).await,
            ["first", "second", "post", "apply"]
        );
        assert!(weak.upgrade().is_none());
        assert_eq!(near.apply(|n| *n).await, 1);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn waker_of_a_foreign_caller_delegates_on_the_trustee() {
    let runtime = runtime(1);
    let log = runtime.trustee(0).entrust(Exclusive::default());
    let (in_waker, (done, is_done)) = (log.clone(), std::sync::mpsc::channel());
    let waker = Foreign::waker(move || {
        let mut request = in_waker.apply(|e| e.enter(|| ()));
        assert!(
            poll_now(&mut request).is_pending(),
            "it is woken inside delegated code"
        );
        done.send(()).unwrap();
    });
    let key = block_on(hold(runtime.trustee(0)));
    let mut request = log.apply(|e| e.enter(|| ()));
    assert!(
        Pin::new(&mut request)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    key.open();
    is_done.recv().unwrap();
    block_on(request);
    assert_eq!(entries(&runtime, 0, &log), 3);
}
