//! Requests that found no room, in order.

use std::collections::VecDeque;

use crate::rack::link::payload::Payload;
use crate::rack::wire::{Content, Request, RequestImage};

/// A FIFO of requests and their payloads; never allocates while it stays below its high-water
/// mark, but for payloads that do not fit into a slot, which are kept as they came.
#[derive(Debug)]
pub(super) struct Backlog<N> {
    requests: VecDeque<Deferred<N>>,
    /// The payloads that go into slots, one after the other.
    payloads: VecDeque<u8>,
    /// The others.
    bulk: VecDeque<Payload>,
    /// Where a payload is put together that lies in two parts.
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Deferred<N> {
    request: Request,
    note: N,
    /// Of a payload that goes into a slot.
    inline_bytes: Option<usize>,
}

impl<N> Backlog<N> {
    pub(super) fn new() -> Self {
        Self {
            requests: VecDeque::new(),
            payloads: VecDeque::new(),
            bulk: VecDeque::new(),
            scratch: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn push_inline(&mut self, request: Request, payload: &[u8], note: N) {
        self.payloads.extend(payload);
        let inline_bytes = Some(payload.len());
        self.requests.push_back(Deferred {
            request,
            note,
            inline_bytes,
        });
    }

    pub(super) fn push_bulk(&mut self, request: Request, payload: Payload, note: N) {
        self.bulk.push_back(payload);
        let inline_bytes = None;
        self.requests.push_back(Deferred {
            request,
            note,
            inline_bytes,
        });
    }

    /// The oldest request, and how many bytes of its payload go into a slot.
    pub(super) fn front(&self) -> Option<(&Request, usize)> {
        let front = self.requests.front()?;
        Some((&front.request, front.inline_bytes.unwrap_or(0)))
    }

    /// Moves the oldest request into a batch that has room for it, and returns its note and the
    /// payload that is to go in pieces.
    pub(super) fn pop_into(&mut self, batch: &mut RequestImage) -> Option<(N, Option<Payload>)> {
        let Deferred {
            request,
            note,
            inline_bytes,
        } = self.requests.pop_front()?;
        let Some(bytes) = inline_bytes else {
            let payload = self.bulk.pop_front().expect("one for each such request");
            batch.push(&request, Content::Bulk(payload.len() as u64));
            return Some((note, Some(payload)));
        };
        let (first, second) = self.payloads.as_slices();
        if let Some(payload) = first.get(..bytes) {
            batch.push(&request, Content::Inline(payload));
        } else {
            self.scratch.clear();
            self.scratch.extend_from_slice(first);
            self.scratch
                .extend_from_slice(&second[..bytes - first.len()]);
            batch.push(&request, Content::Inline(&self.scratch));
        }
        self.payloads.drain(..bytes);
        Some((note, None))
    }

    /// The notes of all that are left, in order.
    pub(super) fn into_notes(self) -> impl Iterator<Item = N> {
        self.requests.into_iter().map(|deferred| deferred.note)
    }
}
