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
//!
//! # Unsafe
//!
//! | what, of batch `n` | who may touch it | in which state |
//! |---|---|---|
//! | the body of its request slot | the client's `publish`, to write it | after the `release` of batch `n - depth` (or the start), until it is sealed |
//! | the body of its request slot | the trustee, through `Requests` and `Record`, to read it | from its `take` until `respond` |
//! | the body of its response slot | the trustee's `respond`, to write it | after its `take`, until it is sealed |
//! | the body of its response slot, and its notes | the client, through `Responses`, to read it | from its `take` until `release` |
//! | the list of exceptions | `Responses::exceptions`, once | the same, if the seal says that there is one |
//!
//! Rows 1 and 3 are the writers of slot.rs, rows 2 and 4 its readers. Each end exists once and
//! moves on by `&mut self` only, so what one end does is done in order. What the words of a
//! request slot mean is settled by `Image::push_request`, which wrote them.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::call::{Call, Key, Word};
use crate::fabric::Fabric;
use crate::image::{Exceptions, Image, UNLISTED};
use crate::ring::Ring;
use crate::slot::BODY_WORDS;
use crate::spool::Spool;

/// The client's end.
///
/// With each request goes a *note*: words that stay here and come back beside the result.
#[derive(Debug)]
pub struct ClientLink<F> {
    fabric: F,
    responses: Arc<Ring>,
    /// Records that go out with the next publish, and their notes.
    batch: Image,
    notes: Spool,
    /// Words that are left for the results of `batch`.
    result_room: usize,
    backlog: Backlog,
    /// The notes of the batches in flight, by slot.
    in_flight: Box<[Spool]>,
    /// The sequence of the next batch to publish.
    next: u32,
    /// The sequence of the oldest batch whose response was not released.
    oldest: u32,
    /// What `next` was after the last flush.
    flushed: u32,
}

/// Requests that found no room, in order.
#[derive(Debug, Default)]
struct Backlog {
    requests: VecDeque<Deferred>,
    captures: Spool,
    notes: Spool,
}

#[derive(Clone, Copy, Debug)]
struct Deferred {
    call: &'static Call,
    key: Key,
    note_words: usize,
}

/// Where the words of a request go; to be written before anything else is asked of the link.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// `call.capture_words` words, for the trustee.
    pub captures: *mut Word,
    /// As many words as were asked for, to be read beside the result.
    pub note: *mut Word,
}

impl<F: Fabric> ClientLink<F> {
    pub(crate) fn new(fabric: F, responses: Arc<Ring>) -> Self {
        let in_flight = (0..responses.depth()).map(|_| Spool::new()).collect();
        Self {
            fabric,
            responses,
            batch: Image::new(),
            notes: Spool::new(),
            result_room: BODY_WORDS,
            backlog: Backlog::default(),
            in_flight,
            next: FIRST,
            oldest: FIRST,
            flushed: FIRST,
        }
    }

    /// Appends a request, with a note of so many words.
    #[inline(always)]
    pub fn issue(&mut self, call: &'static Call, key: Key, note_words: usize) -> Place {
        if self.admits(call) && self.backlog.requests.is_empty() {
            return self.admit(call, key, note_words);
        }
        self.issue_when_full(call, key, note_words)
    }

    /// Publishes what was issued, if a slot is free; returns whether a batch went out.
    #[inline]
    pub fn publish(&mut self) -> bool {
        if self.batch.count() == 0 || self.in_flight() == self.responses.depth() {
            return false;
        }
        let index = self.responses.index_of(self.next);
        // SAFETY: row 1 of the table: fewer than `depth` batches are in flight, so the one that was
        // in this slot has been released, which is after its answer was seen.
        unsafe { self.fabric.push(index, &self.batch, self.next) };
        std::mem::swap(&mut self.notes, &mut self.in_flight[index]);
        self.batch.clear();
        self.result_room = BODY_WORDS;
        self.next = self.next.wrapping_add(1);
        true
    }

