//! A property: the entrusted value behind a header, in one allocation.
//!
//! This is the only file that makes a `&mut T` of a property. The one to a latched value is made
//! by latch.rs: that value lies behind an `Rc` in the property, whose own value is the latch.
//!
//! # Unsafe
//!
//! | field | who may touch it | in which state |
//! |---|---|---|
//! | `value` | its trustee's thread | `present`, from code that no other delegated code on the same property encloses |
//! | `present` | the creator | before the property is registered |
//! | `present` | its trustee's thread | after, while it holds a share of the memory |
//! | `present` | whoever releases the last share, to read it | after everybody else is gone |
//! | `place` | whoever holds the registry's lock | always |
//! | `counts`, `poison` | anybody who holds the memory | always (atomic) |
//! | the rest of the header | anybody who holds the memory | always (never written) |
//!
//! "No other delegated code encloses" is the worker's doing: requests are run one by one by the
//! trustee's poll, and inline only where `Worker::may_run_inline` says so; the value is dropped
//! by the trustee's poll alone, after the last request on it.

use std::alloc::Layout;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use gossamer_transport::Key;

use crate::counts::{Counts, Release};
use crate::error::Poisoned;
use crate::shared::Shared;
use crate::sync::{AtomicU8, Ordering, UnsafeCell};

/// What is the same for properties of every type.
#[repr(C)]
pub(crate) struct Header {
    counts: Counts,
    poison: AtomicU8,
    present: Cell<bool>,
    /// The index of its trustee's worker.
    worker: u32,
    /// Where it stands in its trustee's registry.
    place: Cell<u32>,
    /// `None` if it was born after its runtime had gone.
    shared: Option<Arc<Shared>>,
    type_info: &'static TypeInfo,
}

/// What the header knows of `T`.
struct TypeInfo {
    layout: Layout,
    drop_value: unsafe fn(NonNull<Header>),
    name: fn() -> &'static str,
}

/// On cache lines of its own: what lies beside it may be another trustee's, and be written as often.
#[repr(C, align(64))]
pub(crate) struct Property<T> {
    header: Header,
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Property<T> {
    const TYPE_INFO: TypeInfo = TypeInfo {
        layout: Layout::new::<Self>(),
        // SAFETY: the caller's word is the same.
        drop_value: |header| unsafe { Self::drop_value(header) },
        name: std::any::type_name::<T>,
    };

    /// A property with one trust, which the caller makes of the address, on the trustee of
    /// worker `worker`; dead at birth if its runtime has gone.
    ///
    /// # Panics
    /// As the value's drop does, if it is dead at birth.
    pub(crate) fn create(shared: Option<Arc<Shared>>, worker: u32, value: T) -> NonNull<Self> {
        let property = Box::new(Self {
            header: Header {
                counts: Counts::new(2),
                poison: AtomicU8::new(POISON_IGNORED),
                present: Cell::new(true),
                worker,
                place: Cell::new(0),
                shared: shared.clone(),
                type_info: const { &Self::TYPE_INFO },
            },
            value: UnsafeCell::new(MaybeUninit::new(value)),
        });
        let property = NonNull::from(Box::leak(property));
        let header = property.cast::<Header>();
        let home = shared
            .as_ref()
            .map(|shared| &shared.workers()[worker as usize]);
        if home.is_none_or(|home| !home.registry().enter(header)) {
            // SAFETY: never registered, so the creator stands for the trustee; no request exists.
            let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { Header::drop_value(header) }));
            // SAFETY: the registry's share, which it did not take; the trust's is left.
            unsafe { Header::release_memory(header) };
            if let Err(payload) = dropped {
                // SAFETY: the share of the trust, which there will not be.
                unsafe { Header::release_memory(header) };
                resume_unwind(payload);
            }
        }
        property
    }

    /// Runs `f` on the value.
    ///
    /// # Panics
    /// As `f` does; with [`Poisoned`] if the property is poisoned.
    ///
    /// # Safety
    /// `key` was made by [`Property::key`] of a living `Property<T>`, and the caller is as row 1
    /// of the table says.
    #[inline(always)]
    pub(crate) unsafe fn with_mut<U>(key: Key, f: impl FnOnce(&mut T) -> U) -> U {
        let property = key.address::<Self>();
        // SAFETY: a living property, by the contract.
        let Self { header, value } = unsafe { &*property };
        // SAFETY: row 1, by the contract; present, because a request is never run after the drop.
        let value = unsafe { &mut *value.get().cast::<T>() };
        if header.may_poison() {
            return header.with_poison(move || f(value));
        }
        f(value)
    }

    /// The key that requests name the property by.
    #[inline(always)]
    pub(crate) fn key(property: NonNull<Self>) -> Key {
        Key::of(property.as_ptr().cast_const())
    }

    /// Moves the value out; the property stays, without one.
    ///
    /// # Safety
    /// Row 1 of the table; and `header` belongs to a `Property<T>`.
    pub(crate) unsafe fn take_value(header: NonNull<Header>) -> Option<T> {
        // SAFETY: by the contract.
        let Self { header, value } = unsafe { header.cast::<Self>().as_ref() };
        if !header.present.replace(false) {
            return None;
        }
        // SAFETY: it was present until the line above, so it is read out once.
        Some(unsafe { value.get().cast::<T>().read() })
    }

    /// # Safety
    /// As [`Property::take_value`].
    unsafe fn drop_value(header: NonNull<Header>) {
        // SAFETY: by the contract; the place is dropped where it lies, pinned or large as it may be.
        let Self { header, value } = unsafe { header.cast::<Self>().as_ref() };
        if header.present.replace(false) {
            // SAFETY: it was present until the line above, so it is dropped once.
            unsafe { value.get().cast::<T>().drop_in_place() };
        }
    }
}

