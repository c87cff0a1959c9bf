//! The notes of the requests of one batch, in order.

/// First in, first out, each made where it is to lie: a note that is put together elsewhere and
/// moved here as a whole has to wait until its words have left the store buffer. The notes of a
/// batch stay together, so that whoever acts on its results has them at hand and nothing else.
#[derive(Debug)]
pub(super) struct Notes<N> {
    /// Those that were taken, those that are there, and room.
    places: Vec<Option<N>>,
    taken: usize,
    length: usize,
}

impl<N> Notes<N> {
    pub(super) fn new() -> Self {
        Self {
            places: Vec::new(),
            taken: 0,
            length: 0,
        }
    }

    /// How many are there.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.length - self.taken
    }

    #[inline(always)]
    pub(super) fn push(&mut self, note: impl FnOnce() -> N) {
        let place = match self.places.get_mut(self.length) {
            Some(place) => place,
            None => self.grow(),
        };
        let before = place.replace(note());
        debug_assert!(before.is_none());
        std::mem::forget(before); // nothing to drop, which the compiler cannot know
        self.length += 1;
    }

    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<N> {
        // What lies behind those that are there is none.
        let note = self.places.get_mut(self.taken)?.take()?;
        self.taken += 1;
        Some(note)
    }

    /// All that are there.
    pub(super) fn into_rest(mut self) -> impl Iterator<Item = N> {
        std::iter::from_fn(move || self.pop())
    }

    /// Forgets that any were there, which have all been taken.
    pub(super) fn clear(&mut self) {
        debug_assert_eq!(self.len(), 0, "somebody waits for what becomes of these");
        (self.taken, self.length) = (0, 0);
    }

    #[cold]
    fn grow(&mut self) -> &mut Option<N> {
        let places = (2 * self.places.len()).max(PLACES_MIN);
        self.places.resize_with(places, || None);
        &mut self.places[self.length]
    }
}

const PLACES_MIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_in_order_while_it_grows() {
        let mut notes = Notes::new();
        for round in 0..100 {
            for number in 0..round {
                notes.push(|| number);
            }
            assert_eq!(notes.len(), round);
            for number in 0..round {
                assert_eq!(notes.pop(), Some(number));
            }
            assert_eq!((notes.pop(), notes.len()), (None, 0));
            notes.clear();
        }
    }
}
