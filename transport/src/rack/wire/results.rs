//! A batch of results: how it is put together, and how it is read.

use super::{SLOT_BYTES, WORDS_UNSEALED};
use crate::rack::error::WireError;
use crate::rack::layout::RingKind;
use crate::rack::port::Port;
use crate::rack::wire::Content;
use crate::rack::wire::header::{ResultHeader, Run, awaited, bulk, put_payload, words_of};
use crate::rack::wire::reader::{Cursor, SlotImage};
use crate::rack::wire::requests::{add_to_run, to_slot};
use crate::seal::Seal;

/// A batch of results under construction.
///
/// **Invariant:** there is room for a header for each request of the batch, so that a result that
/// does not fit can always go in pieces.
///
/// ```
/// use gossamer_transport::rack::wire::{Content, ResultImage, ResultReader};
///
/// let mut image = ResultImage::new();
/// image.begin(2);
/// assert!(image.push(0, b"a value"));
/// assert!(!image.push(0, &[0; 2000]));
/// let mut reader = ResultReader::new();
/// reader.take_image(&image.to_slot(1))?;
/// let first = reader.take_record()?.expect("there are two");
/// assert_eq!((first.status, first.content), (0, Content::Inline(&b"a value"[..])));
/// let second = reader.take_record()?.expect("there are two");
/// assert_eq!(second.content, Content::Bulk(2000));
/// # Ok::<(), gossamer_transport::rack::WireError>(())
/// ```
#[derive(Debug)]
pub struct ResultImage {
    bytes: Box<SlotImage>,
    /// The lowest word used.
    offset: usize,
    /// How many results the batch is to have, and how many of them are still to be pushed.
    total: u16,
    left: u16,
    /// The last record's header as it would be without others like it, and at which word it lies;
    /// what is no header if no record can be like it.
    last: u64,
    header: usize,
    /// How many share it, beside those of which it says so: it is told when the run ends.
    more: u64,
}

impl ResultImage {
    /// An empty image.
    pub fn new() -> Self {
        Self {
            bytes: Box::new(SlotImage([0; SLOT_BYTES])),
            offset: WORDS_UNSEALED,
            total: 0,
            left: 0,
            last: NONE,
            header: 0,
            more: 0,
        }
    }

    /// Begins a batch of so many results.
    ///
    /// # Panics
    /// If they are more than a batch of requests can be.
    pub fn begin(&mut self, count: u16) {
        assert!(usize::from(count) <= WORDS_UNSEALED, "a batch of a slot");
        self.offset = WORDS_UNSEALED;
        (self.total, self.left) = (count, count);
        self.last = NONE;
        self.more = 0;
    }

    /// How many results are still to be pushed.
    #[inline(always)]
    pub fn left(&self) -> u16 {
        self.left
    }

    /// How many it holds.
    #[inline(always)]
    pub fn count(&self) -> u16 {
        self.total - self.left
    }

    /// Appends a result; returns whether it holds the payload as well, which is to go in pieces
    /// otherwise.
    ///
    /// # Panics
    /// If the batch has all of its results.
    #[inline(always)]
    pub fn push(&mut self, status: u8, payload: &[u8]) -> bool {
        self.left = self.left.checked_sub(1).expect("one result a request");
        let words = words_of(payload.len());
        let header = ResultHeader {
            status,
            is_bulk: false,
            length: payload.len() as u64,
        };
        let header = header.to_word();
        if header == self.last && words + usize::from(self.left) <= self.offset {
            self.more += 1;
        } else if !self.begin_run(header, words) {
            return false;
        }
        let end = self.offset;
        self.offset = end - words;
        put_payload(&mut self.bytes, self.offset, payload);
        true
    }

    /// Has the header of the last record say how many share it.
    fn end_run(&mut self) {
        let more = std::mem::take(&mut self.more);
        if more > 0 {
            add_to_run(&mut self.bytes, self.header, more);
        }
    }

    /// Puts a header; returns whether there is room for a payload of so many words, too.
    #[inline(never)]
    fn begin_run(&mut self, header: u64, words: usize) -> bool {
        self.end_run();
        let has_room = words + 1 + usize::from(self.left) <= self.offset;
        (self.last, self.header) = match has_room {
            true => (header, self.offset - 1),
            false => (NONE, 0),
        };
        self.push_header(header | ResultHeader::bulk_bit(!has_room));
        has_room
    }

    /// Appends a result whose payload, of so many bytes, goes in pieces.
    ///
    /// # Panics
    /// If the batch has all of its results.
    pub fn push_bulk(&mut self, status: u8, length: u64) {
        self.left = self.left.checked_sub(1).expect("one result a request");
        self.end_run();
        self.last = NONE;
        let header = ResultHeader {
            status,
            is_bulk: true,
            length,
        };
        self.push_header(header.to_word());
    }

    /// Puts a header below the lowest word used.
    #[inline(always)]
    fn push_header(&mut self, header: u64) {
        self.offset -= 1;
        self.bytes.0[8 * self.offset..][..8].copy_from_slice(&header.to_le_bytes());
    }

