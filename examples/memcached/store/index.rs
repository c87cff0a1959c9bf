//! [`Index`]: from the hash of a key to the slot of its item.

use super::slots::NONE;

/// Open addressing with linear probing: a lookup reads one line of the cache, mostly, and a
/// removal leaves no trace, so that the size depends on the number of entries alone.
#[derive(Debug)]
pub(crate) struct Index {
    places: Box<[Place]>,
    used: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// The lower half of the key's.
    hash: u32,
    /// [`NONE`] if the place is free.
    at: u32,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            places: vec![FREE; PLACES_MIN].into_boxed_slice(),
            used: 0,
        }
    }

    /// At most what [`bytes_for`](Self::bytes_for) says of the greatest number there ever was.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.places)
    }

    /// What so many entries may take: it grows evenly, unlike what they do take.
    pub(crate) fn bytes_for(entries: usize) -> usize {
        // Never fuller than three quarters, and half as full when it has just grown.
        entries * (2 * size_of::<Place>() * 4 / 3 + 1) + PLACES_MIN * size_of::<Place>()
    }

    /// The slot with this hash of which `is_it` is true.
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.places.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let Place { hash: other, at } = self.places[place];
            if at == NONE {
                return None;
            }
            if other == hash && is_it(at) {
                return Some(at);
            }
            place = (place + 1) & mask;
        }
    }

    /// Adds a slot, which must not be there.
    pub(crate) fn insert(&mut self, hash: u32, at: u32) {
        if (self.used + 1) * 4 > self.places.len() * 3 {
            self.grow();
        }
        self.used += 1;
        self.put(Place { hash, at });
    }

    /// Removes a slot, which must be there.
    pub(crate) fn remove(&mut self, hash: u32, at: u32) {
        let mask = self.places.len() - 1;
        let mut free = hash as usize & mask;
        while self.places[free].at != at {
            debug_assert_ne!(self.places[free].at, NONE, "the slot is not there");
            free = (free + 1) & mask;
        }
        // Those behind it up to the next free place come forward, unless that would put them
        // before where they would be looked for.
        let mut place = free;
        loop {
            place = (place + 1) & mask;
            let Place { hash, at } = self.places[place];
            if at == NONE {
                break;
            }
            let home = hash as usize & mask;
            if (place.wrapping_sub(home) & mask) >= (place.wrapping_sub(free) & mask) {
                self.places[free] = self.places[place];
                free = place;
            }
        }
        self.places[free] = FREE;
        self.used -= 1;
    }

    fn put(&mut self, entry: Place) {
        let mask = self.places.len() - 1;
        let mut place = entry.hash as usize & mask;
        while self.places[place].at != NONE {
            place = (place + 1) & mask;
        }
        self.places[place] = entry;
    }

    fn grow(&mut self) {
        let places = vec![FREE; self.places.len() * 2].into_boxed_slice();
        let old = std::mem::replace(&mut self.places, places);
        for entry in old.into_iter().filter(|entry| entry.at != NONE) {
            self.put(entry);
        }
    }
}

const FREE: Place = Place { hash: 0, at: NONE };

/// A power of two, as all numbers of places are.
const PLACES_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few homes, the last of them included, so that runs are long and go round the end.
        #[test]
        fn agrees_with_a_map(steps in prop::collection::vec((0u32..40, any::<bool>()), 0..400)) {
            let (mut index, mut map) = (Index::new(), HashMap::new());
            let hash = |at: u32| (at % 5).wrapping_sub(3) & 0x8000_003f;
            for (at, is_insert) in steps {
                if is_insert && map.insert(at, ()).is_none() {
                    index.insert(hash(at), at);
                } else if !is_insert && map.remove(&at).is_some() {
                    index.remove(hash(at), at);
                }
                for at in 0..40 {
                    let found = index.find(hash(at), |other| other == at);
                    prop_assert_eq!(found.is_some(), map.contains_key(&at));
                }
            }
        }
    }

    #[test]
    fn bytes_stay_below_what_is_announced() {
        let mut index = Index::new();
        for at in 0..10_000u32 {
            index.insert(at.wrapping_mul(0x9e37_79b9), at);
            assert!(index.bytes() <= Index::bytes_for(at as usize + 1));
        }
        for at in 0..10_000u32 {
            assert_eq!(
                index.find(at.wrapping_mul(0x9e37_79b9), |other| other == at),
                Some(at)
            );
        }
    }
}
