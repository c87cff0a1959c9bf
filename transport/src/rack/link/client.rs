//! The client's end of a link between processes: what it issues.

mod results;

use std::borrow::Cow;

use crate::rack::channel::{Channel, Refusal};
use crate::rack::error::{LinkError, WireError};
use crate::rack::layout::{Place, RingKind};
use crate::rack::link::answer::{Answers, Fate};
use crate::rack::link::backlog::Backlog;
use crate::rack::link::bulk::{Incoming, OF_REQUESTS, OF_RESULTS, Outgoing};
use crate::rack::link::notes::Notes;
use crate::rack::link::payload::Payload;
use crate::rack::link::{FIRST, PAYLOAD_BYTES_MAX, TooLong};
use crate::rack::port::Port;
use crate::rack::wire::WORDS_UNSEALED;
use crate::rack::wire::{INLINE_BYTES_MAX, Property, Request, RequestImage};
use crate::seal::Seal;

/// The client's end.
///
/// With each request goes a *note*, which stays here and comes back beside the result.
///
/// ```
/// use gossamer_transport::rack::{ClientLink, Layout, Ports, Request, TrusteeLink, shm};
///
/// let layout = Layout { writers: 1, workers: 1, geometry: shm::GEOMETRY };
/// let (at_client, at_trustee) = (Ports::private(layout)?, Ports::private(layout)?);
/// let mut to_trustee = shm::Channel::new(&at_trustee, 0);
/// let mut to_client = shm::Channel::new(&at_client, 0);
/// let mut client = ClientLink::new(0, at_client.port(0, 0));
/// let mut trustee = TrusteeLink::new(0, at_trustee.port(0, 0));
///
/// client.issue(Request::default(), b"a question".as_slice(), "the note")?;
/// client.publish(&mut to_trustee)?;
///
/// let request = trustee.poll_request()?.expect("it was published");
/// assert_eq!(*request.payload, *b"a question");
/// trustee.respond(0, b"an answer".as_slice())?;
/// trustee.publish(&mut to_client)?;
///
/// let answer = client.poll_result()?.expect("it was published");
/// assert_eq!((answer.note, &*answer.payload), ("the note", b"an answer".as_slice()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ClientLink<N> {
    /// The trustee, among the workers of its node.
    peer: u16,
    /// What the trustee's worker writes for us.
    port: Port,
    /// Records that go out with the next publish.
    batch: RequestImage,
    /// Words that are left for the results of `batch`.
    result_room: usize,
    /// The notes of `batch`.
    notes: Notes<N>,
    backlog: Backlog<N>,
    /// The notes of the batches in flight, by place.
    sent: Box<[Notes<N>]>,
    /// How many requests were published, and how many results were taken, ever.
    published: u64,
    answered: u64,
    /// The batch of which results are taken; away while it is lent out.
    taking: Option<Box<Answers<N>>>,
    /// Whether no result is to be taken.
    is_paused: bool,
    outgoing: Outgoing,
    incoming: Incoming,
    /// The sequence of the next batch to publish.
    next: u32,
    /// The sequence of the oldest batch whose results were not taken.
    oldest: u32,
    /// The batch whose results come in pieces before it is complete, if it is `oldest`.
    ahead: u32,
    failed: Option<WireError>,
}

impl<N> ClientLink<N> {
    /// The end of a link to worker `peer` of the node that writes `port`, as that worker.
    pub fn new(peer: u16, port: Port) -> Self {
        let depth = port.layout().geometry.depth;
        Self {
            peer,
            port,
            batch: RequestImage::new(),
            result_room: WORDS_UNSEALED,
            notes: Notes::new(),
            backlog: Backlog::new(),
            sent: (0..depth).map(|_| Notes::new()).collect(),
            published: 0,
            answered: 0,
            taking: Some(Box::new(Answers::new())),
            is_paused: false,
            outgoing: Outgoing::new(OF_REQUESTS, peer),
            incoming: Incoming::new(OF_RESULTS, peer),
            next: FIRST,
            oldest: FIRST,
            ahead: FIRST.wrapping_sub(1),
            failed: None,
        }
    }

