//! Where the bytes of a value are put together.

use gossamer_transport::rack::Payload;

use crate::rack::codec::{LARGE_BYTES, PARCEL_BYTES_MAX, Parcel};
use crate::rack::encoder::{Full, Target};
use crate::rack::handles::Handle;
use crate::rack::numbers::BYTES_AT_ONCE;

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
    /// Its bytes, if there are no trusts beside them.
    #[inline(always)]
    pub(crate) fn plain(&self) -> Option<&[u8]> {
        match &self.parcel {
            None => self.small.get(..self.length),
            Some(parcel) => parcel.handles.is_empty().then_some(&parcel.bytes),
        }
    }

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

/// The bytes of a large value, in parts; after each whoever else wants the processor may have it.
#[derive(Default)]
pub(crate) struct Parts {
    done: Payload,
    last: Vec<u8>,
}

impl Parts {
    pub(crate) fn into_payload(mut self) -> Payload {
        self.done.push(self.last);
        self.done
    }

    #[cold]
    fn begin_part(&mut self) {
        let next = Vec::with_capacity(BYTES_AT_ONCE);
        let last = std::mem::replace(&mut self.last, next);
        if !last.is_empty() {
            self.done.push(last);
            std::thread::yield_now();
        }
    }
}

impl Target for Parts {
    fn append(&mut self, mut bytes: &[u8]) -> Result<(), Full> {
        if bytes.len() > PARCEL_BYTES_MAX - self.done.len() - self.last.len() {
            return Err(Full);
        }
        while !bytes.is_empty() {
            if self.last.len() == self.last.capacity() {
                self.begin_part();
            }
            let room = self.last.capacity() - self.last.len();
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.last.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }
}

const SMALL_BYTES: usize = 64;
