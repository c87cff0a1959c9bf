//! A batch of requests: how it is put together, and how it is read.

use crate::image::UNLISTED;
use crate::rack::error::WireError;
use crate::rack::layout::RingKind;
use crate::rack::port::Port;
use crate::rack::wire::Content;
use crate::rack::wire::header::{
    Property, RECORD_HEADER_WORDS_MAX, Request, RequestHeader, awaited, bulk, put_payload, words_of,
};
use crate::rack::wire::reader::{Cursor, SlotImage, Words};
use crate::slot::{BODY_WORDS, CALLS, SLOT_BYTES, Seal};

/// A batch of requests under construction.
///
/// ```
/// use gossamer_transport::rack::wire::{Content, Request, RequestImage, RequestReader};
///
/// let mut image = RequestImage::new();
/// image.push(&Request { call: 7, ..Request::default() }, Content::Inline(b"payload"));
/// let mut reader = RequestReader::new();
/// reader.take_image(&image.to_slot(1))?;
/// let record = reader.take_record()?.expect("there is one");
/// assert_eq!((record.call, record.content), (7, Content::Inline(b"payload")));
/// assert!(reader.take_record()?.is_none());
/// # Ok::<(), gossamer_transport::rack::WireError>(())
/// ```
#[derive(Debug)]
pub struct RequestImage {
    bytes: Box<SlotImage>,
    /// The lowest word used.
    offset: usize,
    count: u16,
    calls: [u64; CALLS],
    listed: usize,
    /// The property of the last record.
    property: Option<Property>,
}

impl RequestImage {
    /// An empty image.
    pub fn new() -> Self {
        Self {
            bytes: Box::new(SlotImage([0; SLOT_BYTES])),
            offset: BODY_WORDS,
            count: 0,
            calls: [0; CALLS],
            listed: 0,
            property: None,
        }
    }

    /// How many requests it holds.
    #[inline(always)]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Whether a record with so many bytes in the slot fits for certain.
    #[inline(always)]
    pub fn has_room(&self, inline_bytes: usize) -> bool {
        self.offset >= RECORD_HEADER_WORDS_MAX + words_of(inline_bytes)
    }

    /// Appends a request.
    ///
    /// # Panics
    /// If it does not fit.
    #[inline]
    pub fn push(&mut self, request: &Request, content: Content<'_>) {
        match content {
            Content::Inline(payload) => self.push_inline(request, payload),
            Content::Bulk(length) => {
                self.offset = self.push_header(request, true, length);
                self.count += 1;
            }
        }
    }

    /// Appends a request whose payload is in the slot.
    ///
    /// What it changes of the image it stores once each: the next request waits for these stores.
    #[inline(always)]
    pub(crate) fn push_inline(&mut self, request: &Request, payload: &[u8]) {
        let words = words_of(payload.len());
        let end = self.push_header(request, false, payload.len() as u64);
        self.offset = end - words;
        put_payload(&mut self.bytes.0[8 * self.offset..8 * end], payload);
        self.count += 1;
    }

    /// Puts a header below the lowest word used, and returns what is the lowest then.
    #[inline(always)]
    fn push_header(&mut self, request: &Request, is_bulk: bool, length: u64) -> usize {
        let same_property = self.property == Some(request.property);
        let call = self.call_index(request.call);
        let header = RequestHeader {
            call,
            kind: request.kind,
            is_bulk,
            same_property,
            length,
        };
        let mut at = self.offset - 1;
        self.put(at, header.to_word());
        if !same_property {
            self.property = Some(request.property);
            at -= 1;
            self.put(at, request.property.to_word());
        }
        if call == UNLISTED {
            at -= 1;
            self.put(at, request.call);
        }
        at
    }

    /// Forgets all that it holds.
    pub fn clear(&mut self) {
        self.offset = BODY_WORDS;
        self.count = 0;
        self.property = None;
        if self.listed > 1 {
            self.listed = 0;
        }
    }

    /// What goes before the seal, and the seal that makes it batch `sequence`.
    #[inline]
    pub(crate) fn sealed(&self, sequence: u32) -> (&[u8], u64) {
        let seal = Seal {
            sequence,
            offset: self.offset as u16,
            count: self.count,
            has_exceptions: false,
        };
        let used = &self.bytes.0[8 * self.offset..SLOT_BYTES - 8];
        (used, seal.to_word())
    }

    /// The slot as a peer would see it.
    pub fn to_slot(&self, sequence: u32) -> SlotImage {
        to_slot(self.sealed(sequence))
    }

    #[inline(always)]
    fn put(&mut self, index: usize, word: u64) {
        self.bytes.0[8 * index..][..8].copy_from_slice(&word.to_le_bytes());
    }

