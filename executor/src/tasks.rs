//! [`Tasks`]: the tasks of one executor and the queue of those to be polled.
//!
//! **Invariant:** no borrow of this table is alive while foreign code runs. A task stays in the
//! table while it is polled, but the poll goes by a [`Lent`] right instead of a borrow; and what
//! leaves the table is handed out, to be dropped by the caller. So whatever a poll or a drop does
//! (wake, spawn, abort, drop all tasks) finds the table whole.
//!
//! | field     | touched by                                  | in which state                     |
//! |-----------|---------------------------------------------|------------------------------------|
//! | `table`   | the methods here, borrowed                  | while no foreign code runs         |
//! | a `Task`  | its `Lent`                                  | while `polling` is its place       |
//! | in it     | the methods here, which hand it out         | otherwise                          |
//! | `polling` | `poll`, which sets it around the poll       | while no poll is under way         |
//! |           | the methods here, to read it                | always, also from within a poll    |

use std::cell::Cell;
use std::task::Context;

use slab::Slab;

use crate::id::TaskId;
use crate::local::Local;
use crate::queue::Queue;
use crate::task::{Lent, Task};
use crate::waker::waker;

/// The table of tasks, and the run queue of their places.
pub(crate) struct Tasks {
    table: Local<Table>,
    /// The place whose task is being polled.
    polling: Cell<Option<u32>>,
    executor: u32,
}

#[derive(Default)]
struct Table {
    entries: Slab<Entry>,
    /// Places to poll in this round. A place may be in it or in `queue` once for each task that had
    /// it: `Entry::queued` says that the one who has it now is waiting.
    round: Queue,
    /// Places to poll in the next round.
    queue: Queue,
    /// A task that was being polled when the table was cleared.
    evicted: Option<Task>,
    is_closed: bool,
}

struct Entry {
    task: Task,
    queued: bool,
}

impl Tasks {
    /// No tasks, of the executor at this place.
    pub(crate) fn new(executor: u32) -> Self {
        Self {
            table: Local::default(),
            polling: Cell::new(None),
            executor,
        }
    }

    /// Adds the task that `task` makes, which learns its place, and queues it. `task` must be no
    /// foreign code, and the table open.
    pub(crate) fn insert<R>(&self, task: impl FnOnce(TaskId) -> (Task, R)) -> R {
        // SAFETY: `table`, the methods here, while no foreign code runs.
        unsafe {
            self.table.with(|table| {
                debug_assert!(!table.is_closed);
                let place = table.entries.vacant_entry();
                let index = u32::try_from(place.key()).expect("fewer than 2^32 tasks");
                let (task, result) = task(TaskId::new(self.executor, index));
                place.insert(Entry { task, queued: true });
                table.queue.push(index);
                result
            })
        }
    }

    /// Queues the task at `index`, if there is one and it is not queued.
    #[inline(always)]
    pub(crate) fn wake(&self, index: u32) {
        // SAFETY: `table`, the methods here, while no foreign code runs.
        unsafe {
            self.table.with(|table| {
                if let Some(entry) = table.entries.get_mut(index as usize)
                    && !entry.queued
                {
                    entry.queued = true;
                    table.queue.push(index);
                }
            });
        }
    }

    /// How many places are left in this round, or if none, in the next, which then begins. Who is
    /// queued later waits for the one after.
    #[inline(always)]
    pub(crate) fn begin_round(&self) -> usize {
        // SAFETY: `table`, the methods here, while no foreign code runs.
        unsafe {
            self.table.with(|table| {
                if table.round.len() == 0 {
                    if table.queue.len() == 0 {
                        return 0;
                    }
                    table.round.clear();
                    std::mem::swap(&mut table.round, &mut table.queue);
                }
                table.round.len()
            })
        }
    }

    /// Polls the first task of the round, unless it has left its place since it was queued.
    ///
    /// # Panics
    ///
    /// If called from within a poll.
    #[inline(always)]
    pub(crate) fn poll_next(&self) {
        assert!(!self.is_polling(), "polls are not nested");
        if let Some((index, task)) = self.lend_next() {
            self.poll(index, task);
        }
    }

    /// Whether a task is being polled.
    #[inline(always)]
    pub(crate) fn is_polling(&self) -> bool {
        self.polling.get().is_some()
    }

