//! The registry of a trustee: its properties, so that they can be dropped at shutdown.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | a member's share of its property's memory | the registry, which only keeps it | from `enter` until `leave` or `close` hands it over |
//! | `place` of a header | whoever holds the lock | while somebody holds the memory |

use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use slab::Slab;

use crate::property::Header;

/// The properties of one trustee, each with a share of its memory.
///
/// Touched when a property is made and when it dies, never per request.
#[derive(Default)]
pub(crate) struct Registry(Mutex<Properties>);

#[derive(Default)]
struct Properties {
    places: Slab<Member>,
    is_closed: bool,
}

struct Member(NonNull<Header>);

// SAFETY: row 1 of the table: a share may be kept by any thread. What may be touched of the
// property, and where, is for property.rs to say.
unsafe impl Send for Member {}

impl Registry {
    /// Takes in a new property, with a share of its memory; false, without one, if closed.
    #[must_use]
    pub(crate) fn enter(&self, header: NonNull<Header>) -> bool {
        let mut properties = self.lock();
        if properties.is_closed {
            return false;
        }
        let place = properties.places.insert(Member(header));
        // SAFETY: row 2 of the table: the caller, its creator, holds the memory, and this the lock.
        let place_of = unsafe { header.as_ref() }.place();
        place_of.set(u32::try_from(place).expect("fewer than 2^32 properties on one trustee"));
        true
    }

    /// Lets a property go; the caller has its share now, if this returns true.
    #[must_use]
    pub(crate) fn leave(&self, header: NonNull<Header>) -> bool {
        let mut properties = self.lock();
        if properties.is_closed {
            return false;
        }
        // SAFETY: row 2 of the table: the caller holds the memory, and this the lock.
        let place = unsafe { header.as_ref() }.place().get();
        properties.places.remove(place as usize);
        true
    }

    /// Lets all go and takes in no more; the caller has their shares now.
    pub(crate) fn close(&self) -> Vec<NonNull<Header>> {
        let mut properties = self.lock();
        properties.is_closed = true;
        let places = std::mem::take(&mut properties.places);
        places
            .into_iter()
            .map(|(_, Member(header))| header)
            .collect()
    }

    /// How many properties there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().places.len()
    }

    fn lock(&self) -> MutexGuard<'_, Properties> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
