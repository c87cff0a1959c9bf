//! The trustee's end of a link between processes.

mod serving;

use std::borrow::Cow;

use crate::rack::channel::{Channel, Refusal};
use crate::rack::error::{LinkError, WireError};
use crate::rack::layout::{Place, RingKind};
use crate::rack::link::bulk::{Incoming, OF_REQUESTS, OF_RESULTS, Outgoing, QUEUED_BYTES_MAX};
use crate::rack::link::payload::Payload;
use crate::rack::link::{FIRST, PAYLOAD_BYTES_MAX, TooLong};
use crate::rack::port::Port;
use crate::rack::wire::{Alike, Content, INLINE_BYTES_MAX, Property, RequestReader, ResultImage};
use crate::seal::Seal;

pub use serving::Serving;

/// The trustee's end; see [`ClientLink`](crate::rack::ClientLink) for an example.
///
/// ```text
///            poll_request             respond
///   ┌► batch ───────────► one is due ─────────► more of the batch: poll_request again
///   │  taken                                └─► last of the batch: publish ─┐
///   └──────────────────────────────────────────────────────────────────────┘
/// ```
#[derive(Debug)]
pub struct TrusteeLink {
    /// The client, among the workers of its node.
    peer: u16,
    /// What the client's worker writes for us.
    port: Port,
    requests: RequestReader,
    results: ResultImage,
    outgoing: Outgoing,
    incoming: Incoming,
    /// Whether a request was polled and not responded to.
    is_due: bool,
    /// The sequence of the batch that is served, or of the next.
    next: u32,
    served: u64,
    stop: Stop,
    /// The last batch whose client was told that its results come in pieces before it is complete.
    ahead: u32,
}

/// Whether no further request is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    No,
    /// Within a batch, until the client has taken what waits for it.
    Full,
    Failed(WireError),
}

/// A request that has arrived.
#[derive(Debug, PartialEq, Eq)]
pub struct Arrived<'a> {
    /// What to run.
    pub call: u64,
    /// On which property.
    pub property: Property,
    /// What kind of request it is.
    pub kind: u8,
    /// The bytes that go with it.
    pub payload: Cow<'a, [u8]>,
}

impl TrusteeLink {
    /// The end of a link to worker `peer` of the node that writes `port`, as that worker.
    pub fn new(peer: u16, port: Port) -> Self {
        Self {
            peer,
            port,
            requests: RequestReader::new(),
            results: ResultImage::new(),
            outgoing: Outgoing::new(OF_RESULTS, peer),
            incoming: Incoming::new(OF_REQUESTS, peer),
            is_due: false,
            next: FIRST,
            served: 0,
            stop: Stop::No,
            ahead: FIRST.wrapping_sub(1),
        }
    }

