//! The properties of one worker that other nodes have asked for, so that a call finds its own
//! without the lock of the references.
//!
//! What is here is kept alive by it, so whoever lets a property go says so to its worker, which
//! forgets it: **Invariant:** a property is remembered by the worker that it lives on alone.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use crate::rack::references::References;
use crate::rack::remote::PropertyId;
use crate::rack::typed::Typed;

/// A property, to be held while a call runs on it, at the cost of a count of this thread's own.
pub(crate) type Found = Rc<Typed>;

/// What a worker remembers.
#[derive(Default)]
pub(crate) struct Properties(RefCell<Known>);

#[derive(Default)]
struct Known {
    all: HashMap<u64, Found, BuildHasherDefault<Spread>>,
    /// The one that was asked for last, which mostly is asked for next.
    last: Option<(u64, Found)>,
}

impl Properties {
    /// What was exported under this name, if anything.
    #[inline(always)]
    pub(crate) fn find(
        &self,
        references: &References,
        worker: u32,
        id: PropertyId,
    ) -> Option<Found> {
        if let Some((last, found)) = &self.0.borrow().last
            && *last == word(id)
        {
            return Some(Rc::clone(found));
        }
        self.find_other(references, worker, id)
    }

    #[inline(never)]
    fn find_other(&self, references: &References, worker: u32, id: PropertyId) -> Option<Found> {
        let known = &mut *self.0.borrow_mut();
        let found = match known.all.get(&word(id)) {
            Some(found) => Rc::clone(found),
            None => {
                let found = Rc::new(Typed::new(references.find(id)?));
                if found.worker() != worker {
                    return Some(found);
                }
                known.all.insert(word(id), Rc::clone(&found));
                found
            }
        };
        known.last = Some((word(id), Rc::clone(&found)));
        Some(found)
    }

    /// It was let go.
    pub(crate) fn forget(&self, id: PropertyId) {
        let mut known = self.0.borrow_mut();
        let last = known.last.take_if(|(last, _)| *last == word(id));
        let forgotten = (known.all.remove(&word(id)), last);
        drop(known);
        drop(forgotten);
    }

    /// All were.
    pub(crate) fn forget_all(&self) {
        drop(self.0.take());
    }
}

fn word(id: PropertyId) -> u64 {
    u64::from(id.index) | u64::from(id.generation) << 32
}

/// Spreads numbers that count from 0. What others may choose is only which of our own names they
/// ask for.
#[derive(Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, _: &[u8]) {
        unreachable!("names are words");
    }

    #[inline(always)]
    fn write_u64(&mut self, word: u64) {
        // From the golden ratio; the upper half has what differs above.
        let product = word.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ product >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
