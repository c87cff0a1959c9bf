//! Trusts in messages: a table beside the bytes, and how values find their trusts in it.
//!
//! While the codec encodes or decodes a value, this thread is in a frame of its own; a trust's
//! `Serialize` puts the trust into the frame's table and its place into the bytes, and
//! `Deserialize` the other way round. Without a frame both fail: the bytes alone hold nothing.
//!
//! Cost of a value without trusts: a word of this thread is read, and written twice.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::rack::remote::Remote;
use crate::rack::trust::{Place, Trust};

/// A trust without its type, in the table of a message.
#[derive(Clone)]
pub(crate) enum Handle {
    /// A plain trust of this process.
    Here(Arc<dyn Exportable>),
    /// A trust of a property elsewhere.
    There(Arc<Remote>),
}

/// A plain trust whose type is forgotten.
pub(crate) trait Exportable: Any + Send + Sync {
    /// The worker of its property.
    fn worker(&self) -> u32;
    /// Tells the properties of this process apart while the trust lives.
    fn address(&self) -> usize;
    /// What tells its type apart from others, in any process of this build.
    fn type_word(&self) -> u32;
}

impl<T: 'static> Exportable for crate::Trust<T> {
    fn worker(&self) -> u32 {
        self.trustee().worker() as u32
    }

    fn address(&self) -> usize {
        self.property_address()
    }

    fn type_word(&self) -> u32 {
        crate::rack::entry::word_of::<T>()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(trust) => f.debug_tuple("Here").field(&trust.worker()).finish(),
            Self::There(remote) => f.debug_tuple("There").field(remote).finish(),
        }
    }
}

/// Values are being encoded on this thread while this lives.
pub(crate) struct Writing {
    _enclosing: Enclosing,
}

/// Values are being decoded on this thread while this lives.
pub(crate) struct Reading {
    _enclosing: Enclosing,
}

/// What this thread is in the midst of, and how many of the last of its trusts are of that. One
/// word: what is written in parts and read at once waits for the parts.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Frame(u64);

impl Frame {
    const OUTSIDE: Self = Self(0);
    const WRITING: Self = Self(1 << 32);
    const READING: Self = Self(2 << 32);

    /// The same with so many trusts.
    #[inline(always)]
    fn with(self, count: u32) -> Self {
        Self(self.kind().0 | u64::from(count))
    }

    #[inline(always)]
    fn count(self) -> u32 {
        self.0 as u32
    }

    /// The same without trusts.
    #[inline(always)]
    fn kind(self) -> Self {
        Self(self.0 >> 32 << 32)
    }
}

/// The frame that this thread was in before; a value's `Serialize` may make calls of its own.
struct Enclosing(Frame);

impl Writing {
    #[inline(always)]
    pub(crate) fn begin() -> Self {
        let _enclosing = Enclosing(FRAME.replace(Frame::WRITING));
        Self { _enclosing }
    }

    /// The trusts that were in the value, if there were any.
    #[inline(always)]
    pub(crate) fn end(self) -> Option<Vec<Handle>> {
        (FRAME.get().count() > 0).then(take_last)
    }
}

impl Reading {
    #[inline(always)]
    pub(crate) fn begin(handles: &mut Vec<Handle>) -> Self {
        let count = handles.len() as u32;
        if count > 0 {
            TRUSTS.with_borrow_mut(|trusts| trusts.append(handles));
        }
        let _enclosing = Enclosing(FRAME.replace(Frame::READING.with(count)));
        Self { _enclosing }
    }

    /// Of a value without trusts.
    #[inline(always)]
    pub(crate) fn begin_plain() -> Self {
        let _enclosing = Enclosing(FRAME.replace(Frame::READING));
        Self { _enclosing }
    }
}

impl Drop for Enclosing {
    #[inline(always)]
    fn drop(&mut self) {
        if FRAME.get().count() > 0 {
            drop(take_last());
        }
        FRAME.set(self.0);
    }
}

/// Takes the trusts of this thread's frame. Dropping them runs no foreign code.
#[cold]
fn take_last() -> Vec<Handle> {
    let frame = FRAME.get();
    let count = frame.count();
    FRAME.set(frame.kind());
    TRUSTS.with_borrow_mut(|trusts| trusts.split_off(trusts.len() - count as usize))
}

impl<T: 'static> Serialize for Trust<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let handle = match &self.place {
            Place::Here(trust) => Handle::Here(Arc::new(trust.clone())),
            Place::There(remote, _) => Handle::There(Arc::clone(remote)),
        };
        let frame = FRAME.get();
        let index = match frame.count() {
            _ if frame.kind() != Frame::WRITING => Err(OUTSIDE),
            index if index < HANDLES_MAX as u32 => {
                TRUSTS.with_borrow_mut(|trusts| trusts.push(handle));
                FRAME.set(frame.with(index + 1));
                Ok(index)
            }
            _ => Err("more trusts than one message can carry"),
        };
        serializer.serialize_u32(index.map_err(S::Error::custom)?)
    }
}

impl<'de, T: 'static> Deserialize<'de> for Trust<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let index = u32::deserialize(deserializer)?;
        let frame = FRAME.get();
        let handle = match frame.count() {
            _ if frame.kind() != Frame::READING => Err(OUTSIDE),
            count if index < count => TRUSTS.with_borrow(|trusts| {
                let first = trusts.len() - count as usize;
                Ok(trusts[first + index as usize].clone())
            }),
            _ => Err("a trust that is not in the message"),
        };
        let place = match handle.map_err(D::Error::custom)? {
            Handle::Here(trust) => {
                let trust: &dyn Any = &*trust;
                trust.downcast_ref().cloned().map(Place::Here)
            }
            Handle::There(remote) => remote
                .is_of_type(crate::rack::entry::word_of::<T>())
                .then(|| Place::There(remote, std::marker::PhantomData)),
        };
        let place = place.ok_or_else(|| D::Error::custom("a trust of another type"))?;
        Ok(Self { place })
    }
}

thread_local! {
    static FRAME: Cell<Frame> = const { Cell::new(Frame::OUTSIDE) };
    /// Those of all frames, one frame above the other.
    static TRUSTS: RefCell<Vec<Handle>> = const { RefCell::new(Vec::new()) };
}

const OUTSIDE: &str = "a rack trust travels only in the arguments and results of rack calls: \
                       its bytes alone mean nothing";

/// The most trusts in one message.
pub(crate) const HANDLES_MAX: usize = 4096;
