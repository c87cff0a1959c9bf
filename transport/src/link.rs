//! A link: the protocol between one client and one trustee, without threads and without I/O.
//!
//! ```text
//! ClientLink                                         TrusteeLink
//!   issue ─► batch ─ publish(n) ─►  request slot n  ─► take ─► Requests ─► take_record
//!     └► backlog, when full                                                        │ run
//!   release ◄─ Responses ◄─ take ◄─  response slot n  ◄── respond(image) ◄─────────┘
//! ```
//!
//! Batch `n` lies in request slot `n mod depth` and its results in the response slot of the same
//! place. The client publishes batch `n` only after it released batch `n - depth`, so a slot is
//! never overwritten while somebody reads it, and no counter is shared. A record is admitted only
//! if its result is sure to fit as well: **Invariant:** a trustee never waits for a client.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::call::{Call, Key, Word};
use crate::fabric::Fabric;
use crate::image::{Exceptions, Image, UNLISTED};
use crate::ring::Ring;
use crate::slot::{BODY_WORDS, Seal};
use crate::spool::Spool;

/// The client's end.
#[derive(Debug)]
pub struct ClientLink<F> {
    fabric: F,
    responses: Arc<Ring>,
    /// Records that go out with the next publish.
    batch: Image,
    /// Words that the results of `batch` will take.
    result_words: usize,
    /// Records that found no room, in order, and their captures.
    backlog: VecDeque<(&'static Call, Key)>,
    backlog_captures: Spool,
    /// The sequence of the next batch to publish.
    next: u32,
    /// The sequence of the oldest batch whose response was not released.
    oldest: u32,
}

impl<F: Fabric> ClientLink<F> {
    pub(crate) fn new(fabric: F, responses: Arc<Ring>) -> Self {
        Self {
            fabric,
            responses,
            batch: Image::new(),
            result_words: 0,
            backlog: VecDeque::new(),
            backlog_captures: Spool::new(),
            next: FIRST,
            oldest: FIRST,
        }
    }

    /// Appends a request and returns the place for its captures, `call.capture_words` long.
    ///
    /// The caller writes them before it calls anything else of this link.
    #[inline(always)]
    pub fn issue(&mut self, call: &'static Call, key: Key) -> &mut [Word] {
        if !self.backlog.is_empty() || !self.admits(call) && !self.make_room(call) {
            return self.defer(call, key);
        }
        self.result_words += call.result_words as usize;
        self.batch.push_request(call, key)
    }

    /// Publishes what was issued, if a slot is free; returns whether a batch went out.
    #[inline]
    pub fn publish(&mut self) -> bool {
        if self.batch.count() == 0 || self.in_flight() == self.responses.depth() {
            return false;
        }
        let index = self.responses.index_of(self.next);
        self.batch.seal_trailer();
        // SAFETY: fewer than `depth` batches are in flight, so the one that was in this slot has
        // been released, which is after its answer was seen.
        unsafe { self.fabric.push(index, &self.batch, self.next) };
        self.batch.clear();
        self.result_words = 0;
        self.next = self.next.wrapping_add(1);
        true
    }

    /// Publishes all that finds room, the backlog included, and flushes the fabric; returns how
    /// many batches went out.
    #[inline]
    pub fn flush(&mut self) -> u32 {
        let before = self.next;
        self.publish();
        while !self.backlog.is_empty() && self.readmit() {
            self.publish();
        }
        let published = self.next.wrapping_sub(before);
        if published > 0 {
            self.fabric.flush();
        }
        published
    }

    /// The results of the oldest batch in flight, if they have arrived.
    ///
    /// They stay readable until [`release`](Self::release).
    #[inline(always)]
    pub fn take(&mut self) -> Option<Responses> {
        if self.in_flight() == 0 {
            return None;
        }
        let slot = self.responses.slot(self.responses.index_of(self.oldest));
        let seal = slot.take(self.oldest)?;
        let words = slot.words();
        Some(Responses { words, offset: BODY_WORDS, count: seal.count })
    }

    /// Whether the results of the oldest batch in flight have arrived.
    #[inline]
    pub fn has_response(&self) -> bool {
        let slot = self.responses.slot(self.responses.index_of(self.oldest));
        self.in_flight() > 0 && slot.take(self.oldest).is_some()
    }

    /// Gives the slot of the batch that [`take`](Self::take) returned free for the next one.
    ///
    /// # Safety
    /// Each result of it was moved out or belongs to nobody, and nothing of it is read any more.
    #[inline(always)]
    pub unsafe fn release(&mut self) {
        debug_assert!(self.has_response());
        self.oldest = self.oldest.wrapping_add(1);
    }

    /// Whether nothing is issued, published or waiting for its results.
    #[inline(always)]
    pub fn is_idle(&self) -> bool {
        self.batch.count() == 0 && self.in_flight() == 0
    }

    /// Batches published whose results have not been released.
    #[inline(always)]
    pub fn in_flight(&self) -> u32 {
        self.next.wrapping_sub(self.oldest)
    }

    /// Whether anything waits to be published.
    #[inline(always)]
    pub fn has_unpublished(&self) -> bool {
        self.batch.count() > 0
    }

    /// Requests that wait for a slot to come free.
    #[inline(always)]
    pub fn backlog(&self) -> usize {
        self.backlog.len()
    }

    #[inline(always)]
    fn admits(&self, call: &Call) -> bool {
        self.batch.has_room(call)
            && self.result_words + call.result_words as usize <= BODY_WORDS
    }

    /// Publishes the full batch early, if a slot is free for it.
    #[cold]
    fn make_room(&mut self, call: &Call) -> bool {
        self.publish() && self.admits(call)
    }

