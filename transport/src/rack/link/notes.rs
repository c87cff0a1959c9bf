//! The notes of requests that have no result yet, in order.

/// First in, first out, each made where it is to lie: a note that is put together elsewhere and
/// moved here as a whole has to wait until its words have left the store buffer.
#[derive(Debug)]
pub(super) struct Notes<N> {
    /// A ring; a power of two.
    places: Box<[Option<N>]>,
    head: usize,
    length: usize,
}

impl<N> Notes<N> {
    pub(super) fn new() -> Self {
        Self {
            places: Box::new([]),
            head: 0,
            length: 0,
        }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.length
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    #[inline(always)]
    pub(super) fn push(&mut self, note: impl FnOnce() -> N) {
        if self.length == self.places.len() {
            self.grow();
        }
        let at = self.place(self.length);
        let before = self.places[at].replace(note());
        debug_assert!(before.is_none());
        std::mem::forget(before); // nothing to drop, which the compiler cannot know
        self.length += 1;
    }

    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<N> {
        if self.length == 0 {
            return None;
        }
        let at = self.head;
        self.head = self.place(1);
        self.length -= 1;
        self.places[at].take()
    }

    #[inline(always)]
    fn place(&self, nth: usize) -> usize {
        (self.head + nth) & (self.places.len() - 1)
    }

    #[cold]
    fn grow(&mut self) {
        let mut places = Vec::with_capacity((2 * self.length).max(PLACES_MIN));
        while let Some(note) = self.pop() {
            places.push(Some(note));
        }
        self.length = places.len();
        self.head = 0;
        places.resize_with(places.capacity().next_power_of_two(), || None);
        self.places = places.into();
    }
}

const PLACES_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_in_order_while_it_grows() {
        let mut notes = Notes::new();
        let (mut pushed, mut popped) = (0, 0);
        for round in 0..100 {
            for _ in 0..round {
                notes.push(|| pushed);
                pushed += 1;
            }
            for _ in 0..round / 2 {
                assert_eq!(notes.pop(), Some(popped));
                popped += 1;
            }
            assert_eq!(notes.len(), pushed - popped);
        }
        while let Some(note) = notes.pop() {
            assert_eq!(note, popped);
            popped += 1;
        }
        assert_eq!(popped, pushed);
        assert!(notes.is_empty());
    }
}
