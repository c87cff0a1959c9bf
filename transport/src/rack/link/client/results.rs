//! The client's end of a link between processes: the results that it takes.

use std::borrow::Cow;

use crate::rack::error::WireError;
use crate::rack::link::answer::{Answer, Answers};
use crate::rack::link::client::ClientLink;
use crate::rack::link::notes::Notes;
use crate::rack::wire::{Content, ResultReader, Taken};

impl<N> ClientLink<N> {
    /// The next result, in the order of the requests, if it has come.
    ///
    /// # Errors
    /// If the peer wrote what cannot be. Then so does every later call.
    #[inline]
    pub fn poll_result(&mut self) -> Result<Option<Answer<'_, N>>, WireError> {
        match self.is_ready() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(self.fail(error)),
        }
        let results = self.results.as_mut().expect("it is not lent out");
        let record = match results.take_record() {
            Ok(record) => record.expect("there is one"),
            Err(error) => {
                self.failed = Some(error);
                return Err(error);
            }
        };
        let payload = match record.content {
            Content::Inline(payload) => Cow::Borrowed(payload),
            Content::Bulk(bytes) => Cow::Owned(self.incoming.take(bytes)),
        };
        let status = record.status;
        self.answered += 1;
        Ok(Some(Answer {
            note: self.taking.pop().expect("one for each request"),
            status,
            payload,
        }))
    }

    /// Lends out the results of a batch, of which one at least is in its slot, so that they can be
    /// acted on while requests are issued, and then [taken back](Self::take_back). What
    /// `poll_result` returns comes before or after.
    ///
    /// # Errors
    /// As [`poll_result`](Self::poll_result).
    #[inline]
    pub fn lend_results(&mut self) -> Result<Option<Answers<N>>, WireError> {
        match self.is_ready() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(self.fail(error)),
        }
        let Some(results) = self.results.take_if(|results| !results.is_bulk()) else {
            return Ok(None);
        };
        let notes = std::mem::replace(&mut self.taking, Notes::new());
        Ok(Some(Answers {
            results,
            lent: notes.len(),
            notes,
        }))
    }

    /// Takes back what [`lend_results`](Self::lend_results) has lent out, with what was wrong in it.
    #[inline]
    pub fn take_back(&mut self, answers: Answers<N>, unreadable: Option<WireError>) {
        let Answers {
            results,
            notes,
            lent,
        } = answers;
        self.answered += (lent - notes.len()) as u64;
        self.failed = self.failed.or(unreadable);
        (self.results, self.taking) = (Some(results), notes);
    }

    /// Takes no further result until what this returns is given to [`resume`](Self::resume);
    /// nothing if that is so already.
    pub fn pause(&mut self) -> Option<Box<ResultReader>> {
        self.results.take()
    }

    /// Takes results again.
    pub fn resume(&mut self, results: Box<ResultReader>) {
        self.results = Some(results);
    }

    /// Whether the next result is here, all of it, and is to be taken.
    #[inline(always)]
    fn is_ready(&mut self) -> Result<bool, WireError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let left = match &self.results {
            Some(results) => results.left(),
            None => return Ok(false),
        };
        if left == 0 && !self.take_batch()? {
            return Ok(false);
        }
        let results = self.results.as_ref().expect("it is not lent out");
        let awaited = results.awaited()?;
        if awaited == 0 {
            return Ok(true);
        }
        self.incoming.fill(&self.port, awaited)
    }

    #[inline(always)]
    fn take_batch(&mut self) -> Result<bool, WireError> {
        let Some(notes) = self.in_flight.front() else {
            return Ok(false);
        };
        let expected = notes.len() as u16;
        let results = self.results.as_mut().expect("it is not lent out");
        match results.take(&self.port, self.oldest)? {
            Taken::Batch => {}
            Taken::Nothing => return Ok(false),
            Taken::Notice => return self.take_ahead(),
        }
        let found = results.left();
        if found != expected {
            return Err(WireError::Results { expected, found });
        }
        if let Some(notes) = self.in_flight.pop_front() {
            let mut taken = std::mem::replace(&mut self.taking, notes);
            taken.clear();
            self.spare.push(taken);
        }
        self.oldest = self.oldest.wrapping_add(1);
        Ok(true)
    }

    /// Takes pieces of results whose batch is not complete: the trustee waits for room.
    #[cold]
    fn take_ahead(&mut self) -> Result<bool, WireError> {
        self.ahead = self.oldest;
        self.incoming.take_pieces(&self.port)?;
        Ok(false)
    }
}