impl Header {
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(crate) fn worker(&self) -> u32 {
        self.worker
    }

    pub(crate) fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.as_ref()
    }

    /// The type of the value, for people.
    pub(crate) fn type_name(&self) -> &'static str {
        (self.type_info.name)()
    }

    /// The place in the registry; under its lock only.
    pub(crate) fn place(&self) -> &Cell<u32> {
        &self.place
    }

    /// From now on, a panic in delegated code makes later requests fail.
    pub(crate) fn arm_poison(&self) {
        // Relaxed: whoever is handed a trust later sees it by that handing over. A failure means
        // that it is armed or poisoned, which it stays.
        let (ignored, armed) = (POISON_IGNORED, POISON_ARMED);
        let relaxed = Ordering::Relaxed;
        let _ = self
            .poison
            .compare_exchange(ignored, armed, relaxed, relaxed);
    }

    /// Whether a panic makes later requests fail, or has.
    #[inline(always)]
    pub(crate) fn may_poison(&self) -> bool {
        // Relaxed: set before the trust was shared, or on this thread.
        self.poison.load(Ordering::Relaxed) != POISON_IGNORED
    }

    /// Whether requests are refused, as one before has panicked; asked on its trustee.
    fn is_poisoned(&self) -> bool {
        // Relaxed: it becomes `POISONED` on this thread only.
        self.poison.load(Ordering::Relaxed) == POISONED
    }

    /// Drops the value, if it is present.
    ///
    /// # Safety
    /// Row 1 of the table.
    pub(crate) unsafe fn drop_value(header: NonNull<Self>) {
        // SAFETY: a header is always at the start of a living property of its type.
        let type_info = unsafe { header.as_ref() }.type_info;
        // SAFETY: the contract is the same.
        unsafe { (type_info.drop_value)(header) }
    }

    /// Gives up one share of the memory and frees it with the last.
    ///
    /// # Safety
    /// The caller has such a share. The value is not present any more when the last share goes:
    /// the trustee's registry keeps one until then.
    pub(crate) unsafe fn release_memory(header: NonNull<Self>) {
        // SAFETY: the caller's share keeps it alive.
        let this = unsafe { header.as_ref() };
        if this.counts.release_memory() == Release::Shared {
            return;
        }
        debug_assert!(!this.present.get(), "memory freed under a living value");
        let layout = this.type_info.layout;
        // SAFETY: the last share, so nobody can touch the header any more.
        unsafe { header.drop_in_place() };
        // SAFETY: allocated by the box in `create` with this layout.
        unsafe { std::alloc::dealloc(header.as_ptr().cast(), layout) };
    }

    /// Runs `f` unless the property is poisoned; poisons it if `f` panics.
    #[cold]
    fn with_poison<U>(&self, f: impl FnOnce() -> U) -> U {
        struct PoisonOnUnwind<'a>(&'a AtomicU8);
        impl Drop for PoisonOnUnwind<'_> {
            fn drop(&mut self) {
                // Relaxed: read by this thread only, in `with_mut`.
                self.0.store(POISONED, Ordering::Relaxed);
            }
        }

        if self.is_poisoned() {
            drop(f);
            resume_unwind(Box::new(Poisoned));
        }
        let poison = PoisonOnUnwind(&self.poison);
        let result = f();
        std::mem::forget(poison);
        result
    }
}

/// The values of `Header::poison`.
const POISON_IGNORED: u8 = 0;
const POISON_ARMED: u8 = 1;
const POISONED: u8 = 2;