    /// Polls the task at `index` past the queue, if there is one and it is not queued; says
    /// whether it did.
    ///
    /// # Panics
    ///
    /// If called from within a poll.
    #[inline(always)]
    pub(crate) fn poll_now(&self, index: u32) -> bool {
        assert!(!self.is_polling(), "polls are not nested");
        let Some(task) = self.lend(index) else {
            return false;
        };
        self.poll(index, task);
        self.end_round();
        true
    }

    #[inline(always)]
    fn poll(&self, index: u32, task: Lent) {
        self.polling.set(Some(index));
        let waker = waker(TaskId::new(self.executor, index));
        // SAFETY: a task in it, its `Lent`, while `polling` is its place: `clear` keeps that task
        // alive, nothing else takes tasks out, and it is lent once, as polls are not nested. A
        // poll does not unwind, so `polling` is cleared below.
        let has_completed = unsafe { task.poll(&mut Context::from_waker(&waker)) };
        self.polling.set(None);
        if has_completed {
            drop(self.take(index));
        }
    }

    /// To be called after polls: a task that ended the executor's tasks
    /// from within its poll is dropped as the last of them.
    #[inline(always)]
    pub(crate) fn end_round(&self) {
        if self.is_closed() {
            // SAFETY: `table`, the methods here, while no foreign code runs.
            let evicted = unsafe { self.table.with(|table| table.evicted.take()) };
            drop(evicted);
        }
    }

    #[inline(always)]
    fn lend_next(&self) -> Option<(u32, Lent)> {
        // SAFETY: `table`, the methods here, while no foreign code runs.
        unsafe {
            self.table.with(|table| {
                let index = table.round.pop()?;
                let entry = table.entries.get_mut(index as usize)?;
                std::mem::take(&mut entry.queued).then(|| (index, entry.task.lend()))
            })
        }
    }

    /// Lends the task at `index`, if there is one and it is not queued.
    #[inline(always)]
    fn lend(&self, index: u32) -> Option<Lent> {
        // SAFETY: `table`, the methods here, while no foreign code runs.
        unsafe {
            self.table.with(|table| {
                let entry = table.entries.get_mut(index as usize)?;
                (!entry.queued).then(|| entry.task.lend())
            })
        }
    }

    /// Takes out a task that has completed.
    fn take(&self, index: u32) -> Option<Task> {
        // SAFETY: `table`, the methods here, while no foreign code runs.
        unsafe {
            self.table
                .with(|table| match table.entries.try_remove(index as usize) {
                    Some(entry) => Some(entry.task),
                    None => table.evicted.take(),
                })
        }
    }

    /// Refuses tasks from now on.
    pub(crate) fn close(&self) {
        // SAFETY: `table`, the methods here, while no foreign code runs.
        unsafe { self.table.with(|table| table.is_closed = true) }
    }

