//! What the files of the library need to know of properties here: nothing but a name.

use std::marker::PhantomData;

use gossamer_transport::Key;

/// Stands in for a property: requests of the models go to the trustee itself.
pub(crate) struct Property<T>(PhantomData<T>);

impl<T> Property<T> {
    /// # Safety
    /// None is needed: it is never called.
    pub(crate) unsafe fn with_mut<U>(_: Key, _: impl FnOnce(&mut T) -> U) -> U {
        unreachable!("no request of a model names a property")
    }
}