    /// Appends a request. It goes out with a [`publish`](Self::publish), after all that were
    /// issued before it.
    ///
    /// # Errors
    /// If the payload is longer than [`PAYLOAD_BYTES_MAX`]; the note comes back.
    ///
    /// # Panics
    /// If the request's kind is not one of [`Request::KINDS`].
    #[inline]
    pub fn issue<'a>(
        &mut self,
        request: Request,
        payload: impl Into<Cow<'a, [u8]>>,
        note: N,
    ) -> Result<(), TooLong<N>> {
        assert!(request.kind < Request::KINDS, "no such kind of request");
        let payload = payload.into();
        if payload.len() > INLINE_BYTES_MAX {
            return self.issue_bulk(request, payload.into_owned().into(), note);
        }
        self.issue_inline(&request, &payload, || note, |_| ());
        Ok(())
    }

    /// [`issue`](Self::issue) of a payload in parts.
    ///
    /// # Errors
    /// As `issue`.
    ///
    /// # Panics
    /// As `issue`.
    pub fn issue_parts(
        &mut self,
        request: Request,
        payload: Payload,
        note: N,
    ) -> Result<(), TooLong<N>> {
        assert!(request.kind < Request::KINDS, "no such kind of request");
        if payload.len() > INLINE_BYTES_MAX {
            return self.issue_bulk(request, payload, note);
        }
        self.issue_inline(&request, &payload.into_bytes(), || note, |_| ());
        Ok(())
    }

    /// [`issue`](Self::issue) of a payload that goes into a slot, with a note that is made where it
    /// is to lie. If the batch that goes out next has no room, `make_room` may publish it.
    ///
    /// The request is given in parts to what is out of the way, so that it stays in registers.
    ///
    /// # Panics
    /// If the payload has more bytes than [`INLINE_BYTES_MAX`], and as `issue`.
    #[inline(always)]
    pub fn issue_inline(
        &mut self,
        request: &Request,
        payload: &[u8],
        note: impl FnOnce() -> N,
        make_room: impl FnOnce(&mut Self),
    ) {
        assert!(request.kind < Request::KINDS, "no such kind of request");
        assert!(
            payload.len() <= INLINE_BYTES_MAX,
            "it has no room in a slot"
        );
        if self.backlog.is_empty() && self.admits(request, payload.len()) {
            self.result_room -= request.result_words();
            self.batch.push_inline(request, payload);
            self.notes.push(note);
        } else {
            make_room(self);
            let rest = (request.kind, request.result_bytes);
            self.defer(request.call, request.property, rest, (payload, note()));
        }
    }

    /// Has a request wait for room, if there is none.
    #[cold]
    #[inline(never)]
    fn defer(
        &mut self,
        call: u64,
        property: Property,
        (kind, result_bytes): (u8, u16),
        (payload, note): (&[u8], N),
    ) {
        let request = Request {
            call,
            property,
            kind,
            result_bytes,
        };
        self.backlog.push_inline(request, payload, note);
        self.take_of_backlog();
    }

    #[cold]
    fn issue_bulk(
        &mut self,
        request: Request,
        payload: Payload,
        note: N,
    ) -> Result<(), TooLong<N>> {
        let bytes = payload.len() as u64;
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(TooLong { bytes, note });
        }
        self.backlog.push_bulk(request, payload, note);
        self.take_of_backlog();
        Ok(())
    }

    /// Says that a request is about to be issued, ahead of what else that takes; if others are to
    /// go out already, there is no hurry.
    #[inline(always)]
    pub fn prepare(&mut self, channel: &mut impl Channel) {
        if self.batch.count() == 0 {
            channel.prepare(self.place());
        }
    }

    /// Pushes all that finds room, pieces and credit included, into the channel; returns how many
    /// batches that were. What finds none goes out by a later call.
    ///
    /// The channel is to be flushed afterwards, once for all links that write through it.
    ///
    /// # Errors
    /// If the channel is dead, or the peer wrote what cannot be; see [`LinkError`].
    #[inline]
    pub fn publish(&mut self, channel: &mut impl Channel) -> Result<u32, LinkError> {
        let before = self.next;
        let depth = u32::from(self.port.layout().geometry.depth);
        while self.batch.count() > 0 && self.in_flight() < depth {
            let place = self.place();
            let (used, seal) = self.batch.sealed(self.next);
            match channel.push(place, used, seal) {
                Ok(()) => self.batch_went_out(),
                Err(Refusal::Busy) => break,
                Err(Refusal::Dead) => {
                    self.outgoing.handle_refusal();
                    return Err(LinkError::Dead);
                }
            }
        }
        if let Err(error) = self.outgoing.publish(&self.port, channel) {
            self.failed = self.failed.or(error.wire());
            return Err(error);
        }
        self.incoming.publish(channel)?;
        Ok(self.next.wrapping_sub(before))
    }

    /// Whether something has come that [`poll_result`](Self::poll_result) or
    /// [`publish`](Self::publish) waits for.
    #[inline(always)]
    pub fn has_arrived(&self) -> bool {
        if self.failed.is_some() || self.outgoing.has_credit(&self.port) {
            return true;
        }
        let Some(Answers { results, .. }) = self.taking.as_deref().filter(|_| !self.is_paused)
        else {
            return false;
        };
        if results.left() > 0 {
            return match results.awaited() {
                Ok(bytes) => self.incoming.has_arrived(&self.port, bytes),
                Err(_) => true,
            };
        }
        if self.in_flight() == 0 {
            return false;
        }
        let index = self.index_of(self.oldest);
        let sealed = self.port.sealed(RingKind::Results, index, self.oldest);
        match sealed {
            Ok(None) => false,
            Ok(Some(seal)) if self.ahead == self.oldest => {
                Seal::from_word(seal).count > 0 || self.incoming.has_piece(&self.port)
            }
            _ => true,
        }
    }

    /// Whether anything waits to be pushed.
    #[inline(always)]
    pub fn has_unpublished(&self) -> bool {
        self.batch.count() > 0
            || self.outgoing.queued_bytes() > 0
            || self.incoming.owes_credit()
            || !self.backlog.is_empty()
    }

    /// Whether nothing is issued, published or waiting for its result.
    #[inline(always)]
    pub fn is_idle(&self) -> bool {
        self.issued() == self.answered && !self.incoming.owes_credit()
    }

    /// How many requests were issued, ever.
    #[inline(always)]
    pub fn issued(&self) -> u64 {
        self.published + u64::from(self.batch.count()) + self.backlog.len() as u64
    }

    /// How many requests were published, ever, and in how many batches, modulo 2^32.
    #[inline(always)]
    pub fn published(&self) -> (u64, u32) {
        (self.published, self.next.wrapping_sub(FIRST))
    }

    /// How many results were taken, ever; those that are lent out count when they come back.
    #[inline(always)]
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// Batches published whose results have not been taken.
    #[inline(always)]
    pub fn in_flight(&self) -> u32 {
        self.next.wrapping_sub(self.oldest)
    }

    /// Requests that wait for room in a slot.
    #[inline(always)]
    pub fn backlog(&self) -> usize {
        self.backlog.len()
    }

    /// The notes of all requests that have no result, in order, when there will be none.
    pub fn into_unanswered(self) -> impl Iterator<Item = (N, Fate)> {
        let in_flight = self.in_flight();
        let mut published = self.sent;
        let oldest = self.oldest as usize % published.len();
        published.rotate_left(oldest);
        debug_assert!(
            published
                .iter()
                .skip(in_flight as usize)
                .all(|notes| notes.len() == 0)
        );
        let taking = self.taking.map(|answers| answers.notes);
        let published = taking
            .into_iter()
            .chain(published)
            .flat_map(Notes::into_rest);
        let unpublished = self.notes.into_rest().chain(self.backlog.into_notes());
        let unknown = published.map(|note| (note, Fate::Unknown));
        unknown.chain(unpublished.map(|note| (note, Fate::NotSent)))
    }

    /// Whether the batch that goes out next has room for a request with so many bytes in its slot.
    #[inline(always)]
    fn admits(&self, request: &Request, inline_bytes: usize) -> bool {
        // A result that is larger than a slot goes in pieces, and leaves room for the others.
        request.result_words() <= self.result_room && self.batch.has_room(inline_bytes)
    }

    fn batch_went_out(&mut self) {
        // Those of the batch before in this place were taken.
        let index = usize::from(self.index_of(self.next));
        std::mem::swap(&mut self.notes, &mut self.sent[index]);
        self.published += u64::from(self.batch.count());
        self.next = self.next.wrapping_add(1);
        self.batch.clear();
        self.result_room = WORDS_UNSEALED;
        self.take_of_backlog();
    }

    /// Takes what has room.
    fn take_of_backlog(&mut self) {
        while let Some((request, inline_bytes)) = self.backlog.front() {
            if !self.admits(request, inline_bytes) {
                break;
            }
            self.result_room -= request.result_words();
            if let Some((note, payload)) = self.backlog.pop_into(&mut self.batch) {
                self.notes.push(|| note);
                if let Some(payload) = payload {
                    self.outgoing.push(payload);
                }
            }
        }
    }

    /// Where the next batch goes.
    #[inline(always)]
    fn place(&self) -> Place {
        Place {
            ring: RingKind::Requests,
            worker: self.peer,
            index: self.index_of(self.next),
        }
    }

    #[inline(always)]
    fn index_of(&self, sequence: u32) -> u16 {
        (sequence & (u32::from(self.port.layout().geometry.depth) - 1)) as u16
    }

    #[cold]
    fn fail(&mut self, error: WireError) -> WireError {
        self.failed = Some(error);
        error
    }
}