    /// The next request, in order, if it has come; it is to be [responded](Self::respond) to
    /// before the next is asked for.
    ///
    /// There is none while the results of the batch before wait for a [`publish`](Self::publish),
    /// and while the client has many results to take that do not fit into slots.
    ///
    /// # Errors
    /// If the peer wrote what cannot be. Then so does every later call.
    ///
    /// # Panics
    /// If the one before was not responded to.
    #[inline]
    pub fn poll_request(&mut self) -> Result<Option<Arrived<'_>>, WireError> {
        assert!(!self.is_due, "a request has had no response");
        match self.is_ready() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(self.fail(error)),
        }
        let record = match self.requests.take_record() {
            Ok(record) => record.expect("there is one"),
            Err(error) => {
                self.stop = Stop::Failed(error);
                return Err(error);
            }
        };
        let payload = match record.content {
            Content::Inline(payload) => Cow::Borrowed(payload),
            Content::Bulk(bytes) => Cow::Owned(self.incoming.take(bytes)),
        };
        self.is_due = true;
        Ok(Some(Arrived {
            call: record.call,
            property: record.property,
            kind: record.kind,
            payload,
        }))
    }

    /// As [`poll_request`](Self::poll_request), but for requests alone whose payload is in a slot,
    /// and for all that are alike at once: they are then [served](Self::serve_alike). If there is no
    /// such request, none is polled.
    ///
    /// # Errors
    /// As `poll_request`.
    ///
    /// # Panics
    /// As `poll_request`.
    #[inline(always)]
    pub fn poll_alike(&mut self) -> Result<Option<Alike>, WireError> {
        assert!(!self.is_due, "a request has had no response");
        if !matches!(self.stop, Stop::No) {
            return self.stopped().map(|_| None);
        }
        if self.requests.left() == 0 {
            match self.take_batch() {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => return Err(self.fail(error)),
            }
        }
        self.requests.run().map_err(|error| self.fail(error))
    }

    /// Serves those that were polled, which are alike.
    ///
    /// # Panics
    /// As `poll_request`.
    #[inline(always)]
    pub fn serve_alike(&mut self) -> Serving<'_> {
        assert!(!self.is_due, "a request has had no response");
        Serving::new(self)
    }

    /// The result of the request that was polled. It goes out with the last of its batch.
    ///
    /// # Errors
    /// If the payload is longer than [`PAYLOAD_BYTES_MAX`]; another response is due then.
    ///
    /// # Panics
    /// If no response is due.
    #[inline]
    pub fn respond<'a>(
        &mut self,
        status: u8,
        payload: impl Into<Cow<'a, [u8]>>,
    ) -> Result<(), TooLong<()>> {
        assert!(self.is_due, "no request waits for a response");
        let payload = payload.into();
        let bytes = payload.len() as u64;
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(TooLong { bytes, note: () });
        }
        if !self.results.push(status, &payload) {
            self.queue(payload.into_owned().into());
        }
        self.is_due = false;
        self.served += 1;
        Ok(())
    }

    /// [`respond`](Self::respond) with a payload in parts.
    ///
    /// # Errors
    /// As `respond`.
    ///
    /// # Panics
    /// As `respond`.
    pub fn respond_parts(&mut self, status: u8, payload: Payload) -> Result<(), TooLong<()>> {
        if payload.len() <= INLINE_BYTES_MAX {
            return self.respond(status, payload.into_bytes());
        }
        assert!(self.is_due, "no request waits for a response");
        let bytes = payload.len() as u64;
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(TooLong { bytes, note: () });
        }
        self.results.push_bulk(status, bytes);
        self.queue(payload);
        self.is_due = false;
        self.served += 1;
        Ok(())
    }

    /// Says that the requests of a batch that has come are about to be run: if they are more than
    /// one, their results are prepared for. For one it would be too early: the client, which polls
    /// for its result, would take the line back.
    #[inline(always)]
    pub fn prepare(&mut self, channel: &mut impl Channel) {
        let index = self.index_of(self.next);
        let seal = Seal::from_word(self.port.seal(RingKind::Requests, index));
        if seal.count > 1 {
            channel.prepare(self.place());
        }
    }

    /// Pushes the results of a whole batch, pieces and credit into the channel, as they find room;
    /// returns whether anything went.
    ///
    /// The channel is to be flushed afterwards, once for all links that write through it.
    ///
    /// # Errors
    /// If the channel is dead, or the peer wrote what cannot be; see [`LinkError`].
    #[inline]
    pub fn publish(&mut self, channel: &mut impl Channel) -> Result<bool, LinkError> {
        let mut went = false;
        if self.is_complete() {
            let place = self.place();
            let (used, seal) = self.results.sealed(self.next);
            match channel.push(place, used, seal) {
                Ok(()) => {
                    self.results.begin(0);
                    self.next = self.next.wrapping_add(1);
                    went = true;
                }
                Err(Refusal::Busy) => {}
                Err(Refusal::Dead) => {
                    self.outgoing.handle_refusal();
                    return Err(LinkError::Dead);
                }
            }
        }
        if self.stop == Stop::Full {
            went |= self.announce(channel)?;
        }
        match self.outgoing.publish(&self.port, channel) {
            Ok(pieces) => went |= pieces,
            Err(error) => {
                if let Some(error) = error.wire() {
                    self.fail(error);
                }
                return Err(error);
            }
        }
        if self.stop == Stop::Full && !self.has_many_queued() {
            self.stop = Stop::No;
        }
        went |= self.incoming.publish(channel)?;
        Ok(went)
    }

    /// Whether something has come that [`poll_request`](Self::poll_request) or
    /// [`publish`](Self::publish) waits for.
    #[inline(always)]
    pub fn has_arrived(&self) -> bool {
        if matches!(self.stop, Stop::Failed(_)) || self.outgoing.has_credit(&self.port) {
            return true;
        }
        if self.is_due || self.is_complete() || self.stop == Stop::Full {
            return false;
        }
        if self.requests.left() > 0 {
            return match self.requests.awaited() {
                Ok(bytes) => self.incoming.has_arrived(&self.port, bytes),
                Err(_) => true,
            };
        }
        let index = self.index_of(self.next);
        let sealed = self.port.sealed(RingKind::Requests, index, self.next);
        !self.has_many_queued() && !matches!(sealed, Ok(None))
    }

    /// Whether anything waits to be pushed.
    #[inline(always)]
    pub fn has_unpublished(&self) -> bool {
        self.is_complete() || self.outgoing.queued_bytes() > 0 || self.incoming.owes_credit()
    }

    /// Whether a request was polled and not responded to: it may wait, and all behind it with it.
    #[inline(always)]
    pub fn is_due(&self) -> bool {
        self.is_due
    }

    /// How many requests were responded to, ever.
    #[inline(always)]
    pub fn served(&self) -> u64 {
        self.served
    }

    /// Whether all of a batch were responded to, and it was not pushed yet: until then there is no
    /// further request.
    #[inline(always)]
    pub fn is_complete(&self) -> bool {
        self.results.count() > 0 && self.results.left() == 0
    }

    /// Queues what goes in pieces. If that is much, the rest of the batch waits.
    #[cold]
    fn queue(&mut self, payload: Payload) {
        self.outgoing.push(payload);
        if self.has_many_queued() && self.results.left() > 0 && self.stop == Stop::No {
            self.stop = Stop::Full;
        }
    }

    /// Tells the client to take pieces of a batch that is not complete: an empty batch in its place.
    fn announce(&mut self, channel: &mut impl Channel) -> Result<bool, LinkError> {
        if self.ahead == self.next {
            return Ok(false);
        }
        let seal = Seal {
            sequence: self.next,
            offset: 0,
            count: 0,
            has_exceptions: false,
        };
        match channel.push(self.place(), &[], seal.to_word()) {
            Ok(()) => {
                self.ahead = self.next;
                Ok(true)
            }
            Err(Refusal::Busy) => Ok(false),
            Err(Refusal::Dead) => {
                self.outgoing.handle_refusal();
                Err(LinkError::Dead)
            }
        }
    }

    #[cold]
    fn stopped(&self) -> Result<bool, WireError> {
        match self.stop {
            Stop::Failed(error) => Err(error),
            Stop::No | Stop::Full => Ok(false),
        }
    }

    /// Whether the client has to take results first.
    #[inline(always)]
    fn has_many_queued(&self) -> bool {
        self.outgoing.queued_bytes() > QUEUED_BYTES_MAX
    }

    /// Whether the next request is here, all of it.
    #[inline(always)]
    fn is_ready(&mut self) -> Result<bool, WireError> {
        if !matches!(self.stop, Stop::No) {
            return self.stopped();
        }
        if self.requests.left() == 0 && !self.take_batch()? {
            return Ok(false);
        }
        let awaited = self.requests.awaited()?;
        if awaited == 0 {
            return Ok(true);
        }
        self.incoming.fill(&self.port, awaited)
    }

    /// Takes the next batch, if it has come and the one before is done with.
    #[inline(always)]
    fn take_batch(&mut self) -> Result<bool, WireError> {
        if self.is_complete()
            || self.has_many_queued()
            || !self.requests.take(&self.port, self.next)?
        {
            return Ok(false);
        }
        self.results.begin(self.requests.left());
        Ok(true)
    }

    /// Where the results of the batch go.
    #[inline(always)]
    fn place(&self) -> Place {
        Place {
            ring: RingKind::Results,
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
        self.stop = Stop::Failed(error);
        error
    }
}
