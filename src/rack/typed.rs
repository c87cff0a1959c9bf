//! A property whose type is forgotten, and what tells it: to ask the property is a call through
//! memory, which takes as long as the rest of a visit.
//!
//! # Unsafe
//!
//! | what | who may do it | in which state |
//! |---|---|---|
//! | take `place` for an `X` | `Typed::get` | it is one: `type_id` is that of the property, which lies there until its share here goes; by `Typed::new`, and none of the three ever changes |

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::rack::handles::Exportable;

/// A property and what tells its type.
pub(crate) struct Typed {
    type_id: TypeId,
    /// Where it lies, which the pointer of `property` tells by way of its table of functions only.
    place: *const (),
    property: Arc<dyn Exportable>,
}

impl Typed {
    pub(crate) fn new(property: Arc<dyn Exportable>) -> Self {
        let any: &dyn Any = &*property;
        Self {
            type_id: any.type_id(),
            place: Arc::as_ptr(&property).cast(),
            property,
        }
    }

    /// The property, if it is an `X`.
    #[inline(always)]
    pub(crate) fn get<X: 'static>(&self) -> Option<&X> {
        if self.type_id != TypeId::of::<X>() {
            return None;
        }
        // SAFETY: the row of the table.
        Some(unsafe { &*self.place.cast::<X>() })
    }

    /// The worker that it lives on.
    pub(crate) fn worker(&self) -> u32 {
        self.property.worker()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Property(u32);

    impl Exportable for Property {
        fn worker(&self) -> u32 {
            self.0
        }

        fn address(&self) -> usize {
            0
        }

        fn type_word(&self) -> u32 {
            0
        }
    }

    #[test]
    fn a_property_is_of_its_type_alone() {
        let typed = Typed::new(Arc::new(Property(7)));
        assert_eq!(typed.get::<Property>().map(|property| property.0), Some(7));
        assert!(typed.get::<u32>().is_none());
        assert!(typed.get::<Arc<dyn Exportable>>().is_none());
    }
}
