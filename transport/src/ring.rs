//! A ring of slots: the memory of a link.

use std::sync::Arc;

use crate::slot::Slot;

/// The slots of a link, mostly used in turn; a clone is the other side's.
#[derive(Clone)]
pub(crate) struct Ring {
    slots: Arc<[Slot]>,
}

impl Ring {
    pub(crate) fn new(depth: usize) -> Self {
        assert!(
            depth.is_power_of_two(),
            "so that a place is found by a mask"
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

    /// The place so many slots after `place`.
    #[inline(always)]
    pub(crate) fn after(&self, place: usize, slots: u32) -> usize {
        (place + slots as usize) & (self.slots.len() - 1)
    }

    #[inline(always)]
    pub(crate) fn slot(&self, place: usize) -> &Slot {
        &self.slots[place]
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("depth", &self.depth())
            .finish_non_exhaustive()
    }
}
