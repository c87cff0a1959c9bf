//! [`Queue`]: the places of tasks in the order in which they are to be polled.

/// A list that is filled to its end, and then read from its start.
///
/// Its slots are all initialised, so that a push within them is one bounds check and one store,
/// and no call that could save registers for the rare case.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    slots: Vec<u32>,
    read: usize,
    filled: usize,
}

impl Queue {
    /// How many are left to read.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.filled - self.read
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, place: u32) {
        let Some(slot) = self.slots.get_mut(self.filled) else {
            return self.push_slot(place);
        };
        *slot = place;
        self.filled += 1;
    }

    #[cold]
    #[inline(never)]
    fn push_slot(&mut self, place: u32) {
        self.slots.push(place);
        self.filled = self.slots.len();
        self.slots.resize(self.slots.capacity(), 0);
    }

    /// Reads the next one.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<u32> {
        if self.read == self.filled {
            return None;
        }
        let place = *self.slots.get(self.read)?;
        self.read += 1;
        Some(place)
    }

    /// Forgets what is left.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        (self.read, self.filled) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_as_in_then_empty() {
        let mut queue = Queue::default();
        assert_eq!(queue.pop(), None);
        (0..100).for_each(|place| queue.push(place));
        assert_eq!(queue.len(), 100);
        assert!((0..100).all(|place| queue.pop() == Some(place)));
        assert_eq!((queue.pop(), queue.len()), (None, 0));
        queue.clear();
        queue.push(7);
        assert_eq!(queue.pop(), Some(7));
    }
}