    /// Publishes all that finds room, the backlog included, and flushes the fabric; returns how
    /// many batches went out since the last flush, those that `issue` published included.
    #[inline]
    pub fn flush(&mut self) -> u32 {
        self.publish();
        while !self.backlog.requests.is_empty() && self.readmit() {
            self.publish();
        }
        let published = self.next.wrapping_sub(self.flushed);
        if published > 0 {
            self.fabric.flush();
            self.flushed = self.next;
        }
        published
    }

    /// The results of the oldest batch in flight, if they have arrived.
    ///
    /// They and the notes stay readable until [`release`](Self::release).
    #[inline(always)]
    pub fn take(&mut self) -> Option<Responses> {
        if self.in_flight() == 0 {
            return None;
        }
        let index = self.responses.index_of(self.oldest);
        let slot = self.responses.slot(index);
        let seal = slot.take(self.oldest)?;
        slot.prefetch(seal);
        Some(Responses {
            words: slot.words(),
            offset: BODY_WORDS,
            count: seal.count,
            has_exceptions: seal.has_exceptions,
            note: self.in_flight[index].words().as_ptr(),
        })
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
    /// Each result and note of it was moved out or belongs to nobody, and nothing of it is read
    /// any more.
    #[inline(always)]
    pub unsafe fn release(&mut self) {
        let index = self.responses.index_of(self.oldest);
        self.responses.slot(index).finish(self.oldest);
        self.in_flight[index].clear();
        self.oldest = self.oldest.wrapping_add(1);
    }

    /// Whether nothing is issued, published or waiting for its results.
    #[inline(always)]
    pub fn is_idle(&self) -> bool {
        self.batch.count() == 0 && self.backlog.requests.is_empty() && self.in_flight() == 0
    }

    /// Batches published whose results have not been released.
    #[inline(always)]
    pub fn in_flight(&self) -> u32 {
        self.next.wrapping_sub(self.oldest)
    }

    /// Whether anything waits to be published.
    #[inline(always)]
    pub fn has_unpublished(&self) -> bool {
        self.batch.count() > 0 || !self.backlog.requests.is_empty()
    }

    /// Requests that the next publish takes along.
    #[inline(always)]
    pub fn unpublished(&self) -> u16 {
        self.batch.count()
    }

    /// Requests that wait for a slot to come free.
    #[inline(always)]
    pub fn backlog(&self) -> usize {
        self.backlog.requests.len()
    }

    #[inline(always)]
    fn admits(&self, call: &Call) -> bool {
        self.batch.has_room(call) && call.result_words as usize <= self.result_room
    }

    #[inline(always)]
    fn admit(&mut self, call: &'static Call, key: Key, note_words: usize) -> Place {
        self.result_room -= call.result_words as usize;
        let captures = self.batch.push_request(call, key).as_mut_ptr();
        Place {
            captures,
            note: self.notes.push(note_words).as_mut_ptr(),
        }
    }

    /// Publishes the full batch early, if a slot is free for it; else the request has to wait.
    #[cold]
    fn issue_when_full(&mut self, call: &'static Call, key: Key, note_words: usize) -> Place {
        if self.backlog.requests.is_empty() && self.publish() && self.admits(call) {
            return self.admit(call, key, note_words);
        }
        self.backlog.requests.push_back(Deferred {
            call,
            key,
            note_words,
        });
        let captures = self
            .backlog
            .captures
            .push(call.capture_words as usize)
            .as_mut_ptr();
        Place {
            captures,
            note: self.backlog.notes.push(note_words).as_mut_ptr(),
        }
    }

    /// Moves requests from the backlog into the batch; returns whether any found room.
    fn readmit(&mut self) -> bool {
        let before = self.batch.count();
        while let Some(&Deferred {
            call,
            key,
            note_words,
        }) = self.backlog.requests.front()
        {
            if !self.admits(call) {
                break;
            }
            self.result_room -= call.result_words as usize;
            let captures = self.backlog.captures.pop(call.capture_words as usize);
            self.batch.push_request(call, key).copy_from_slice(captures);
            self.notes
                .push(note_words)
                .copy_from_slice(self.backlog.notes.pop(note_words));
            self.backlog.requests.pop_front();
        }
        self.batch.count() > before
    }
}

/// The results of one batch, in the order of its requests, and the notes beside them.
#[derive(Debug)]
pub struct Responses {
    words: *const Word,
    offset: usize,
    count: u16,
    has_exceptions: bool,
    note: *const Word,
}

impl Responses {
    /// How many requests the batch had.
    #[inline(always)]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The note of the next request.
    #[inline(always)]
    pub fn note(&self) -> *const Word {
        self.note
    }

