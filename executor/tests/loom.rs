//! Models of the protocols between threads, checked by loom for every interleaving:
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p gossamer-executor --release --test loom`
#![cfg(loom)]

use gossamer_executor::Inbox;
use gossamer_executor::sleep::Sleep;
use gossamer_executor::state::{Completed, Detached, State};
use gossamer_executor::sync::{AtomicBool, AtomicUsize, Ordering, UnsafeCell};
use loom::sync::Arc;
use loom::thread;

/// A message whose content loom watches: reading it unordered with its writing fails the model.
struct Watched(UnsafeCell<usize>);

impl Watched {
    fn new(value: usize) -> Self {
        let cell = UnsafeCell::new(0);
        cell.with_mut(|content| {
            // SAFETY: nobody else has the cell yet.
            unsafe { *content = value }
        });
        Self(cell)
    }

    fn read(&self) -> usize {
        self.0.with(|content| {
            // SAFETY: loom reports it if this is not ordered after the write.
            unsafe { *content }
        })
    }
}

// SAFETY: in these models one thread at a time has a message; loom reports it if not.
unsafe impl Send for Watched {}

/// Two producers and a consumer that takes twice: nothing is lost, nothing comes twice, and each
/// producer's messages come in its order.
#[test]
fn push_and_take() {
    loom::model(|| {
        let inbox = Arc::new(Inbox::new());
        let producers: Vec<_> = [10, 20]
            .into_iter()
            .map(|base| {
                let inbox = Arc::clone(&inbox);
                thread::spawn(move || {
                    assert!(inbox.push(Watched::new(base)).is_ok());
                    assert!(inbox.push(Watched::new(base + 1)).is_ok());
                })
            })
            .collect();
        let mut taken: Vec<usize> = inbox.take().map(|message| message.read()).collect();
        for producer in producers {
            producer.join().expect("no panic");
        }
        taken.extend(inbox.take().map(|message| message.read()));
        let of = |base| {
            taken
                .iter()
                .copied()
                .filter(move |value| value / 10 == base)
        };
        assert_eq!(of(1).collect::<Vec<_>>(), [10, 11]);
        assert_eq!(of(2).collect::<Vec<_>>(), [20, 21]);
        assert_eq!(taken.len(), 4);
    });
}

/// A push races with the close: either the message is refused, or it is in what the close returns.
#[test]
fn push_and_close() {
    loom::model(|| {
        let inbox = Arc::new(Inbox::new());
        let producers: Vec<_> = (0..2)
            .map(|_| {
                let inbox = Arc::clone(&inbox);
                thread::spawn(move || inbox.push(Watched::new(1)).is_ok())
            })
            .collect();
        let mut received = inbox.take().map(|message| message.read()).sum::<usize>();
        received += inbox.close().map(|message| message.read()).sum::<usize>();
        let accepted: usize = producers
            .into_iter()
            .map(|one| one.join().expect("no panic") as usize)
            .sum();
        assert_eq!(received, accepted);
        assert!(inbox.push(Watched::new(1)).is_err());
        assert!(inbox.take().is_empty());
    });
}

/// Runs `sleeper` on one thread and `publish` twice: by one publisher, in every interleaving, and
/// by two, in those that preempt a thread at most three times, as all would take hours.
///
/// The sleeper has a thread of its own because in loom an unpark that comes late wakes its thread
/// from whatever it is blocked in, a join too.
fn sleeper_and_publishers<T: Send + Sync + 'static>(
    new: fn() -> T,
    sleeper: fn(&Sleep, &T),
    publish: fn(&T),
) {
    let check = move |publishers: usize| {
        let shared = Arc::new((Sleep::new(), new()));
        let sleeping = Arc::clone(&shared);
        let sleeper = thread::spawn(move || {
            sleeping.0.bind();
            let publisher = |_| {
                let publishing = Arc::clone(&sleeping);
                thread::spawn(move || {
                    for _ in publishers..=2 {
                        publish(&publishing.1);
                        publishing.0.notify();
                    }
                })
            };
            let publishers: Vec<_> = (0..publishers).map(publisher).collect();
            sleeper(&sleeping.0, &sleeping.1);
            publishers
        });
        for publisher in sleeper.join().expect("no panic") {
            publisher.join().expect("no panic");
        }
        assert!(shared.0.unparks() <= 2);
    };
    loom::model(move || check(1));
    let mut bounded = loom::model::Builder::new();
    bounded.preemption_bound = Some(3);
    bounded.check(move || check(2));
}

/// The sleep protocol by itself: what was published before a notify is seen by the sleeper, who
/// else would sleep for ever, which loom reports as a deadlock.
#[test]
fn announce_and_notify() {
    let sleeper = |sleep: &Sleep, published: &AtomicUsize| {
        while published.load(Ordering::Acquire) < 2 {
            sleep.announce();
            if published.load(Ordering::Acquire) < 2 {
                sleep.block(None);
            } else {
                sleep.cancel();
            }
        }
    };
    let publish = |published: &AtomicUsize| _ = published.fetch_add(1, Ordering::Release);
    sleeper_and_publishers(|| AtomicUsize::new(0), sleeper, publish);
}

/// A remote wake: a message into the inbox, then the sleep protocol, as `Remote` does both.
#[test]
fn remote_wake() {
    let sleeper = |sleep: &Sleep, inbox: &Inbox<Watched>| {
        let mut received = 0;
        while received < 2 {
            let messages = inbox.take().map(|message| message.read()).sum::<usize>();
            received += messages;
            if messages > 0 {
                continue;
            }
            sleep.announce();
            if inbox.is_empty() {
                sleep.block(None);
            } else {
                sleep.cancel();
            }
        }
    };
    let publish = |inbox: &Inbox<Watched>| assert!(inbox.push(Watched::new(1)).is_ok());
    sleeper_and_publishers(Inbox::new, sleeper, publish);
}

/// The task completes while its handle goes: exactly one of the two gets the outcome, and sees it
/// whole.
#[test]
fn complete_and_detach() {
    loom::model(|| {
        let shared = Arc::new((State::unplaced(), Watched::new(0)));
        let taken = Arc::new(AtomicUsize::new(0));
        let task = {
            let (shared, taken) = (Arc::clone(&shared), Arc::clone(&taken));
            thread::spawn(move || {
                let (state, outcome) = &*shared;
                outcome.0.with_mut(|content| {
                    // SAFETY: the outcome is the task's until it completes.
                    unsafe { *content = 7 }
                });
                if state.complete() == Completed::Detached {
                    assert_eq!(outcome.read(), 7);
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let (state, outcome) = &*shared;
        if state.is_done() {
            assert_eq!(outcome.read(), 7);
        }
        if state.detach() == Detached::Done {
            assert_eq!(outcome.read(), 7);
            taken.fetch_add(1, Ordering::Relaxed);
        }
        task.join().expect("no panic");
        assert_eq!(taken.load(Ordering::Relaxed), 1);
    });
}

/// The models themselves: without the fences of the sleep protocol a wake is lost, and loom says
/// so. This is the protocol with its fences left out.
#[test]
#[should_panic]
fn sleep_without_fences_loses_a_wake() {
    loom::model(|| {
        let shared = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
        let publisher = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (sleeping, published) = &*shared;
                published.store(true, Ordering::Release);
                sleeping.load(Ordering::Acquire)
            })
        };
        let (sleeping, published) = &*shared;
        sleeping.store(true, Ordering::Release);
        let found = published.load(Ordering::Acquire);
        let unparked = publisher.join().expect("no panic");
        assert!(
            found || unparked,
            "the sleeper sleeps on, and nobody wakes it"
        );
    });
}
