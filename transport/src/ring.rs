//! A ring of slots: the memory of one direction of a link.

use std::sync::Arc;

use crate::slot::Slot;

/// Slots that one side writes in turn and the other reads in turn; a clone is the other side's.
#[derive(Clone)]
pub(crate) struct Ring {
    slots: Arc<[Slot]>,
}

impl Ring {
    pub(crate) fn new(depth: usize) -> Self {
        assert!(
            depth.is_power_of_two(),
            "so that a sequence number wraps around in step"
        );
        Self {
            slots: (0..depth).map(|_| Slot::new()).collect(),
        }
    }

    /// How many batches can be under way.
    #[inline(always)]
    pub(crate) fn depth(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Where batch `sequence` goes.
    #[inline(always)]
    pub(crate) fn index_of(&self, sequence: u32) -> usize {
        sequence as usize & (self.slots.len() - 1)
    }

    #[inline(always)]
    pub(crate) fn slot(&self, index: usize) -> &Slot {
        &self.slots[index]
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("depth", &self.depth())
            .finish_non_exhaustive()
    }
}
