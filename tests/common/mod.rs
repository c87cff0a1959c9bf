//! What the hard cases share: runtimes, witnesses of drops, gates that hold a worker, collected
//! panics, and a poll by hand.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};

use futures::channel::oneshot;
use gossamer::{Builder, Runtime, Trustee};

/// A runtime that says nothing of closures that a test holds up on purpose.
pub(crate) fn runtime(workers: usize) -> Runtime {
    Builder::new()
        .workers(workers)
        .stall_after(None)
        .build()
        .expect("a runtime starts")
}

/// A runtime, and what its panic hook is told.
pub(crate) fn reporting_runtime(workers: usize) -> (Runtime, mpsc::Receiver<(usize, String)>) {
    let (sender, receiver) = mpsc::channel();
    let hook = move |report: &gossamer::PanicReport<'_>| {
        // A test that has ended does not care.
        drop(sender.send((report.worker(), report.message().to_owned())));
    };
    let builder = Builder::new()
        .workers(workers)
        .stall_after(None)
        .panic_hook(hook);
    (builder.build().expect("a runtime starts"), receiver)
}

/// Panics without a word on standard error.
pub(crate) fn raise(text: &'static str) -> ! {
    resume_unwind(Box::new(text))
}

/// Polls once, with a waker that wakes nobody.
pub(crate) fn poll_now<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets the worker go round so often that what was issued before is published.
pub(crate) async fn some_turns() {
    for _ in 0..4 {
        gossamer::yield_now().await;
    }
}

/// Records on which worker each of its witnesses is dropped; `None`: on no worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drops(Arc<Mutex<Vec<Option<usize>>>>);

impl Drops {
    pub(crate) fn witness(&self) -> Witness {
        Witness(self.clone())
    }

    /// Where the witnesses were dropped so far, in order.
    pub(crate) fn seen(&self) -> Vec<Option<usize>> {
        self.0.lock().expect("no panic while it is held").clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen().len()
    }
}

/// Tells its [`Drops`] when it goes.
#[derive(Debug)]
pub(crate) struct Witness(Drops);

impl Drop for Witness {
    fn drop(&mut self) {
        let mut seen = self.0.0.lock().expect("no panic while it is held");
        seen.push(gossamer::try_worker_id());
    }
}

/// Panics when it is dropped.
#[derive(Debug)]
pub(crate) struct Bomb(pub(crate) &'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            raise(self.0);
        }
    }
}

/// Holds a thread until its [`Key`] is dropped.
#[derive(Debug)]
pub(crate) struct Gate(mpsc::Receiver<()>);

/// Opens its [`Gate`] when it is dropped.
#[derive(Debug)]
pub(crate) struct Key(#[expect(dead_code, reason = "dropping it is its use")] mpsc::Sender<()>);

pub(crate) fn gate() -> (Key, Gate) {
    let (sender, receiver) = mpsc::channel();
    (Key(sender), Gate(receiver))
}

impl Gate {
    pub(crate) fn pass(self) {
        self.0.recv().expect_err("nothing is ever sent");
    }
}

impl Key {
    pub(crate) fn open(self) {}
}

/// Holds the worker of `trustee` in delegated code until the key is dropped; it is held when this
/// returns.
pub(crate) async fn hold(trustee: Trustee) -> Key {
    let (key, gate) = gate();
    let (entered, enters) = oneshot::channel();
    trustee.entrust(()).post(move |()| {
        entered.send(()).expect("the test waits for it");
        gate.pass();
    });
    enters.await.expect("the trustee runs it");
    key
}