    #[cold]
    fn defer(&mut self, call: &'static Call, key: Key) -> &mut [Word] {
        self.backlog.push_back((call, key));
        self.backlog_captures.push(call.capture_words as usize)
    }

    /// Moves records from the backlog into the batch; returns whether any found room.
    fn readmit(&mut self) -> bool {
        let before = self.batch.count();
        while let Some(&(call, key)) = self.backlog.front() {
            if !self.admits(call) {
                break;
            }
            self.result_words += call.result_words as usize;
            let captures = self.backlog_captures.pop(call.capture_words as usize);
            self.batch.push_request(call, key).copy_from_slice(captures);
            self.backlog.pop_front();
        }
        self.batch.count() > before
    }
}

/// The results of one batch, in the order of its requests.
#[derive(Debug)]
pub struct Responses {
    words: *const Word,
    offset: usize,
    count: u16,
}

impl Responses {
    /// How many requests the batch had.
    #[inline(always)]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Steps over the next result, of `words` words, and returns its address.
    ///
    /// The words are written only if the request is not among the exceptions.
    ///
    /// # Panics
    /// If the batch has no such result.
    #[inline(always)]
    pub fn take_result(&mut self, words: usize) -> *const Word {
        self.offset = self.offset.checked_sub(words).expect("results are read as admitted");
        self.words.wrapping_add(self.offset)
    }

    /// The requests of this batch that have no plain result.
    ///
    /// # Safety
    /// Called at most once for a batch.
    #[inline(always)]
    pub unsafe fn exceptions(&self) -> Option<Box<Exceptions>> {
        // SAFETY: within the slot.
        let word = unsafe { self.words.add(BODY_WORDS) };
        // SAFETY: the trustee sealed the trailer, so the word is written; row 2 of slot.rs.
        let list = unsafe { word.cast::<u64>().read() };
        if list == 0 {
            return None;
        }
        let list = std::ptr::with_exposed_provenance_mut::<Exceptions>(list as usize);
        // SAFETY: made by `Image::attach_exceptions` from a box, and taken back once.
        Some(unsafe { Box::from_raw(list) })
    }
}

/// The trustee's end.
#[derive(Debug)]
pub struct TrusteeLink<F> {
    fabric: F,
    requests: Arc<Ring>,
    /// The sequence of the next batch to serve.
    next: u32,
    served: u64,
}

impl<F: Fabric> TrusteeLink<F> {
    pub(crate) fn new(fabric: F, requests: Arc<Ring>) -> Self {
        Self { fabric, requests, next: FIRST, served: 0 }
    }

    /// The oldest batch that was not responded to, if it has arrived.
    #[inline(always)]
    pub fn take(&mut self) -> Option<Requests<'_>> {
        let slot = self.requests.slot(self.requests.index_of(self.next));
        let Seal { offset, count, .. } = slot.take(self.next)?;
        debug_assert!(offset as usize <= BODY_WORDS);
        let words = slot.words();
        Some(Requests { words, offset: BODY_WORDS, left: count, link: PhantomData })
    }

    /// Whether a batch waits to be served.
    #[inline]
    pub fn has_request(&self) -> bool {
        self.requests.slot(self.requests.index_of(self.next)).take(self.next).is_some()
    }

    /// Answers the batch that [`take`](Self::take) returned, and empties the image.
    ///
    /// # Safety
    /// Every record of the batch was taken, its captures consumed, and `results` holds one result
    /// for each, of its call's length.
    #[inline(always)]
    pub unsafe fn respond(&mut self, results: &mut Image) {
        self.served += u64::from(results.count());
        results.seal_trailer();
        // SAFETY: the client published this batch after it released the response that was in
        // this slot before.
        unsafe { self.fabric.push(self.requests.index_of(self.next), results, self.next) };
        self.fabric.flush();
        results.clear();
        self.next = self.next.wrapping_add(1);
    }

    /// How many requests were responded to, ever.
    #[inline(always)]
    pub fn served(&self) -> u64 {
        self.served
    }
}

/// The records of one batch, in the order in which they were issued.
#[derive(Debug)]
pub struct Requests<'a> {
    words: *const Word,
    offset: usize,
    left: u16,
    link: PhantomData<&'a mut ()>,
}

/// One request as it lies in its slot.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// What to run.
    pub call: &'static Call,
    /// On which property.
    pub key: Key,
    /// The captures; whoever takes the record consumes them.
    pub captures: *const Word,
}

impl Requests<'_> {
    /// How many records are left.
    #[inline(always)]
    pub fn left(&self) -> u16 {
        self.left
    }

    /// Takes the next record.
    #[inline(always)]
    pub fn take_record(&mut self) -> Option<Record> {
        self.left = self.left.checked_sub(1)?;
        let (key, index) = Key::from_header(self.pop());
        let word = if index == UNLISTED { self.pop() } else { self.word(BODY_WORDS + index as usize) };
        // SAFETY: the client wrote it as the address of an entry.
        let call = unsafe { Call::from_word(word) };
        self.offset -= call.capture_words as usize;
        Some(Record { call, key, captures: self.words.wrapping_add(self.offset) })
    }

    #[inline(always)]
    fn pop(&mut self) -> u64 {
        self.offset -= 1;
        self.word(self.offset)
    }

    #[inline(always)]
    fn word(&self, index: usize) -> u64 {
        // SAFETY: the client filled the slot as this cursor reads it, so `index` lies within it.
        let word = unsafe { self.words.add(index) };
        // SAFETY: written before the seal that `take` saw; row 2 of the table in slot.rs.
        unsafe { word.cast::<u64>().read() }
    }
}

/// Sequence numbers start where no fresh slot's zero seal can match.
const FIRST: u32 = 1;
