//! [`TaskId`]: the one word that names a task, in wakers and in the state of its handle.

/// The place of an executor in the registry and the place of a task in that executor.
///
/// An id says nothing of *which* task or executor has the place: places are used again. Waking a
/// stale id polls at worst a task that did not ask for it, which every future must bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskId {
    bits: u64,
}

impl TaskId {
    /// How many low bits of a word an id takes; those above are free for its holder.
    pub(crate) const BITS: u32 = TASK_BITS + EXECUTOR_BITS;

    /// The id of the task at `task` of the executor at `executor`.
    #[inline(always)]
    pub(crate) const fn new(executor: u32, task: u32) -> Self {
        debug_assert!(executor < MAX_EXECUTORS as u32);
        Self {
            bits: (executor as u64) << TASK_BITS | task as u64,
        }
    }

    /// The id that a word of nothing else holds.
    #[inline(always)]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        debug_assert!(bits < 1 << Self::BITS);
        Self { bits }
    }

    /// As a word with nothing above [`BITS`](Self::BITS).
    #[inline(always)]
    pub(crate) const fn bits(self) -> u64 {
        self.bits
    }

    /// The executor's place in the registry.
    #[inline(always)]
    pub(crate) const fn executor(self) -> u32 {
        (self.bits >> TASK_BITS) as u32
    }

    /// The task's place in its executor.
    #[inline(always)]
    pub(crate) const fn task(self) -> u32 {
        self.bits as u32
    }
}

/// The most executors that may live at one time in a process.
pub const MAX_EXECUTORS: usize = 1 << EXECUTOR_BITS;

const TASK_BITS: u32 = 32;
const EXECUTOR_BITS: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_survive_the_word() {
        for (executor, task) in [(0, 0), (MAX_EXECUTORS as u32 - 1, u32::MAX), (1, 7)] {
            let id = TaskId::new(executor, task);
            let id = TaskId::from_bits(id.bits());
            assert_eq!((id.executor(), id.task()), (executor, task));
        }
    }
}
