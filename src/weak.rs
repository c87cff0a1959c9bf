//! A weak trust: holds the memory of a property, not the property.
//!
//! # Unsafe
//!
//! | field | who may touch it | in which state |
//! |---|---|---|
//! | `property` | any thread, its header only | always: a weak trust has a hold on the memory |

use std::fmt;
use std::ptr::NonNull;

use crate::property::{Header, Property};
use crate::shared::RuntimeId;
use crate::trust::Trust;

/// A handle to a property that does not keep it alive.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// use gossamer::WeakTrust;
///
/// struct Node {
///     parent: WeakTrust<Node>,
///     name: &'static str,
/// }
///
/// let root = gossamer::entrust(Node { parent: WeakTrust::new(), name: "root" });
/// let leaf = gossamer::entrust(Node { parent: root.downgrade(), name: "leaf" });
/// let parent = leaf.apply(|leaf| leaf.parent.upgrade()).await.unwrap();
/// assert_eq!(parent.apply(|parent| parent.name).await, "root");
/// # }
/// ```
pub struct WeakTrust<T: 'static>(Option<Place<T>>);

struct Place<T: 'static> {
    property: NonNull<Property<T>>,
    worker: u32,
    runtime: RuntimeId,
}

// SAFETY: as a trust: of the header it touches what any thread may.
unsafe impl<T> Send for WeakTrust<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for WeakTrust<T> {}

impl<T: 'static> WeakTrust<T> {
    /// A weak trust of no property at all.
    ///
    /// ```
    /// assert!(gossamer::WeakTrust::<i32>::new().upgrade().is_none());
    /// ```
    pub fn new() -> Self {
        Self(None)
    }

    /// # Safety
    /// The caller hands over a hold on the memory.
    pub(crate) unsafe fn from_parts(
        property: NonNull<Property<T>>,
        worker: u32,
        runtime: RuntimeId,
    ) -> Self {
        Self(Some(Place {
            property,
            worker,
            runtime,
        }))
    }

    /// A trust of the property, if there is still one.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let trust = gossamer::entrust(1);
    /// let again = trust.downgrade().upgrade().unwrap();
    /// assert_eq!(again.apply(|n| *n).await, 1);
    /// # }
    /// ```
    pub fn upgrade(&self) -> Option<Trust<T>> {
        let place = self.0.as_ref()?;
        let upgraded = place.header().counts().upgrade();
        // SAFETY: `upgrade` counted one more trust.
        upgraded.then(|| unsafe { place.to_trust() })
    }

    /// Makes the claimed property's only trust again.
    ///
    /// # Safety
    /// The trusts were counted down by `Counts::claim`, their hold on the memory is given up or
    /// will be, and nobody else revives it.
    pub(crate) unsafe fn revive(mut self) -> Trust<T> {
        let place = self.0.take().expect("made of a trust");
        place.header().counts().revive();
        // SAFETY: `revive` counted one trust; the hold on the memory is this weak trust's, which
        // was taken out of it.
        unsafe { place.to_trust() }
    }
}

impl<T: 'static> Place<T> {
    fn header(&self) -> &Header {
        // SAFETY: the row of the table.
        unsafe { self.property.cast().as_ref() }
    }

    /// # Safety
    /// As [`Trust::from_parts`].
    unsafe fn to_trust(&self) -> Trust<T> {
        // SAFETY: the contract is the same.
        unsafe { Trust::from_parts(self.property, self.worker, self.runtime) }
    }
}

impl<T: 'static> Default for WeakTrust<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: 'static> Clone for WeakTrust<T> {
    fn clone(&self) -> Self {
        Self(self.0.as_ref().map(
            |&Place {
                 property,
                 worker,
                 runtime,
             }| {
                // SAFETY: the row of the table.
                unsafe { property.cast::<Header>().as_ref() }
                    .counts()
                    .retain_memory();
                Place {
                    property,
                    worker,
                    runtime,
                }
            },
        ))
    }
}

impl<T: 'static> Drop for WeakTrust<T> {
    fn drop(&mut self) {
        if let Some(place) = self.0.take() {
            // SAFETY: the weak trust's own share.
            unsafe { Header::release_memory(place.property.cast()) };
        }
    }
}

impl<T: 'static> fmt::Debug for WeakTrust<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakTrust")
    }
}