    /// Whether tasks are refused.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        // SAFETY: `table`, the methods here, while no foreign code runs.
        unsafe { self.table.with(|table| table.is_closed) }
    }

    /// Takes all tasks out of a closed table, to be dropped by the caller. The one that is being
    /// polled, if any, is dropped after its poll.
    pub(crate) fn clear(&self) -> impl Iterator<Item = Task> + use<> {
        // SAFETY: `table`, the methods here, while no foreign code runs.
        let entries = unsafe {
            self.table.with(|table| {
                debug_assert!(table.is_closed, "places are not used again");
                table.round.clear();
                table.queue.clear();
                if let Some(index) = self.polling.get()
                    && let Some(entry) = table.entries.try_remove(index as usize)
                {
                    table.evicted = Some(entry.task);
                }
                std::mem::take(&mut table.entries)
            })
        };
        entries.into_iter().map(|(_, entry)| entry.task)
    }

    /// How many tasks there are.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: `table`, the methods here, while no foreign code runs.
        unsafe { self.table.with(|table| table.entries.len()) }
    }

    /// How many places are queued.
    #[inline(always)]
    pub(crate) fn queued(&self) -> usize {
        // SAFETY: `table`, the methods here, while no foreign code runs.
        unsafe {
            self.table
                .with(|table| table.round.len() + table.queue.len())
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::join::JoinHandle;
    use std::future::{Future, poll_fn};
    use std::rc::Rc;
    use std::task::Poll;

    fn insert<F: Future + 'static>(tasks: &Tasks, future: F) -> (u32, JoinHandle<F::Output>) {
        let thread = std::thread::current().id();
        tasks.insert(|id| {
            let (task, handle) = Task::new(future, id, thread);
            (task, (id.task(), handle))
        })
    }

    /// Polls all that is queued now; returns how many places that were.
    fn round(tasks: &Tasks) -> usize {
        let queued = tasks.begin_round();
        (0..queued).for_each(|_| tasks.poll_next());
        tasks.end_round();
        queued
    }

    #[test]
    fn wake_while_queued_and_while_polled() {
        let tasks = Rc::new(Tasks::new(0));
        let waking = Rc::clone(&tasks);
        let mut polls = 0;
        let (index, handle) = insert(
            &tasks,
            poll_fn(move |_| {
                waking.wake(0);
                waking.wake(0);
                polls += 1;
                if polls == 2 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }),
        );
        tasks.wake(index);
        assert_eq!((index, tasks.queued()), (0, 1));
        assert_eq!(round(&tasks), 1);
        assert_eq!(tasks.queued(), 1, "queued once");
        assert_eq!(round(&tasks), 1);
        assert!(handle.is_finished());
        assert_eq!((tasks.len(), tasks.queued()), (0, 1));
        assert_eq!(round(&tasks), 1, "nobody is there");
    }

    #[test]
    fn wake_of_nobody() {
        let tasks = Tasks::new(0);
        tasks.wake(0);
        tasks.wake(u32::MAX);
        assert_eq!(tasks.queued(), 0);
    }

    #[test]
    fn place_used_again_while_its_old_entry_is_queued() {
        let tasks = Rc::new(Tasks::new(0));
        let waking = Rc::clone(&tasks);
        let (index, _first) = insert(&tasks, async move { waking.wake(0) });
        round(&tasks);
        let polls = Rc::new(Cell::new(0));
        let counted = Rc::clone(&polls);
        let (again, _second) = insert(
            &tasks,
            poll_fn(move |_| {
                counted.set(counted.get() + 1);
                Poll::<()>::Pending
            }),
        );
        assert_eq!((again, tasks.queued()), (index, 2));
        round(&tasks);
        assert_eq!(polls.get(), 1, "queued once, polled once");
    }

    #[test]
    fn past_the_queue_unless_queued() {
        let tasks = Tasks::new(0);
        let mut polls = 0;
        let (index, handle) = insert(
            &tasks,
            poll_fn(move |_| {
                polls += 1;
                if polls == 2 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }),
        );
        assert!(!tasks.poll_now(index), "queued: it keeps its place");
        assert_eq!((round(&tasks), handle.is_finished()), (1, false));
        assert!(tasks.poll_now(index));
        assert!(handle.is_finished());
        assert_eq!((tasks.len(), tasks.queued()), (0, 0));
        assert!(!tasks.poll_now(index), "nobody is there");
    }

    #[test]
    fn clear_while_polled_past_the_queue() {
        let tasks = Rc::new(Tasks::new(0));
        let clearing = Rc::clone(&tasks);
        let mut polls = 0;
        let (index, handle) = insert(
            &tasks,
            poll_fn(move |_| {
                polls += 1;
                if polls == 2 {
                    clearing.close();
                    assert_eq!(clearing.clear().count(), 0);
                }
                Poll::<()>::Pending
            }),
        );
        round(&tasks);
        assert!(tasks.poll_now(index));
        assert!(handle.is_finished(), "dropped after its poll");
    }

    #[test]
    fn clear_while_polled() {
        let tasks = Rc::new(Tasks::new(0));
        let clearing = Rc::clone(&tasks);
        let (_, first) = insert(
            &tasks,
            poll_fn(move |_| {
                clearing.close();
                assert_eq!(clearing.clear().count(), 1, "the other one");
                assert_eq!(clearing.len(), 0);
                Poll::<()>::Pending
            }),
        );
        let (_, second) = insert(&tasks, std::future::pending::<()>());
        round(&tasks);
        assert!(first.is_finished());
        assert!(second.is_finished());
    }

    #[test]
    fn clear_in_the_last_poll() {
        let tasks = Rc::new(Tasks::new(0));
        let clearing = Rc::clone(&tasks);
        let (_, mut handle) = insert(&tasks, async move {
            clearing.close();
            assert_eq!(clearing.clear().count(), 0);
            7
        });
        round(&tasks);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let polled = std::pin::Pin::new(&mut handle).poll(&mut context);
        assert!(matches!(polled, Poll::Ready(Ok(7))));
    }
}
