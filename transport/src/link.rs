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
//! request slot mean is settled by `Image::push_request`, which wrote them; the readers are in
//! batch.rs.

use std::collections::VecDeque;

use crate::batch::{Requests, Responses};
use crate::call::{Call, Key, Word};
use crate::fabric::Fabric;
use crate::image::Image;
use crate::ring::Ring;
use crate::slot::BODY_WORDS;
use crate::spool::Spool;

/// The client's end.
///
/// With each request goes a *note*: words that stay here and come back beside the result.
#[derive(Debug)]
pub struct ClientLink<F> {
    fabric: F,
    responses: Ring,
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
    pub(crate) fn new(fabric: F, responses: Ring) -> Self {
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
    #[inline(always)]
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
    #[inline(always)]
    pub fn flush(&mut self) -> u32 {
        self.publish();
        if !self.backlog.requests.is_empty() {
            self.publish_backlog();
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
        let notes = self.in_flight[index].words();
        // SAFETY: row 4 of the table: the batch was sealed.
        Some(unsafe { Responses::new(slot.words(), seal, notes) })
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

    /// Says that a request is about to be issued, which may be the only one of its batch.
    #[inline(always)]
    pub fn prepare(&mut self) {
        if self.in_flight() < self.responses.depth() {
            self.fabric.prepare(self.responses.index_of(self.next));
        }
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

    /// Publishes the backlog as far as there are slots.
    #[inline(never)]
    fn publish_backlog(&mut self) {
        while self.readmit() {
            self.publish();
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

/// The trustee's end.
#[derive(Debug)]
pub struct TrusteeLink<F> {
    fabric: F,
    requests: Ring,
    /// The sequence of the next batch to serve.
    next: u32,
    served: u64,
}

impl<F: Fabric> TrusteeLink<F> {
    pub(crate) fn new(fabric: F, requests: Ring) -> Self {
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
        let index = self.requests.index_of(self.next);
        let slot = self.requests.slot(index);
        let seal = slot.take(self.next)?;
        slot.prefetch(seal);
        // One request is answered before that would come, and what it needs is to be first.
        if seal.count > 1 {
            self.fabric.prepare(index);
        }
        // SAFETY: row 2 of the table: the batch was sealed, and no batch is empty.
        Some(unsafe { Requests::new(slot.words(), seal) })
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
        self.fabric.prepare(index);
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

/// Sequence numbers start where no fresh slot's zero seal can match.
const FIRST: u32 = 1;