    /// Steps over the next request, whose note and result have so many words, and returns the
    /// address of its result, which is written only if it is not among the exceptions.
    ///
    /// # Panics
    /// If the batch has no such result.
    #[inline(always)]
    pub fn step(&mut self, note_words: usize, result_words: usize) -> *const Word {
        self.note = self.note.wrapping_add(note_words);
        self.offset = self
            .offset
            .checked_sub(result_words)
            .expect("results are as admitted");
        self.words.wrapping_add(self.offset)
    }

    /// Whether requests of this batch have no plain result.
    #[inline(always)]
    pub fn has_exceptions(&self) -> bool {
        self.has_exceptions
    }

    /// The requests of this batch that have no plain result, if it has such.
    ///
    /// # Safety
    /// Called at most once for a batch, before it is released.
    #[cold]
    pub unsafe fn exceptions(&self) -> Exceptions {
        if !self.has_exceptions {
            return Exceptions::new();
        }
        // SAFETY: the first word of the trailer is within the slot.
        let word = unsafe { self.words.add(BODY_WORDS) };
        // SAFETY: row 5 of the table: the seal says that it was written, and it is not released.
        let list = unsafe { word.cast::<u64>().read() };
        let list = std::ptr::with_exposed_provenance_mut::<Exceptions>(list as usize);
        // SAFETY: row 5 of the table: made by `Image::attach_exceptions` from a box, and taken back
        // once.
        *unsafe { Box::from_raw(list) }
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
        Self {
            fabric,
            requests,
            next: FIRST,
            served: 0,
        }
    }

    /// The oldest batch that was not responded to, if it has arrived.
    #[inline(always)]
    pub fn take(&mut self) -> Option<Requests<'_>> {
        let slot = self.requests.slot(self.requests.index_of(self.next));
        let seal = slot.take(self.next)?;
        slot.prefetch(seal);
        let words = slot.words();
        Some(Requests {
            words,
            offset: BODY_WORDS,
            left: seal.count,
            link: PhantomData,
        })
    }

    /// Whether a batch waits to be served.
    #[inline]
    pub fn has_request(&self) -> bool {
        self.requests
            .slot(self.requests.index_of(self.next))
            .take(self.next)
            .is_some()
    }

    /// Answers the batch that [`take`](Self::take) returned, and empties the image.
    ///
    /// # Safety
    /// Every record of the batch was taken, its captures consumed, and `results` holds one result
    /// for each, of its call's length.
    #[inline(always)]
    pub unsafe fn respond(&mut self, results: &mut Image) {
        let index = self.requests.index_of(self.next);
        self.requests.slot(index).finish(self.next);
        // SAFETY: row 3 of the table: the client published this batch after it released the
        // response that was in this slot before.
        unsafe { self.fabric.push(index, results, self.next) };
        self.fabric.flush();
        self.served += u64::from(results.count());
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
        let word = if index == UNLISTED {
            self.pop()
        } else {
            self.word(BODY_WORDS + index as usize)
        };
        // SAFETY: row 2 of the table: the client wrote it as the address of an entry, by
        // `Call::to_word`.
        let call = unsafe { Call::from_word(word) };
        self.offset -= call.capture_words as usize;
        Some(Record {
            call,
            key,
            captures: self.words.wrapping_add(self.offset),
        })
    }

    #[inline(always)]
    fn pop(&mut self) -> u64 {
        self.offset -= 1;
        self.word(self.offset)
    }

    #[inline(always)]
    fn word(&self, index: usize) -> u64 {
        // SAFETY: row 2 of the table: the client filled the slot as this cursor reads it, so
        // `index` lies within it.
        let word = unsafe { self.words.add(index) };
        // SAFETY: row 2 of the table: written before the seal that `take` saw.
        unsafe { word.cast::<u64>().read() }
    }
}

/// Sequence numbers start where no fresh slot's zero seal can match.
const FIRST: u32 = 1;
