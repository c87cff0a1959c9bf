//! A link: the protocol between one client and one trustee, without threads and without I/O.
//!
//! ```text
//! ClientLink                                    TrusteeLink
//!   issue ─► batch ─ publish ─►  requests  ─► take ─► Requests ─► take_record
//!     └► backlog, when full      of a slot                          │ run
//!   release ◄─ Responses ◄─ take ◄─ results ◄─── respond(results) ◄─┘
//! ```
//!
//! The results of a batch lie in the slot of its requests. A batch goes into the slot after that
//! of the batch before it; or, if nothing else is under way, mostly into the same one, whose lines the
//! client has. So the trustee looks at two slots, and tells by the sequence which has the next
//! batch. The client publishes only into a slot whose batch it has released: a slot is never
//! overwritten while somebody reads it, and no counter is shared. A record is admitted only
//! if its result is sure to fit as well: **Invariant:** a trustee never waits for a client.
//!
//! The reader polls the line that is written, so it lies with both cores, and the store has to wait
//! until the reader's is gone. It is asked for ahead ([`ClientLink::prepare`]), by so much as that
//! takes: a round trip of 117 instead of 130 ns. Earlier, and the reader's next look takes it back.
//!
//! # Unsafe
//!
//! | what, of batch `n` | who may touch it | in which state |
//! |---|---|---|
//! | the requests in its slot | the client's `publish`, to write them | after the `release` of the batch before in that slot (or the start), until they are sealed |
//! | the requests in its slot | the trustee, through `Requests` and `Record`, to read them | from its `take` until `respond` |
//! | the results in its slot | the trustee's `respond`, to write them | after its `take`, until they are sealed |
//! | the results in its slot, and its notes | the client, through `Responses`, to read them | from its `take` until `release` |
//! | the list of exceptions | `Responses::exceptions`, once | the same, if the seal says that there is one |
//!
//! These are the rows of slot.rs. Each end exists once and moves on by `&mut self` only, so what
//! one end does is done in order. What the words of requests mean is settled by
//! `Image::push_request`, which wrote them; the readers are in batch.rs.

use std::collections::VecDeque;

use crate::batch::{Requests, Responses};
use crate::call::{Call, Key, RESULT_WORDS_MAX, Word};
use crate::image::Image;
use crate::results::Results;
use crate::ring::Ring;
use crate::seal::Seal;
use crate::spool::Spool;