    /// What goes before the seal, and the seal that makes it batch `sequence`.
    #[inline]
    pub(crate) fn sealed(&mut self, sequence: u32) -> (&[u8], u64) {
        self.end_run();
        let seal = Seal {
            sequence,
            offset: self.offset as u16,
            count: self.count(),
            has_exceptions: false,
        };
        let used = &self.bytes.0[8 * self.offset..SLOT_BYTES - 8];
        (used, seal.to_word())
    }

    /// The slot as a peer would see it.
    pub fn to_slot(&mut self, sequence: u32) -> SlotImage {
        to_slot(self.sealed(sequence))
    }
}

impl Default for ResultImage {
    fn default() -> Self {
        Self::new()
    }
}

/// The results of a batch that has arrived, copied out of its slot.
#[derive(Debug)]
pub struct ResultReader {
    cursor: Cursor,
    /// Of those of the run.
    status: u8,
}

/// What lies in the slot of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Nothing,
    Batch,
    /// Only that pieces of its results come before it is complete.
    Notice,
}

/// One result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultRecord<'a> {
    /// What became of the request.
    pub status: u8,
    /// The payload.
    pub content: Content<'a>,
}

impl ResultReader {
    /// A reader of nothing yet.
    pub fn new() -> Self {
        Self {
            cursor: Cursor::new(),
            status: 0,
        }
    }

    /// Takes batch `sequence` out of its slot, if it has come.
    #[inline]
    pub(crate) fn take(&mut self, port: &Port, sequence: u32) -> Result<Taken, WireError> {
        let taken = self
            .cursor
            .take(port, RingKind::Results, sequence, WORDS_UNSEALED);
        match taken {
            Ok(true) => Ok(Taken::Batch),
            Ok(false) => Ok(Taken::Nothing),
            Err(WireError::Count(0)) => Ok(Taken::Notice),
            Err(error) => Err(error),
        }
    }

    /// Takes a batch out of an image.
    ///
    /// # Errors
    /// If its seal says what cannot be.
    pub fn take_image(&mut self, image: &SlotImage) -> Result<(), WireError> {
        self.cursor.take_image(image, WORDS_UNSEALED)
    }

    /// How many results are left.
    #[inline(always)]
    pub fn left(&self) -> u16 {
        self.cursor.left()
    }

    /// How many bytes of pieces the next result needs; none if there is no such result.
    ///
    /// # Errors
    /// If it cannot need so many: so that whoever waits for it hears of it.
    #[inline(always)]
    pub(crate) fn awaited(&self) -> Result<u64, WireError> {
        if self.left() == 0 || self.cursor.is_in_run() {
            return Ok(0);
        }
        let header = ResultHeader::from_word(self.cursor.peek()?)?;
        awaited(header.is_bulk, header.length)
    }

    /// Whether there is a next result, whose payload is not in the slot.
    #[inline(always)]
    pub(crate) fn is_bulk(&self) -> bool {
        !matches!(self.awaited(), Ok(0))
    }

    /// Takes the next result, if its payload is in the slot, and gives its status and its bytes to
    /// `act`; whether there was such a one.
    ///
    /// # Errors
    /// As [`take_record`](Self::take_record).
    #[inline(always)]
    pub fn take_inline(&mut self, act: impl FnOnce(u8, &[u8])) -> Result<bool, WireError> {
        if !self.cursor.is_in_run() && !self.begin_run()? {
            return Ok(false);
        }
        if let Some(payload) = self.cursor.take_of_run() {
            act(self.status, payload);
        }
        Ok(true)
    }

    /// Takes the header of the next result, if there is one and its payload is in the slot.
    #[inline(always)]
    fn begin_run(&mut self) -> Result<bool, WireError> {
        if self.left() == 0 {
            return Ok(false);
        }
        let mut words = self.cursor.words();
        let header = ResultHeader::from_word(self.cursor.pop(&mut words)?)?;
        if header.is_bulk {
            return Ok(false);
        }
        self.status = header.status;
        self.cursor
            .begin_run(words, Run::of_length(header.length))?;
        Ok(true)
    }

    /// Takes the next result.
    ///
    /// # Errors
    /// If it is not a result that can be.
    #[inline]
    pub fn take_record(&mut self) -> Result<Option<ResultRecord<'_>>, WireError> {
        if self.left() == 0 {
            return Ok(None);
        }
        if self.cursor.is_in_run() || self.begin_run()? {
            let payload = self.cursor.take_of_run();
            return Ok(Some(ResultRecord {
                status: self.status,
                content: Content::Inline(payload.expect("one at least")),
            }));
        }
        let mut words = self.cursor.words();
        let header = ResultHeader::from_word(self.cursor.pop(&mut words)?)?;
        self.cursor.finish_record(words)?;
        Ok(Some(ResultRecord {
            status: header.status,
            content: bulk(header.length)?,
        }))
    }
}

impl Default for ResultReader {
    fn default() -> Self {
        Self::new()
    }
}

/// No header of a payload in the slot.
const NONE: u64 = u64::MAX;
