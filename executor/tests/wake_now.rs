//! A wake that polls at once: by whom, and when it does not.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use gossamer_executor::{
    Claim, Config, Executor, Resident, charge, spawn, wake_now, with_current, yield_now,
};

/// Wakes by `wake_now` whoever has left a waker here.
#[derive(Default)]
struct WakesAtOnce(Rc<RefCell<Option<Waker>>>);

impl Resident for WakesAtOnce {
    fn poll(&self, _: &Executor) -> bool {
        let waker = self.0.borrow_mut().take();
        waker.map(wake_now).is_some()
    }

    fn flush(&self) -> bool {
        false
    }

    fn sees_work(&self) -> bool {
        self.0.borrow().is_some()
    }
}

fn executor(claim: &Claim) -> Executor {
    let config = Config {
        budget: 8,
        ..Config::default()
    };
    Executor::new(claim.remote(), config)
}

fn stop() {
    with_current(|executor| executor.expect("on it").stop());
}

#[test]
fn from_a_resident_it_passes_the_queue() {
    let claim = Claim::new().expect("there is a place");
    let resident = WakesAtOnce::default();
    let order = Rc::new(RefCell::new(Vec::new()));
    let executor = executor(&claim);
    let (waker, log) = (Rc::clone(&resident.0), Rc::clone(&order));
    executor.spawn(async move {
        let mut polls = 0;
        poll_fn(|context| {
            polls += 1;
            let units = (0..100).take_while(|_| charge()).count();
            log.borrow_mut().push(("waiting", units));
            if polls == 3 {
                return Poll::Ready(());
            }
            *waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
        stop();
    });
    let log = Rc::clone(&order);
    executor.spawn(async move {
        loop {
            log.borrow_mut().push(("queued", 0));
            yield_now().await;
        }
    });
    executor.run(&resident);
    let (waiting, queued) = (("waiting", 8), ("queued", 0));
    assert_eq!(
        *order.borrow(),
        [waiting, queued, waiting, queued, waiting, queued],
        "in each turn before the one that is queued, with a budget of its own"
    );
}

#[test]
fn from_within_a_poll_it_is_a_plain_wake() {
    let claim = Claim::new().expect("there is a place");
    let polls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&polls);
    let units = executor(&claim).run_until(async move {
        let counts = Rc::clone(&counted);
        let other = spawn(poll_fn(move |context| {
            counts.set(counts.get() + 1);
            wake_now(context.waker().clone());
            if counts.get() == 3 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        other.await.expect("no panic");
        yield_now().await;
        poll_fn(|context| {
            wake_now(context.waker().clone());
            Poll::Ready((0..100).take_while(|_| charge()).count())
        })
        .await
    });
    assert_eq!(polls.get(), 3);
    assert_eq!(units, 8, "what is left of the budget stays as it was");
}

#[test]
fn of_another_executor_it_is_a_plain_wake() {
    let claim = Claim::new().expect("there is a place");
    let (sender, receiver) = std::sync::mpsc::channel();
    let remote = claim.remote();
    let thread = std::thread::spawn(move || {
        Executor::new(remote, Config::default()).run_until(async move {
            let mut polls = 0;
            poll_fn(|context| {
                polls += 1;
                if polls == 2 {
                    return Poll::Ready(());
                }
                sender
                    .send(context.waker().clone())
                    .expect("somebody waits");
                Poll::Pending
            })
            .await;
        });
    });
    wake_now(receiver.recv().expect("it is polled"));
    thread.join().expect("woken");
}
