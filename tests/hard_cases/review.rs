//! Odd corners that a reading for soundness turned up, each with what must hold there.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures::executor::block_on;
use gossamer::{ApplyError, Builder, Runtime};

use crate::common::{Bomb, hold, poll_now, raise, runtime};

#[test]
fn value_that_panics_as_a_gone_runtime_refuses_it_leaks_nothing() {
    let sentinel = Arc::new(());
    let held = Arc::clone(&sentinel); // as long as anything of the runtime is left
    let hook = move |_: &gossamer::PanicReport<'_>| _ = Arc::strong_count(&held);
    let runtime = Builder::new().workers(1).panic_hook(hook).build().unwrap();
    let (trustee, kept) = (runtime.trustee(0), runtime.entrust(()));
    drop(runtime);
    assert_eq!(Arc::strong_count(&sentinel), 2, "by the trust that is kept");
    let refused = catch_unwind(AssertUnwindSafe(|| trustee.entrust(Bomb("refused"))));
    assert_eq!(refused.unwrap_err().downcast_ref(), Some(&"refused"));
    drop(kept);
    assert_eq!(Arc::strong_count(&sentinel), 1);
}

/// Blocks on another runtime when it is dropped, and tells whether that was refused.
struct BlocksInDrop(Arc<Runtime>, mpsc::Sender<bool>);

impl Drop for BlocksInDrop {
    fn drop(&mut self) {
        let blocked = catch_unwind(AssertUnwindSafe(|| self.0.block_on(async {})));
        self.1.send(blocked.is_err()).expect("the test waits");
    }
}

#[test]
fn block_on_in_a_drop_while_a_worker_unwinds_is_refused() {
    let (one, other) = (runtime(1), Arc::new(runtime(1)));
    let (sender, refused) = mpsc::channel();
    let blocks = BlocksInDrop(Arc::clone(&other), sender);
    let task = one.spawn_on(0, move || async move {
        let _blocks = blocks;
        raise("unwinds")
    });
    assert!(block_on(task).unwrap_err().is_panic());
    assert!(refused.recv().unwrap());
}

#[test]
fn stall_hook_that_drops_its_runtime() {
    let place = Arc::new(Mutex::new(None::<Runtime>));
    let (sender, outcome) = mpsc::channel();
    let (key, gate) = crate::common::gate();
    let (key, in_hook) = (Mutex::new(Some(key)), Arc::clone(&place));
    let hook = move |_: &gossamer::Stall| {
        let runtime = in_hook.lock().unwrap().take();
        drop(key.lock().unwrap().take());
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(runtime)));
        sender.send(dropped.is_ok()).unwrap();
    };
    let stalls = Builder::new()
        .workers(1)
        .stall_after(Some(Duration::from_millis(20)));
    let runtime = stalls.stall_hook(hook).build().unwrap();
    let trust = runtime.entrust(());
    *place.lock().unwrap() = Some(runtime);
    trust.post(move |()| gate.pass());
    assert!(outcome.recv().unwrap());
}

/// What a thread leaves to its end: it is dropped when the worker has gone already.
struct Leftovers {
    trust: gossamer::Trust<i32>,
    other: gossamer::Trust<i32>,
    issued: Box<dyn FnOnce() -> bool>,
    ends: mpsc::Sender<[bool; 3]>,
    #[expect(dead_code, reason = "dropped with it")]
    not_send: gossamer::JoinHandle<std::rc::Rc<()>>,
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        let closed = |outcome| matches!(outcome, std::task::Poll::Ready(Err(ApplyError::Closed)));
        self.trust.post(|_| raise("never runs"));
        let same = closed(poll_now(&mut self.trust.try_apply(|n| *n)));
        let others = block_on(self.other.apply(|n| *n)) == 7;
        let issued = (std::mem::replace(&mut self.issued, Box::new(|| false)))();
        self.ends
            .send([same, others, issued])
            .expect("the test waits");
    }
}

thread_local! {
    static LEFTOVERS: RefCell<Option<Leftovers>> = const { RefCell::new(None) };
}

#[test]
fn trusts_and_delegations_in_thread_locals_of_a_worker() {
    let (ending, staying) = (runtime(2), runtime(1));
    let (trust, other) = (ending.trustee(1).entrust(1), staying.entrust(7));
    let (ends, end) = mpsc::channel();
    let task = ending.spawn_on(0, move || async move {
        let mut request = trust.clone().apply_owned(|n| *n);
        assert!(poll_now(&mut request).is_pending());
        trust.apply(|_| ()).await;
        // Its result waits for it, and is dropped with the runtime.
        let issued =
            Box::new(move || catch_unwind(AssertUnwindSafe(|| block_on(request))).is_err());
        let not_send = gossamer::spawn(async { std::rc::Rc::new(()) });
        let leftovers = Leftovers {
            trust,
            other,
            issued,
            ends,
            not_send,
        };
        LEFTOVERS.with(|place| place.borrow_mut().replace(leftovers));
        gossamer::yield_now().await;
    });
    block_on(task).unwrap();
    drop(ending);
    assert_eq!(end.recv().unwrap(), [true; 3]);
    drop(block_on(hold(staying.trustee(0))));
}

#[test]
fn panic_hook_that_delegates_and_panics() {
    let place = Arc::new(Mutex::new(Vec::<gossamer::Trust<i32>>::new()));
    let (trusts, told) = (Arc::clone(&place), Arc::new(Mutex::new(0)));
    let tells = Arc::clone(&told);
    let hook = move |_: &gossamer::PanicReport<'_>| {
        *tells.lock().unwrap() += 1;
        let trusts = std::mem::take(&mut *trusts.lock().unwrap());
        for trust in &trusts {
            trust.post(|n| *n += 1);
            let _ = poll_now(&mut trust.apply(|n| *n += 1));
            std::mem::forget(gossamer::spawn(async {}));
        }
        drop(trusts); // perhaps the last ones
        std::panic::resume_unwind(Box::new(Bomb("payload of the hook")));
    };
    let builder = Builder::new().workers(2).stall_after(None);
    let runtime = builder.panic_hook(hook).build().unwrap();
    for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let trust = runtime.trustee(to).entrust(0);
        let fill =
            || *place.lock().unwrap() = [0, 1].map(|n| runtime.trustee(n).entrust(n as i32)).into();
        let run = |f: fn(gossamer::Trust<i32>)| {
            fill();
            let (trust, there) = (trust.clone(), trust.clone());
            let task = runtime.spawn_on(from, move || async move {
                f(trust);
                there.apply(|_| ()).await;
            });
            block_on(task).unwrap();
        };
        run(|trust| trust.post(|_| raise("in a post")));
        run(|trust| trust.apply_then(|_| raise("in a closure"), |()| ()));
        run(|trust| trust.apply_then(|_| (), |()| raise("in a continuation")));
        run(|trust| drop(trust.trustee().entrust(Bomb("in a property"))));
        block_on(trust.apply(|_| ()));
    }
    drop(runtime);
    assert_eq!(*told.lock().unwrap(), 16);
}
