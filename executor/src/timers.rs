//! [`Timers`]: who is to be woken when, in one executor.
//!
//! It reads no clock: `now` is an argument, so that a test can drive the time by hand.
//!
//! Cost: a timer that is taken back leaves its place in the queue, and is passed over; so setting
//! one and taking it back, what timeouts do, is a push and no search. The queue is swept when
//! most of it is such: on the average a few steps for each that was taken back, all in the last.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;
use std::time::Instant;

use slab::Slab;

/// Wakers in the order of their deadlines; of equal ones, in the order in which they came.
///
/// **Invariant:** no borrow of the table is alive while foreign code runs: wakers come in cloned
/// and are handed out to be woken or dropped.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    table: RefCell<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// The first on top; some of them may have been taken back.
    queue: BinaryHeap<Reverse<Due>>,
    entries: Slab<Entry>,
    next_id: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    deadline: Instant,
    key: Key,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    waker: Waker,
}

/// Names an entry among the [`Timers`] that it was put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    id: u64,
    place: usize,
}

impl Timers {
    /// Adds a waker to be woken at `deadline`.
    pub(crate) fn insert(&self, deadline: Instant, waker: Waker) -> Key {
        let table = &mut *self.table.borrow_mut();
        let id = table.next_id;
        table.next_id += 1;
        let place = table.entries.insert(Entry { id, waker });
        let key = Key { id, place };
        table.queue.push(Reverse(Due { deadline, key }));
        key
    }

    /// Whether the entry is there and would wake the same as `waker`.
    pub(crate) fn wakes(&self, key: Key, waker: &Waker) -> bool {
        let entry_wakes = |entry: &Entry| entry.waker.will_wake(waker);
        find(&self.table.borrow().entries, key).is_some_and(entry_wakes)
    }

    /// Takes an entry out; its waker is to be dropped by the caller.
    pub(crate) fn remove(&self, key: Key) -> Option<Waker> {
        let table = &mut *self.table.borrow_mut();
        let waker = table.take(key)?;
        if table.queue.len() > LEN_UNSWEPT && table.queue.len() / 2 > table.entries.len() {
            let entries = &table.entries;
            table.queue.retain(|due| find(entries, due.0.key).is_some());
        }
        Some(waker)
    }

    /// Takes out the first waker whose deadline is not after `now`.
    pub(crate) fn pop_due(&self, now: Instant) -> Option<Waker> {
        let table = &mut *self.table.borrow_mut();
        let first = table.first().filter(|first| first.deadline <= now)?;
        table.queue.pop();
        table.take(first.key)
    }

    /// When the next waker is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.table.borrow_mut().first().map(|due| due.deadline)
    }

    /// Takes out every waker, to be dropped.
    pub(crate) fn clear(&self) -> impl Iterator<Item = Waker> + use<> {
        let table = &mut *self.table.borrow_mut();
        table.queue.clear();
        let entries = std::mem::take(&mut table.entries);
        entries.into_iter().map(|(_, entry)| entry.waker)
    }
}

impl Table {
    /// The first that is due, whenever that is.
    fn first(&mut self) -> Option<Due> {
        loop {
            let Reverse(first) = *self.queue.peek()?;
            if find(&self.entries, first.key).is_some() {
                return Some(first);
            }
            self.queue.pop();
        }
    }

    fn take(&mut self, key: Key) -> Option<Waker> {
        find(&self.entries, key)?;
        Some(self.entries.remove(key.place).waker)
    }
}

fn find(entries: &Slab<Entry>, key: Key) -> Option<&Entry> {
    entries.get(key.place).filter(|entry| entry.id == key.id)
}

/// A queue that is no longer is not swept.
const LEN_UNSWEPT: usize = 64;

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

    #[test]
    fn those_taken_back_are_swept_out() {
        let (timers, start) = (Timers::default(), Instant::now());
        let deadline = |after| start + Duration::from_secs(after);
        let kept = timers.insert(deadline(5000), Waker::noop().clone());
        let keys: Vec<_> = (0..10_000)
            .map(|after| timers.insert(deadline(after), Waker::noop().clone()))
            .collect();
        for key in keys {
            assert!(timers.remove(key).is_some());
        }
        assert!(timers.table.borrow().queue.len() <= LEN_UNSWEPT);
        assert_eq!(timers.next_deadline(), Some(deadline(5000)));
        assert!(timers.remove(kept).is_some());
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn place_of_one_taken_back_is_not_mistaken_for_it() {
        let (timers, start) = (Timers::default(), Instant::now());
        let early = timers.insert(start, Waker::noop().clone());
        assert!(timers.remove(early).is_some());
        let late = timers.insert(start + Duration::from_secs(1), Waker::noop().clone());
        assert_eq!(late.place, early.place);
        assert!(timers.remove(early).is_none());
        assert!(timers.pop_due(start).is_none());
        assert!(timers.pop_due(start + Duration::from_secs(1)).is_some());
    }
}
