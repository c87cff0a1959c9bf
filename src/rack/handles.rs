//! Trusts in messages: a table beside the bytes, and how values find their trusts in it.
//!
//! While the codec encodes or decodes a value, a frame lies on this thread's stack of them; a
//! trust's `Serialize` puts the trust into the frame's table and its place into the bytes, and
//! `Deserialize` the other way round. Without a frame both fail: the bytes alone hold nothing.

use std::any::Any;
use std::cell::RefCell;
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
pub(crate) struct Writing(());

/// Values are being decoded on this thread while this lives.
pub(crate) struct Reading(());

enum Frame {
    Writing(Vec<Handle>),
    Reading(Vec<Handle>),
}

impl Writing {
    pub(crate) fn begin() -> Self {
        push(Frame::Writing(Vec::new()));
        Self(())
    }

    /// The trusts that were in the value.
    pub(crate) fn end(self) -> Vec<Handle> {
        FRAMES.with_borrow_mut(|frames| match frames.last_mut() {
            Some(Frame::Writing(handles)) => std::mem::take(handles),
            _ => unreachable!("frames end in the order of their beginnings"),
        })
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        pop();
    }
}

impl Reading {
    pub(crate) fn begin(handles: Vec<Handle>) -> Self {
        push(Frame::Reading(handles));
        Self(())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        pop();
    }
}

impl<T: 'static> Serialize for Trust<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let handle = match &self.place {
            Place::Here(trust) => Handle::Here(Arc::new(trust.clone())),
            Place::There(remote, _) => Handle::There(Arc::clone(remote)),
        };
        let index = FRAMES.with_borrow_mut(|frames| match frames.last_mut() {
            Some(Frame::Writing(handles)) if handles.len() < HANDLES_MAX => {
                handles.push(handle);
                Ok(handles.len() as u32 - 1)
            }
            Some(Frame::Writing(_)) => Err("more trusts than one message can carry"),
            _ => Err(OUTSIDE),
        });
        serializer.serialize_u32(index.map_err(S::Error::custom)?)
    }
}

impl<'de, T: 'static> Deserialize<'de> for Trust<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let index = u32::deserialize(deserializer)?;
        let handle = FRAMES.with_borrow(|frames| match frames.last() {
            Some(Frame::Reading(handles)) => match handles.get(index as usize) {
                Some(handle) => Ok(handle.clone()),
                None => Err("a trust that is not in the message"),
            },
            _ => Err(OUTSIDE),
        });
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

fn push(frame: Frame) {
    FRAMES.with_borrow_mut(|frames| frames.push(frame));
}

/// What is dropped are trusts, of which nothing is foreign code.
fn pop() {
    let frame = FRAMES.with_borrow_mut(Vec::pop);
    drop(frame);
}

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

const OUTSIDE: &str = "a rack trust travels only in the arguments and results of rack calls: \
                       its bytes alone mean nothing";

/// The most trusts in one message.
pub(crate) const HANDLES_MAX: usize = 4096;
