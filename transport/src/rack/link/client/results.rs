//! The client's end of a link between processes: the results that it takes.

use std::borrow::Cow;

use crate::rack::error::WireError;
use crate::rack::link::answer::{Answer, Answers};
use crate::rack::link::client::ClientLink;
use crate::rack::wire::{Content, Taken};

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
        let answers = self.taking.as_mut().expect("it is not lent out");
        let record = match answers.results.take_record() {
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
            note: answers.notes.pop().expect("one for each request"),
            status,
            payload,
        }))
    }

    /// Lends out the results of a batch, of which one at least is in its slot, so that they can be
    /// acted on while requests are issued, and then [taken back](Self::take_back): there is no
    /// other result before that. What `poll_result` returns comes before or after.
    ///
    /// # Errors
    /// As [`poll_result`](Self::poll_result).
    #[inline]
    pub fn lend_results(&mut self) -> Result<Option<Box<Answers<N>>>, WireError> {
        match self.is_ready() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(self.fail(error)),
        }
        let mut lent = self.taking.take_if(|answers| !answers.results.is_bulk());
        if let Some(answers) = &mut lent {
            answers.lent = answers.notes.len();
        }
        Ok(lent)
    }

    /// Takes back what [`lend_results`](Self::lend_results) has lent out, with what was wrong in it.
    #[inline]
    pub fn take_back(&mut self, answers: Box<Answers<N>>, unreadable: Option<WireError>) {
        self.answered += (answers.lent - answers.notes.len()) as u64;
        self.failed = self.failed.or(unreadable);
        self.taking = Some(answers);
    }

    /// Takes no further result until it is to [go on](Self::resume); whether it took any before.
    pub fn pause(&mut self) -> bool {
        !std::mem::replace(&mut self.is_paused, true)
    }

    /// Takes results again.
    pub fn resume(&mut self) {
        self.is_paused = false;
    }

    /// Whether the next result is here, all of it, and is to be taken.
    #[inline(always)]
    fn is_ready(&mut self) -> Result<bool, WireError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let left = match &self.taking {
            Some(answers) if !self.is_paused => answers.left(),
            _ => return Ok(false),
        };
        if left == 0 && !self.take_batch()? {
            return Ok(false);
        }
        let answers = self.taking.as_ref().expect("it is not lent out");
        let awaited = answers.results.awaited()?;
        if awaited == 0 {
            return Ok(true);
        }
        self.incoming.fill(&self.port, awaited)
    }

    #[inline(always)]
    fn take_batch(&mut self) -> Result<bool, WireError> {
        if self.in_flight() == 0 {
            return Ok(false);
        }
        let index = usize::from(self.index_of(self.oldest));
        let notes = &mut self.sent[index];
        let expected = notes.len() as u16;
        let answers = self.taking.as_mut().expect("it is not lent out");
        match answers.results.take(&self.port, self.oldest)? {
            Taken::Batch => {}
            Taken::Nothing => return Ok(false),
            Taken::Notice => return self.take_ahead(),
        }
        let found = answers.left();
        if found != expected {
            return Err(WireError::Results { expected, found });
        }
        answers.notes.clear();
        std::mem::swap(&mut answers.notes, notes);
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
