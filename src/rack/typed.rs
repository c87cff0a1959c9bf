//! A property whose type is forgotten, and what tells it: to ask the property is a call through
//! memory, which takes as long as the rest of a visit.
//!
//! # Unsafe
//!
//! | what | who may do it | in which state |
//! |---|---|---|
//! | take the property for an `X` | `Typed::get` | it is one: `type_id` is that of the property, by `Typed::new`, and neither ever changes |

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::rack::handles::Exportable;

/// A property and what tells its type.
pub(crate) struct Typed {
    property: Arc<dyn Exportable>,
    type_id: TypeId,
}

impl Typed {
    pub(crate) fn new(property: Arc<dyn Exportable>) -> Self {
        let any: &dyn Any = &*property;
        Self {
            type_id: any.type_id(),
            property,
        }
    }

    /// The property, if it is an `X`.
    #[inline(always)]
    pub(crate) fn get<X: 'static>(&self) -> Option<&X> {
        if self.type_id != TypeId::of::<X>() {
            return None;
        }
        let property = Arc::as_ptr(&self.property).cast::<X>();
        // SAFETY: the row of the table; the share of it here keeps it.
        Some(unsafe { &*property })
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
