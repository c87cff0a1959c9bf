//! A batch of requests: how it is put together, and how it is read.

use super::{BODY_WORDS, CALLS, SLOT_BYTES, WORDS_UNSEALED};
use crate::image::UNLISTED;
use crate::rack::error::WireError;
use crate::rack::layout::RingKind;
use crate::rack::port::Port;
use crate::rack::wire::Content;
use crate::rack::wire::header::{
    Property, RECORD_HEADER_WORDS_MAX, Request, RequestHeader, Run, awaited, bulk, put_payload,
    words_of,
};
use crate::rack::wire::reader::{Cursor, Payloads, SlotImage, Words};
use crate::seal::Seal;

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
    /// What the last record is like.
    last: Last,
}

/// The last record, and what another has to be like to share its header, which lies at this word.
#[derive(Clone, Copy, Debug)]
struct Last {
    call: u64,
    property: u64,
    /// Kind and length, as they are in a header.
    shape: u64,
    header: usize,
    /// How many share it, beside those of which it says so: it is told when the run ends.
    more: u64,
}

impl Last {
    /// No record is like this.
    const NONE: Self = Self {
        call: 0,
        property: 0,
        shape: u64::MAX,
        header: 0,
        more: 0,
    };
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
            last: Last::NONE,
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
        usize::from(self.count) < WORDS_UNSEALED
            && self.offset >= RECORD_HEADER_WORDS_MAX + words_of(inline_bytes)
    }

    /// Appends a request.
    ///
    /// # Panics
    /// If it does not fit.
    #[inline]
    pub fn push(&mut self, request: &Request, content: Content<'_>) {
        assert!(
            usize::from(self.count) < WORDS_UNSEALED,
            "as many as there are words"
        );
        match content {
            Content::Inline(payload) => self.push_inline(request, payload),
            Content::Bulk(length) => {
                let Request {
                    call,
                    property,
                    kind,
                    ..
                } = *request;
                self.end_run();
                self.offset = self.push_header((call, property, kind), true, length);
                self.count += 1;
                self.last = Last::NONE;
            }
        }
    }

    /// Appends a request whose payload is in the slot; one like the one before it is a payload and
    /// nothing else.
    ///
    /// What it changes of the image it stores once each: the next request waits for these stores.
    #[inline(always)]
    pub(crate) fn push_inline(&mut self, request: &Request, payload: &[u8]) {
        let (call, property) = (request.call, request.property.to_word());
        let shape = RequestHeader::shape(request.kind, payload.len());
        let Last {
            call: last_call,
            property: last_property,
            shape: last_shape,
            ..
        } = self.last;
        let end = match (call, property, shape) == (last_call, last_property, last_shape) {
            true => {
                self.last.more += 1;
                self.offset
            }
            false => self.begin_run(call, property, shape),
        };
        self.offset = end - words_of(payload.len());
        put_payload(&mut self.bytes, self.offset, payload);
        self.count += 1;
    }

    /// Has the header of the last record say how many share it.
    fn end_run(&mut self) {
        let more = std::mem::take(&mut self.last.more);
        if more > 0 {
            add_to_run(&mut self.bytes, self.last.header, more);
        }
    }

    /// Puts a header, and returns the lowest word used then.
    #[inline(never)]
    fn begin_run(&mut self, call: u64, property: u64, shape: u64) -> usize {
        self.end_run();
        let header = self.offset - 1;
        self.last = Last {
            call,
            property,
            shape,
            header,
            more: 0,
        };
        let RequestHeader { kind, length, .. } = RequestHeader::from_word(shape);
        self.push_header((call, Property::from_word(property), kind), false, length)
    }

    /// Puts a header below the lowest word used, and returns what is the lowest then.
    #[inline(always)]
    fn push_header(
        &mut self,
        (called, property, kind): (u64, Property, u8),
        is_bulk: bool,
        length: u64,
    ) -> usize {
        let same_property = self.property == Some(property);
        let call = self.call_index(called);
        let header = RequestHeader {
            call,
            kind,
            is_bulk,
            same_property,
            length,
        };
        let mut at = self.offset - 1;
        self.put(at, header.to_word());
        if !same_property {
            self.property = Some(property);
            at -= 1;
            self.put(at, property.to_word());
        }
        if call == UNLISTED {
            at -= 1;
            self.put(at, called);
        }
        at
    }

    /// Forgets all that it holds.
    pub fn clear(&mut self) {
        self.offset = BODY_WORDS;
        self.count = 0;
        self.property = None;
        self.last = Last::NONE;
        if self.listed > 1 {
            self.listed = 0;
        }
    }

    /// What goes before the seal, and the seal that makes it batch `sequence`.
    #[inline]
    pub(crate) fn sealed(&mut self, sequence: u32) -> (&[u8], u64) {
        self.end_run();
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
    pub fn to_slot(&mut self, sequence: u32) -> SlotImage {
        to_slot(self.sealed(sequence))
    }

    #[inline(always)]
    fn put(&mut self, index: usize, word: u64) {
        self.bytes.0.as_chunks_mut().0[index] = word.to_le_bytes();
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

/// Has the header at a word say that so many more share it.
pub(crate) fn add_to_run(bytes: &mut SlotImage, header: usize, more: u64) {
    let header = &mut bytes.0.as_chunks_mut().0[header];
    *header = (u64::from_le_bytes(*header) + more * Run::ONE_MORE).to_le_bytes();
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
    /// What those of the run have in common.
    alike: Alike,
}

/// What requests have in common that are alike, beside the length of their payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alike {
    /// What to run.
    pub call: u64,
    /// On which property.
    pub property: Property,
    /// What kind of request they are.
    pub kind: u8,
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
            alike: Alike::default(),
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
        if self.left() == 0 || self.cursor.is_in_run() {
            return Ok(0);
        }
        let header = RequestHeader::from_word(self.cursor.peek()?);
        awaited(header.is_bulk, header.length)
    }

    /// What the next request, which there is, has in common with those behind it that are alike,
    /// if its payload is in the slot.
    #[inline(always)]
    pub(crate) fn run(&mut self) -> Result<Option<Alike>, WireError> {
        if !self.cursor.is_in_run() && !self.begin_run()? {
            return Ok(None);
        }
        Ok(Some(self.alike))
    }

    /// The payloads that are left of those that are alike, as the cursor has them.
    #[inline(always)]
    pub(crate) fn payloads(&self) -> Payloads {
        self.cursor.payloads()
    }

    /// The next of these payloads, if there is one.
    #[inline(always)]
    pub(crate) fn take_of(&self, payloads: &mut Payloads) -> Option<&[u8]> {
        self.cursor.take_of(payloads)
    }

    /// What is left of them.
    #[inline(always)]
    pub(crate) fn set_payloads(&mut self, payloads: Payloads) {
        self.cursor.set_payloads(payloads);
    }

    /// Takes the header of the next request, which there is, if its payload is in the slot.
    #[inline(always)]
    fn begin_run(&mut self) -> Result<bool, WireError> {
        let mut words = self.cursor.words();
        let header = RequestHeader::from_word(self.cursor.pop(&mut words)?);
        if header.is_bulk {
            return Ok(false);
        }
        self.alike = self.take_names(header, &mut words)?;
        self.cursor
            .begin_run(words, Run::of_length(header.length))?;
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
        let (alike, content) = match self.run()? {
            Some(alike) => {
                let payload = self.cursor.take_of_run();
                (alike, Content::Inline(payload.expect("one at least")))
            }
            None => self.take_bulk()?,
        };
        Ok(Some(RequestRecord {
            call: alike.call,
            property: alike.property,
            kind: alike.kind,
            content,
        }))
    }

    fn take_bulk(&mut self) -> Result<(Alike, Content<'_>), WireError> {
        let mut words = self.cursor.words();
        let header = RequestHeader::from_word(self.cursor.pop(&mut words)?);
        let alike = self.take_names(header, &mut words)?;
        self.cursor.finish_record(words)?;
        Ok((alike, bulk(header.length)?))
    }

    /// The property and the call of a request.
    #[inline(always)]
    fn take_names(&mut self, header: RequestHeader, words: &mut Words) -> Result<Alike, WireError> {
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
        Ok(Alike {
            call,
            property,
            kind: header.kind,
        })
    }
}

impl Default for RequestReader {
    fn default() -> Self {
        Self::new()
    }
}

const _: () = assert!(CALLS < UNLISTED as usize);
