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

/// Wakes all who have left a waker here, and counts how many were polled by that.
#[derive(Default)]
struct WakesAll {
    wakers: Rc<RefCell<Vec<Waker>>>,
    polled: Rc<Cell<usize>>,
    polled_at_once: Cell<usize>,
}

impl Resident for WakesAll {
    fn poll(&self, _: &Executor) -> bool {
        let wakers = self.wakers.take();
        let (before, woke) = (self.polled.get(), !wakers.is_empty());
        wakers.into_iter().for_each(wake_now);
        self.polled_at_once
            .set(self.polled_at_once.get().max(self.polled.get() - before));
        woke
    }

    fn flush(&self) -> bool {
        false
    }

    fn sees_work(&self) -> bool {
        !self.wakers.borrow().is_empty()
    }
}

#[test]
fn tasks_that_charge_much_take_the_queue() {
    const TASKS: usize = 20;
    let claim = Claim::new().expect("there is a place");
    let executor = Executor::new(claim.remote(), Config::default());
    let resident = WakesAll::default();
    for _ in 0..TASKS {
        let (wakers, polled) = (Rc::clone(&resident.wakers), Rc::clone(&resident.polled));
        executor.spawn(async move {
            let mut is_woken = false;
            poll_fn(|context| {
                if std::mem::replace(&mut is_woken, true) {
                    return Poll::Ready(());
                }
                wakers.borrow_mut().push(context.waker().clone());
                Poll::Pending
            })
            .await;
            while charge() {}
            polled.set(polled.get() + 1);
            if polled.get() == TASKS {
                stop();
            }
        });
    }
    executor.run(&resident);
    assert_eq!(resident.polled.get(), TASKS);
    let at_once = resident.polled_at_once.get();
    assert!((1..=2).contains(&at_once), "{at_once} were polled at once");
}