    /// The short index of a call, listing it if there is a place left.
    #[inline(always)]
    fn call_index(&mut self, call: u64) -> u8 {
        if let Some(index) = self.calls[..self.listed].iter().position(|&at| at == call) {
            return index as u8;
        }
        if self.listed == CALLS {
            return UNLISTED;
        }
        self.calls[self.listed] = call;
        self.put(BODY_WORDS + self.listed, call);
        self.listed += 1;
        self.listed as u8 - 1
    }
}

impl Default for RequestImage {
    fn default() -> Self {
        Self::new()
    }
}

/// The slot that a peer would see.
pub(crate) fn to_slot((used, seal): (&[u8], u64)) -> SlotImage {
    let mut slot = SlotImage([0; SLOT_BYTES]);
    let end = SLOT_BYTES - 8;
    slot.0[end - used.len()..end].copy_from_slice(used);
    slot.0[end..].copy_from_slice(&seal.to_le_bytes());
    slot
}

/// The requests of a batch that has arrived, copied out of its slot.
#[derive(Debug)]
pub struct RequestReader {
    cursor: Cursor,
    property: Option<Property>,
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRecord<'a> {
    /// What to run.
    pub call: u64,
    /// On which property.
    pub property: Property,
    /// What kind of request it is.
    pub kind: u8,
    /// The payload.
    pub content: Content<'a>,
}

impl RequestReader {
    /// A reader of nothing yet.
    pub fn new() -> Self {
        Self {
            cursor: Cursor::new(),
            property: None,
        }
    }

    /// Takes batch `sequence` out of its slot, if it has come.
    #[inline]
    pub(crate) fn take(&mut self, port: &Port, sequence: u32) -> Result<bool, WireError> {
        self.property = None;
        self.cursor
            .take(port, RingKind::Requests, sequence, BODY_WORDS)
    }

    /// Takes a batch out of an image.
    ///
    /// # Errors
    /// If its seal says what cannot be.
    pub fn take_image(&mut self, image: &SlotImage) -> Result<(), WireError> {
        self.property = None;
        self.cursor.take_image(image, BODY_WORDS)
    }

    /// How many requests are left.
    #[inline(always)]
    pub fn left(&self) -> u16 {
        self.cursor.left()
    }

    /// How many bytes of pieces the next request needs; none if there is no such request.
    ///
    /// # Errors
    /// If it cannot need so many: so that whoever waits for it hears of it.
    #[inline(always)]
    pub(crate) fn awaited(&self) -> Result<u64, WireError> {
        if self.left() == 0 {
            return Ok(0);
        }
        let header = RequestHeader::from_word(self.cursor.peek()?);
        awaited(header.is_bulk, header.length)
    }

    /// Takes the next request, which there is, if its payload is in the slot, and gives it to
    /// `act`, in registers: put together to be returned, it would go through memory.
    #[inline(always)]
    pub(crate) fn take_inline(
        &mut self,
        act: impl FnOnce(u64, Property, u8, &[u8]),
    ) -> Result<bool, WireError> {
        let mut words = self.cursor.words();
        let header = RequestHeader::from_word(self.cursor.pop(&mut words)?);
        if header.is_bulk {
            return Ok(false);
        }
        let (property, call) = self.take_names(header, &mut words)?;
        let start = words.pop_bytes(header.length)?;
        self.cursor.finish_record(words)?;
        let payload = self.cursor.bytes(start, header.length);
        act(call, property, header.kind, payload);
        Ok(true)
    }

    /// Takes the next request.
    ///
    /// # Errors
    /// If it is not a request that can be.
    #[inline]
    pub fn take_record(&mut self) -> Result<Option<RequestRecord<'_>>, WireError> {
        if self.left() == 0 {
            return Ok(None);
        }
        let mut words = self.cursor.words();
        let header = RequestHeader::from_word(self.cursor.pop(&mut words)?);
        let (property, call) = self.take_names(header, &mut words)?;
        let content = if header.is_bulk {
            self.cursor.finish_record(words)?;
            bulk(header.length)?
        } else {
            let start = words.pop_bytes(header.length)?;
            self.cursor.finish_record(words)?;
            Content::Inline(self.cursor.bytes(start, header.length))
        };
        Ok(Some(RequestRecord {
            call,
            property,
            kind: header.kind,
            content,
        }))
    }

    /// The property and the call of a request.
    #[inline(always)]
    fn take_names(
        &mut self,
        header: RequestHeader,
        words: &mut Words,
    ) -> Result<(Property, u64), WireError> {
        let property = if header.same_property {
            self.property.ok_or(WireError::NoProperty)?
        } else {
            let property = Property::from_word(self.cursor.pop(words)?);
            self.property = Some(property);
            property
        };
        let call = match header.call {
            index if usize::from(index) < CALLS => {
                self.cursor.word(BODY_WORDS + usize::from(index))
            }
            UNLISTED => self.cursor.pop(words)?,
            index => return Err(WireError::CallIndex(index)),
        };
        Ok((property, call))
    }
}

impl Default for RequestReader {
    fn default() -> Self {
        Self::new()
    }
}

const _: () = assert!(CALLS < UNLISTED as usize);
