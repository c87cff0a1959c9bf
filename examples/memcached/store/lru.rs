//! [`Order`]: from the item that was last used to the one that was longest not.

use super::slots::{NONE, Slots};

/// The ends of a list through [`Slots`].
#[derive(Debug)]
pub(crate) struct Order {
    newest: u32,
    oldest: u32,
}

impl Order {
    pub(crate) fn new() -> Self {
        Self {
            newest: NONE,
            oldest: NONE,
        }
    }

    pub(crate) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    pub(crate) fn oldest_first(&self, slots: &Slots) -> impl Iterator<Item = u32> {
        let next = |at: &u32| (slots[*at].newer != NONE).then_some(slots[*at].newer);
        std::iter::successors(self.oldest(), next)
    }

    /// Adds a slot that is not in the list.
    pub(crate) fn push(&mut self, slots: &mut Slots, at: u32) {
        let second = std::mem::replace(&mut self.newest, at);
        slots[at].newer = NONE;
        slots[at].older = second;
        match second {
            NONE => self.oldest = at,
            second => slots[second].newer = at,
        }
    }

    pub(crate) fn remove(&mut self, slots: &mut Slots, at: u32) {
        let (newer, older) = (slots[at].newer, slots[at].older);
        match newer {
            NONE => self.newest = older,
            newer => slots[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => slots[older].newer = newer,
        }
    }

    /// Makes it the newest.
    pub(crate) fn renew(&mut self, slots: &mut Slots, at: u32) {
        if self.newest != at {
            self.remove(slots, at);
            self.push(slots, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::Item;
    use super::*;

    #[test]
    fn items_come_and_go_at_both_ends_and_between() {
        let (mut order, mut slots) = (Order::new(), Slots::new());
        for number in 0..4 {
            let at = slots.insert(Item::new(number, b"k", b"v"));
            order.push(&mut slots, at);
        }
        for (renewed, expected) in [(3, [0, 1, 2, 3]), (0, [1, 2, 3, 0]), (2, [1, 3, 0, 2])] {
            order.renew(&mut slots, renewed);
            assert!(order.oldest_first(&slots).eq(expected));
        }
        for (removed, expected) in [
            (3, vec![1, 0, 2]),
            (2, vec![1, 0]),
            (1, vec![0]),
            (0, vec![]),
        ] {
            order.remove(&mut slots, removed);
            assert!(order.oldest_first(&slots).eq(expected));
        }
    }
}
