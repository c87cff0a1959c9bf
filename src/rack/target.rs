//! Where the bytes of a value are put together.

use gossamer_transport::rack::Payload;
use gossamer_transport::rack::wire::INLINE_BYTES_MAX;

use crate::rack::codec::{LARGE_BYTES, PARCEL_BYTES_MAX, Parcel};
use crate::rack::encoder::{Full, Target};
use crate::rack::handles::Handle;
use crate::rack::numbers::{BYTES_AT_ONCE, with_large_pages};
use crate::unblock::beside;

/// A target with room for what is not large.
pub(crate) trait InPlace: Target {
    /// Whether something has found no room.
    fn is_full(&self) -> bool;

    /// Puts the trusts of a value beside its bytes.
    fn attach(&mut self, handles: Vec<Handle>);
}

impl Target for Parcel {
    #[inline(always)]
    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        if bytes.len() > self.bytes.capacity() - self.bytes.len() {
            make_room(self, bytes.len())?;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

#[cold]
fn make_room(parcel: &mut Parcel, bytes: usize) -> Result<(), Full> {
    if parcel.bytes.len().saturating_add(bytes) > LARGE_BYTES {
        parcel.is_full = true;
        return Err(Full);
    }
    parcel.bytes.reserve(bytes);
    Ok(())
}

impl InPlace for Parcel {
    #[inline(always)]
    fn is_full(&self) -> bool {
        self.is_full
    }

    #[cold]
    fn attach(&mut self, handles: Vec<Handle>) {
        self.handles.extend(handles);
    }
}

/// A value, in place while it is a few bytes and nothing else.
pub(crate) struct Buffer {
    small: [u8; SMALL_BYTES],
    /// How many bytes it has, those of `parcel` included.
    length: usize,
    /// All of it if it is more.
    parcel: Option<Box<Parcel>>,
}

impl Default for Buffer {
    #[inline(always)]
    fn default() -> Self {
        Self {
            small: [0; SMALL_BYTES],
            length: 0,
            parcel: None,
        }
    }
}

impl Buffer {
    /// Its bytes, if they are few and there are no trusts beside them.
    #[inline(always)]
    pub(crate) fn in_place(&self) -> Option<&[u8]> {
        match self.parcel {
            None => self.small.get(..self.length),
            Some(_) => None,
        }
    }

    #[cold]
    pub(crate) fn take(&mut self) -> Parcel {
        let parcel = std::mem::take(self.parcel());
        *self = Self::default();
        parcel
    }

    #[cold]
    fn parcel(&mut self) -> &mut Parcel {
        self.parcel.get_or_insert_with(|| {
            Box::new(Parcel {
                bytes: self.small[..self.length].to_vec(),
                ..Parcel::default()
            })
        })
    }
}

impl Target for Buffer {
    #[inline(always)]
    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.length.wrapping_add(bytes.len());
        match self.small.get_mut(self.length..end) {
            Some(place) if self.parcel.is_none() => place.copy_from_slice(bytes),
            _ => self.parcel().append(bytes)?,
        }
        self.length = end;
        Ok(())
    }
}

impl InPlace for Buffer {
    #[inline(always)]
    fn is_full(&self) -> bool {
        matches!(&self.parcel, Some(parcel) if parcel.is_full)
    }

    #[cold]
    fn attach(&mut self, handles: Vec<Handle>) {
        self.parcel().attach(handles);
    }
}

/// A value, in place while it is a few bytes and nothing else; all of it goes into a parcel that is
/// there already if it is more.
pub(crate) struct Answer<'p> {
    small: [u8; SMALL_BYTES],
    length: usize,
    parcel: &'p mut Parcel,
    is_in_parcel: bool,
}

impl<'p> Answer<'p> {
    #[inline(always)]
    pub(crate) fn new(parcel: &'p mut Parcel) -> Self {
        Self {
            small: [0; SMALL_BYTES],
            length: 0,
            parcel,
            is_in_parcel: false,
        }
    }

    /// Its bytes, if they are in place.
    #[inline(always)]
    pub(crate) fn in_place(&self) -> Option<&[u8]> {
        match self.is_in_parcel {
            false => self.small.get(..self.length),
            true => None,
        }
    }

    /// Has all of it in the parcel.
    #[cold]
    #[inline(never)]
    pub(crate) fn put_into_parcel(&mut self) -> &mut Parcel {
        if !self.is_in_parcel {
            self.is_in_parcel = true;
            self.parcel.clear();
            self.parcel.bytes.extend(&self.small[..self.length]);
        }
        self.parcel
    }
}

impl Target for Answer<'_> {
    #[inline(always)]
    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.length.wrapping_add(bytes.len());
        match self.small.get_mut(self.length..end) {
            Some(place) if !self.is_in_parcel => place.copy_from_slice(bytes),
            _ => self.put_into_parcel().append(bytes)?,
        }
        self.length = end;
        Ok(())
    }
}

impl InPlace for Answer<'_> {
    #[inline(always)]
    fn is_full(&self) -> bool {
        self.is_in_parcel && self.parcel.is_full
    }

    #[cold]
    fn attach(&mut self, handles: Vec<Handle>) {
        self.put_into_parcel().attach(handles);
    }
}

/// The bytes of a large value; from time to time whoever else wants the processor may have it.
pub(crate) struct Whole {
    bytes: Vec<u8>,
    /// How many there may be until the next pause.
    pause: usize,
}

impl Default for Whole {
    fn default() -> Self {
        Self {
            bytes: with_large_pages(FIRST_BYTES),
            pause: BYTES_AT_ONCE,
        }
    }
}

impl Whole {
    /// They are let go of beside the workers, too.
    pub(crate) fn into_payload(self) -> Payload {
        let mut payload = Payload::from(self.bytes);
        payload.set_disposal(|bytes| match bytes.len() > LARGE_BYTES {
            true => beside(|| drop(bytes)).detach(),
            false => drop(bytes),
        });
        payload
    }
}

impl Target for Whole {
    fn append(&mut self, mut bytes: &[u8]) -> Result<(), Full> {
        if bytes.len() > PARCEL_BYTES_MAX - self.bytes.len() {
            return Err(Full);
        }
        while bytes.len() > self.pause {
            let (now, later) = bytes.split_at(self.pause);
            self.bytes.extend_from_slice(now);
            std::thread::yield_now();
            (self.pause, bytes) = (BYTES_AT_ONCE, later);
        }
        self.bytes.extend_from_slice(bytes);
        self.pause -= bytes.len();
        Ok(())
    }
}

/// Room that a large value has at first: what it then grows by is of large pages, too.
const FIRST_BYTES: usize = 4 << 20;
const SMALL_BYTES: usize = 64;
// The models have short payloads.
const _: () = assert!(SMALL_BYTES <= INLINE_BYTES_MAX || cfg!(loom));