/// The client's end.
///
/// With each request goes a *note*: words that stay here and come back beside the result.
#[derive(Debug)]
pub struct ClientLink {
    ring: Ring,
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
    /// The sequence of the oldest batch that was not released.
    oldest: u32,
    /// Its place; if it is still to be published, where it is to go.
    place: usize,
    /// Whether its results are being read.
    is_taken: bool,
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

impl ClientLink {
    fn new(ring: Ring) -> Self {
        let in_flight = (0..ring.depth()).map(|_| Spool::new()).collect();
        Self {
            ring,
            batch: Image::new(),
            notes: Spool::new(),
            result_room: RESULT_WORDS_MAX,
            backlog: Backlog::default(),
            in_flight,
            next: FIRST,
            oldest: FIRST,
            place: 0,
            is_taken: false,
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
        if self.batch.count() == 0 || self.in_flight() == self.ring.depth() {
            return false;
        }
        let place = self.next_place();
        let slot = self.ring.slot(place);
        // SAFETY: row 1 of the table: fewer than `depth` batches are in flight, in the slots before
        // this one, so the one that was in it has been released.
        unsafe { slot.publish_requests(&self.batch, self.next) };
        std::mem::swap(&mut self.notes, &mut self.in_flight[place]);
        self.batch.clear();
        self.result_room = RESULT_WORDS_MAX;
        self.next = self.next.wrapping_add(1);
        true
    }

    /// Publishes all that finds room, the backlog included; returns how many batches went out
    /// since the last flush, those that `issue` published included.
    #[inline(always)]
    pub fn flush(&mut self) -> u32 {
        self.publish();
        if !self.backlog.requests.is_empty() {
            self.publish_backlog();
        }
        let published = self.next.wrapping_sub(self.flushed);
        self.flushed = self.next;
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
        let slot = self.ring.slot(self.place);
        let seal = slot.results(self.oldest)?;
        slot.prefetch_results(seal);
        self.is_taken = true;
        let notes = self.in_flight[self.place].words();
        // SAFETY: row 4 of the table: the results were sealed.
        Some(unsafe { Responses::new(slot.result_words(), seal, notes) })
    }

    /// Whether the results of the oldest batch in flight have arrived.
    #[inline]
    pub fn has_response(&self) -> bool {
        let slot = self.ring.slot(self.place);
        self.in_flight() > 0 && slot.results(self.oldest).is_some()
    }

    /// Gives the slot of the batch that [`take`](Self::take) returned free for another.
    ///
    /// # Safety
    /// Each result and note of it was moved out or belongs to nobody, and nothing of it is read
    /// any more.
    #[inline(always)]
    pub unsafe fn release(&mut self) {
        self.ring.slot(self.place).finish_results(self.oldest);
        self.in_flight[self.place].clear();
        self.is_taken = false;
        self.oldest = self.oldest.wrapping_add(1);
        // Now and then it moves on all the same: no slot is left alone until the number in its
        // seal comes again.
        if self.in_flight() > 0 || self.oldest.is_multiple_of(STAY_AT_MOST) {
            self.place = self.ring.after(self.place, 1);
        }
    }

    /// Says that a request is about to be issued, which may be the only one of its batch.
    #[inline(always)]
    pub fn prepare(&mut self) {
        if self.in_flight() < self.ring.depth() {
            // A batch that was taken is released before the next goes out.
            let is_alone = self.in_flight() == u32::from(self.is_taken);
            let place = if is_alone {
                self.place
            } else {
                self.next_place()
            };
            self.ring.slot(place).prepare_requests();
        }
    }

    /// Where the next batch is to go.
    #[inline(always)]
    fn next_place(&self) -> usize {
        self.ring.after(self.place, self.in_flight())
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
pub struct TrusteeLink {
    ring: Ring,
    /// The sequence of the next batch to serve.
    next: u32,
    /// Where the last one was taken; the next is there too, or in the slot after it.
    place: usize,
    served: u64,
}

impl TrusteeLink {
    fn new(ring: Ring) -> Self {
        Self {
            ring,
            next: FIRST,
            place: 0,
            served: 0,
        }
    }

    /// The oldest batch that was not responded to, if it has arrived.
    #[inline(always)]
    pub fn take(&mut self) -> Option<Requests<'_>> {
        let (place, seal) = self.look()?;
        self.place = place;
        let slot = self.ring.slot(place);
        slot.prefetch_requests(seal);
        // One request is answered before that would come, and what it needs is to be first.
        if seal.count > 1 {
            slot.prepare_results();
        }
        // SAFETY: row 2 of the table: the batch was sealed, and no batch is empty.
        Some(unsafe { Requests::new(slot.request_words(), seal) })
    }

    /// Whether a batch waits to be served.
    #[inline]
    pub fn has_request(&self) -> bool {
        self.look().is_some()
    }

    #[inline(always)]
    fn look(&self) -> Option<(usize, Seal)> {
        let ahead = self.ring.after(self.place, 1);
        let look_at = |place| {
            let seal = self.ring.slot(place).requests(self.next)?;
            Some((place, seal))
        };
        look_at(ahead).or_else(|| look_at(self.place))
    }

    /// Answers the batch that [`take`](Self::take) returned, and empties the results.
    ///
    /// # Safety
    /// Every record of the batch was taken, its captures consumed, and `results` holds one result
    /// for each, of its call's length.
    #[inline(always)]
    pub unsafe fn respond(&mut self, results: &mut Results) {
        let slot = self.ring.slot(self.place);
        slot.prepare_results();
        slot.finish_requests(self.next);
        // SAFETY: row 3 of the table: the batch was taken from this slot.
        unsafe { slot.publish_results(results, self.next) };
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

/// Makes a link between a client and a trustee of this process.
///
/// ```
/// let (client, trustee) = gossamer_transport::link();
/// assert!(client.is_idle());
/// assert_eq!(trustee.served(), 0);
/// ```
pub fn link() -> (ClientLink, TrusteeLink) {
    let ring = Ring::new(DEPTH);
    (ClientLink::new(ring.clone()), TrusteeLink::new(ring))
}

/// Slots in a ring: what fills the 100 ns of a round trip between two cores.
///
/// Measured on two cores: one slot gives 0.55 of the throughput of four, eight give no more. The
/// models have two, so that few batches go round the ring.
pub const DEPTH: usize = if cfg!(loom) { 2 } else { 4 };

/// A link with one batch at a time stays at one slot for so many.
const STAY_AT_MOST: u32 = if cfg!(loom) { 2 } else { 1024 };

/// Sequence numbers start where no fresh slot's zero seal can match.
const FIRST: u32 = 1;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn sequence_begins_anew() {
        let (mut client, mut trustee) = link();
        let mut results = Results::new();
        // So long before its end that all slots have been used when it comes.
        let start = u32::MAX - 5000;
        (client.next, client.oldest, client.flushed) = (start, start, start);
        trustee.next = start;
        for round in 0..10_000 {
            let batches = 1 + round % 3 / 2; // alone, alone, in company
            for _ in 0..batches {
                client.issue(&CALL, Key::of(std::ptr::null::<()>()), 0);
                assert_eq!(client.flush(), 1);
            }
            for _ in 0..batches {
                let mut requests = trustee.take().expect("it was published");
                assert!(requests.take_record().is_some());
                results.push(0);
                // SAFETY: the one record was taken, and has its result of no words.
                unsafe { trustee.respond(&mut results) };
            }
            assert!(!trustee.has_request());
            for _ in 0..batches {
                assert_eq!(client.take().expect("it was served").count(), 1);
                // SAFETY: there is neither a note nor a result.
                unsafe { client.release() };
            }
        }
        assert!(client.is_idle() && client.next < start);
    }

    static CALL: Call = Call {
        run: |_, _, _| (),
        discard: |_| (),
        capture_words: 0,
        result_words: 0,
        name: || "a call",
    };
}
