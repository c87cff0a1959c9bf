//! [`Timers`]: who is to be woken when, in one executor.
//!
//! It reads no clock: `now` is an argument, so that a test can drive the time by hand.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Instant;

/// Wakers in the order of their deadlines; of equal ones, in the order in which they came.
///
/// **Invariant:** no borrow of the table is alive while foreign code runs: wakers come in cloned
/// and are handed out to be woken or dropped.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    entries: RefCell<BTreeMap<Key, Waker>>,
    next_id: Cell<u64>,
}

/// Names an entry among the [`Timers`] that it was put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    deadline: Instant,
    id: u64,
}

impl Timers {
    /// Adds a waker to be woken at `deadline`.
    pub(crate) fn insert(&self, deadline: Instant, waker: Waker) -> Key {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        let key = Key { deadline, id };
        self.entries.borrow_mut().insert(key, waker);
        key
    }

    /// Whether the entry is there and would wake the same as `waker`.
    pub(crate) fn wakes(&self, key: Key, waker: &Waker) -> bool {
        self.entries
            .borrow()
            .get(&key)
            .is_some_and(|entry| entry.will_wake(waker))
    }

    /// Takes an entry out; its waker is to be dropped by the caller.
    pub(crate) fn remove(&self, key: Key) -> Option<Waker> {
        self.entries.borrow_mut().remove(&key)
    }

    /// Takes out the first waker whose deadline is not after `now`.
    pub(crate) fn pop_due(&self, now: Instant) -> Option<Waker> {
        let entries = &mut *self.entries.borrow_mut();
        let first = entries.first_entry()?;
        (first.key().deadline <= now).then(|| first.remove())
    }

    /// When the next waker is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.entries
            .borrow()
            .first_key_value()
            .map(|(key, _)| key.deadline)
    }

    /// Takes out every waker, to be dropped.
    pub(crate) fn clear(&self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut *self.entries.borrow_mut()).into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::task::Wake;
    use std::time::Duration;

    /// A waker that writes its name into a log.
    struct Named(u32, Arc<Mutex<Vec<u32>>>);

    impl Wake for Named {
        fn wake(self: Arc<Self>) {
            self.1.lock().expect("no panic").push(self.0);
        }
    }

    #[test]
    fn due_in_order_of_deadline_then_of_arrival() {
        let (timers, start, log) = (Timers::default(), Instant::now(), Arc::default());
        for (name, after) in [(0, 30), (1, 10), (2, 20), (3, 10)] {
            let waker = Arc::new(Named(name, Arc::clone(&log))).into();
            timers.insert(start + Duration::from_millis(after), waker);
        }
        let fire = |after| {
            while let Some(waker) = timers.pop_due(start + Duration::from_millis(after)) {
                waker.wake();
            }
            std::mem::take(&mut *log.lock().expect("no panic"))
        };
        assert_eq!(fire(9), []);
        assert_eq!(fire(10), [1, 3], "not after now is due");
        assert_eq!(fire(40), [2, 0]);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn removed_entry_is_not_due() {
        let (timers, now) = (Timers::default(), Instant::now());
        let waker = Waker::from(Arc::new(Named(0, Arc::default())));
        let key = timers.insert(now, waker.clone());
        assert!(timers.wakes(key, &waker));
        assert_eq!(timers.next_deadline(), Some(now));
        assert!(timers.remove(key).is_some());
        assert!(timers.remove(key).is_none());
        assert!(!timers.wakes(key, &waker));
        assert!(timers.pop_due(now).is_none());
    }
}
