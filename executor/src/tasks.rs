//! [`Tasks`]: the tasks of one executor and the queue of those to be polled.
//!
//! **Invariant:** no borrow of this table is alive while foreign code runs. A task is taken out
//! for its poll and put back after it, so that whatever it does in there (wake, spawn, drop, end
//! the executor's tasks) finds the table whole; and what leaves the table is handed out, to be
//! dropped by the caller.

use std::cell::RefCell;

use slab::Slab;

use crate::id::TaskId;
use crate::task::Task;

/// The table of tasks, and the run queue of their places.
pub(crate) struct Tasks {
    table: RefCell<Table>,
    executor: u32,
}

struct Table {
    entries: Slab<Entry>,
    /// Places to poll in this round, those before `next` being done. A place may be in it or in
    /// `queue` once for each task that had it: `Entry::queued` says that the one who has it now is
    /// waiting.
    round: Vec<u32>,
    next: usize,
    /// Places to poll in the next round.
    queue: Vec<u32>,
    is_closed: bool,
}

struct Entry {
    // `None` while the task is being polled.
    task: Option<Task>,
    queued: bool,
}

impl Tasks {
    /// No tasks, of the executor at this place.
    pub(crate) fn new(executor: u32) -> Self {
        let table = Table {
            entries: Slab::new(),
            round: Vec::new(),
            next: 0,
            queue: Vec::new(),
            is_closed: false,
        };
        Self {
            table: RefCell::new(table),
            executor,
        }
    }

    /// Adds the task that `task` makes, which learns its place, and queues it. `task` must be no
    /// foreign code, and the table open.
    pub(crate) fn insert<R>(&self, task: impl FnOnce(TaskId) -> (Task, R)) -> R {
        let table = &mut *self.table.borrow_mut();
        debug_assert!(!table.is_closed);
        let place = table.entries.vacant_entry();
        let index = u32::try_from(place.key()).expect("fewer than 2^32 tasks");
        let (task, result) = task(TaskId::new(self.executor, index));
        place.insert(Entry {
            task: Some(task),
            queued: true,
        });
        table.queue.push(index);
        result
    }

    /// Queues the task at `index`, if there is one and it is not queued.
    #[inline(always)]
    pub(crate) fn wake(&self, index: u32) {
        let table = &mut *self.table.borrow_mut();
        if let Some(entry) = table.entries.get_mut(index as usize)
            && !entry.queued
        {
            entry.queued = true;
            table.queue.push(index);
        }
    }

    /// How many places are left in this round, or if none, in the next, which then begins. Who is
    /// queued later waits for the one after.
    #[inline(always)]
    pub(crate) fn begin_round(&self) -> usize {
        let table = &mut *self.table.borrow_mut();
        if table.next == table.round.len() {
            table.next = 0;
            table.round.clear();
            std::mem::swap(&mut table.round, &mut table.queue);
        }
        table.round.len() - table.next
    }

    /// Takes the first task of the round out for a poll. `None`: that place was left since it was
    /// queued, or its task is being polled.
    #[inline(always)]
    pub(crate) fn take_next(&self) -> Option<(u32, Task)> {
        let table = &mut *self.table.borrow_mut();
        let index = *table.round.get(table.next)?;
        table.next += 1;
        let entry = table.entries.get_mut(index as usize)?;
        if !std::mem::take(&mut entry.queued) {
            return None;
        }
        Some((index, entry.task.take()?))
    }

    /// Puts a task back after a poll. Gives it back if its place is gone, as the table was cleared
    /// meanwhile; it is then to be dropped.
    #[inline(always)]
    pub(crate) fn put_back(&self, index: u32, task: Task) -> Option<Task> {
        let table = &mut *self.table.borrow_mut();
        match table.entries.get_mut(index as usize) {
            Some(entry) => entry.task.replace(task),
            None => Some(task),
        }
    }

    /// Gives up the place of a task that has ended in its poll.
    #[inline]
    pub(crate) fn remove(&self, index: u32) {
        // The entry holds no task, so that dropping it is no foreign code.
        let entry = self.table.borrow_mut().entries.try_remove(index as usize);
        debug_assert!(entry.is_none_or(|entry| entry.task.is_none()));
    }

    /// Refuses tasks from now on.
    pub(crate) fn close(&self) {
        self.table.borrow_mut().is_closed = true;
    }

    /// Whether tasks are refused.
    pub(crate) fn is_closed(&self) -> bool {
        self.table.borrow().is_closed
    }

    /// Takes all tasks out, to be dropped. One that is being polled is not among them; it loses
    /// its place.
    pub(crate) fn clear(&self) -> impl Iterator<Item = Task> + use<> {
        let table = &mut *self.table.borrow_mut();
        table.round.clear();
        table.next = 0;
        table.queue.clear();
        let entries = std::mem::take(&mut table.entries);
        entries.into_iter().filter_map(|(_, entry)| entry.task)
    }

    /// How many tasks there are, one that is being polled included.
    pub(crate) fn len(&self) -> usize {
        self.table.borrow().entries.len()
    }

    /// How many places are queued.
    #[inline(always)]
    pub(crate) fn queued(&self) -> usize {
        let table = self.table.borrow();
        table.round.len() - table.next + table.queue.len()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::join::JoinHandle;
    use std::future::Future;

    fn insert<F: Future + 'static>(tasks: &Tasks, future: F) -> (u32, JoinHandle<F::Output>) {
        let thread = std::thread::current().id();
        tasks.insert(|id| {
            let (task, handle) = Task::new(future, id, thread);
            (task, (id.task(), handle))
        })
    }

    #[test]
    fn wake_while_queued_and_while_polled() {
        let tasks = Tasks::new(0);
        let (index, _handle) = insert(&tasks, async {});
        tasks.wake(index);
        assert_eq!(tasks.queued(), 1);
        assert_eq!(tasks.begin_round(), 1);
        let (taken, task) = tasks.take_next().expect("queued");
        assert_eq!(taken, index);
        tasks.wake(index);
        tasks.wake(index);
        assert_eq!(tasks.queued(), 1);
        assert!(tasks.put_back(index, task).is_none());
        assert_eq!(tasks.begin_round(), 1);
        assert!(tasks.take_next().is_some());
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
        let tasks = Tasks::new(0);
        let (index, _first) = insert(&tasks, async {});
        tasks.begin_round();
        let (_, task) = tasks.take_next().expect("queued");
        tasks.wake(index);
        drop(task);
        tasks.remove(index);
        let (again, _second) = insert(&tasks, async {});
        assert_eq!((again, tasks.queued()), (index, 2));
        tasks.begin_round();
        let (_, task) = tasks.take_next().expect("the new task, early");
        assert!(tasks.put_back(index, task).is_none());
        assert!(tasks.take_next().is_none(), "queued once, polled once");
    }

    #[test]
    fn clear_while_polled() {
        let tasks = Tasks::new(0);
        let (index, first) = insert(&tasks, async {});
        let (_, second) = insert(&tasks, async {});
        tasks.begin_round();
        let (_, task) = tasks.take_next().expect("queued");
        tasks.close();
        assert_eq!(tasks.clear().count(), 1);
        assert!(second.is_finished());
        drop(tasks.put_back(index, task).expect("its place is gone"));
        assert!(first.is_finished());
        assert_eq!(tasks.len(), 0);
        assert!(tasks.is_closed());
    }
}
