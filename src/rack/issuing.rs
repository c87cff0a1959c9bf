//! A worker issues calls to other nodes: simply, as a record in a slot of a link that is there; or
//! otherwise.

use std::sync::Arc;

use crate::rack::codec::Parcel;
use crate::rack::continuation::Continuation;
use crate::rack::envelope::{Kind, Table};
use crate::rack::error::{CallError, NotExecuted, Refusal};
use crate::rack::handles::Handle;
use crate::rack::outbound::{Answers, Load, Question};
use crate::rack::refs;
use crate::rack::remote::{Home, Remote};
use crate::rack::route::Note;
use crate::rack::side::{RackSide, prefixed};
use crate::worker::Worker;

impl RackSide {
    /// Says that a call is about to be issued, ahead of what else that takes; if others are to go
    /// out already, there is no hurry.
    #[inline(always)]
    pub(crate) fn prepare(&self, to: Home) {
        if self.is_dirty.get() {
            return;
        }
        let mut route = self.route(to.node).borrow_mut();
        if let Some(at) = route.open_pair(to.worker) {
            route.prepare(at);
        }
    }

    /// Issues a call to another node, whose outcome does not come later: with its arguments, which
    /// fit into a slot, and what is to be done with the reply, if anything. Runs no foreign code.
    ///
    /// The question is put together again if the call is out of the way, so that it stays in
    /// registers else.
    #[inline(always)]
    pub(crate) fn issue(
        &self,
        worker: &Worker,
        question: Question,
        bytes: &[u8],
        note: impl FnOnce() -> Note,
    ) {
        let mut route = self.route(question.to.node).borrow_mut();
        if let Some(at) = route.open_pair(question.to.worker)
            && !worker.client.is_closed()
        {
            let kind = match question.answers {
                Answers::Never => Kind::POST,
                _ => Kind::CALL,
            };
            route.issue(at, &question.request(kind), bytes, note);
            drop(route);
            return self.set_dirty();
        }
        drop(route);
        let Question {
            to,
            word,
            property,
            answers,
            result_bytes,
        } = question;
        let parcel = Parcel {
            bytes: bytes.to_vec(),
            ..Parcel::default()
        };
        let then = match note() {
            Note::Now(then) => Some(then),
            Note::Later(_) | Note::Posted | Note::Unread => None,
        };
        let question = Question {
            to,
            word,
            property,
            answers,
            result_bytes,
        };
        self.issue_otherwise(worker, question, parcel, then, None);
    }

    /// Issues such a call with any arguments.
    #[inline(never)]
    pub(crate) fn issue_load(
        &self,
        worker: &Worker,
        question: Question,
        load: Load,
        then: Option<Continuation>,
    ) {
        match load {
            Load::Parcel(parcel) if parcel.is_plain() => {
                let note = || then.map_or(Note::Posted, Note::Now);
                self.issue(worker, question, &parcel.bytes, note);
            }
            Load::Parcel(parcel) => self.issue_otherwise(worker, question, parcel, then, None),
            Load::Large(encode) => self.issue_large(worker, question, encode, then, None),
        }
    }

    /// Issues a call that need not be simply a record in a slot of a link that is there; one whose
    /// outcome comes later holds `target` until then.
    #[inline(never)]
    pub(crate) fn issue_otherwise(
        &self,
        worker: &Worker,
        question: Question,
        parcel: Parcel,
        then: Option<Continuation>,
        target: Option<Arc<Remote>>,
    ) {
        let issued = self.hold(question, parcel, then, target);
        if let Some((parcel, then, target)) = issued {
            self.issue_now(worker, question, parcel, then, target);
        }
    }

    /// The same of a call whose turn it is.
    pub(super) fn issue_now(
        &self,
        worker: &Worker,
        question: Question,
        parcel: Parcel,
        then: Option<Continuation>,
        target: Option<Arc<Remote>>,
    ) {
        match self.ready(worker, question.to, &parcel.handles) {
            Ok(table) => self.issue_ready(worker, question, (table, parcel), then, target),
            Err(error) => self.end_unsent(worker, then, error),
        }
    }

    /// A call has ended before it was sent.
    pub(super) fn end_unsent(&self, worker: &Worker, then: Option<Continuation>, error: CallError) {
        match then {
            Some(then) => self.unsent.borrow_mut().push((then, error)),
            None => worker.home().stats().add_post_lost(),
        }
    }

    /// Readies the links of a call; where they are.
    pub(super) fn open_link(&self, worker: &Worker, to: Home) -> Result<usize, CallError> {
        let node = to.node as usize;
        let lost = || CallError::NotExecuted(NotExecuted::NodeLost { node });
        if worker.client.is_closed() {
            return Err(CallError::NotExecuted(NotExecuted::Closed));
        }
        if to.node == worker.shared().rack().id() {
            // Calls at home are plain: what a peer says is of this node and is not, was let go.
            let refusal = Refusal::NoProperty;
            let refused = NotExecuted::Refused { node, refusal };
            return Err(CallError::NotExecuted(refused));
        }
        if !self.route(to.node).borrow().is_live() {
            return Err(lost());
        }
        self.pair_with(worker, to).ok_or_else(lost)
    }

    /// Readies the links and the trusts of a call.
    fn ready(
        &self,
        worker: &Worker,
        to: Home,
        handles: &[Handle],
    ) -> Result<Option<Table>, CallError> {
        // Before its trusts are readied, so that it can still come back.
        self.open_link(worker, to)?;
        let table = self.pack(worker, to.node, handles);
        table.map_err(|error| match error {
            refs::SendError::NoHandle(key) => {
                // It came as one whose owner was lost meanwhile.
                let node = key.owner.number as usize;
                CallError::NotExecuted(NotExecuted::NodeLost { node })
            }
            _ => {
                let node = to.node as usize;
                CallError::NotExecuted(NotExecuted::NodeLost { node })
            }
        })
    }

    fn issue_ready(
        &self,
        worker: &Worker,
        question: Question,
        (table, parcel): (Option<Table>, Parcel),
        then: Option<Continuation>,
        target: Option<Arc<Remote>>,
    ) {
        let Question { to, answers, .. } = question;
        let kind = Kind {
            has_table: table.is_some(),
            has_token: answers == Answers::Later,
            is_post: answers == Answers::Never,
            ..Kind::CALL
        };
        let mut payload = Vec::new();
        let note = match (answers, then) {
            (Answers::Later, then) => {
                let token = self.late.borrow_mut().insert(to.node, then, target);
                payload.extend_from_slice(&token.to_le_bytes());
                Note::Later(token)
            }
            (_, Some(then)) => Note::Now(then),
            (_, None) => Note::Posted,
        };
        if let Some(table) = table {
            table.append_to(&mut payload);
        }
        // The trusts have gone into the table, which keeps what they lead to.
        let payload = prefixed(payload, parcel.into_payload());
        self.send(worker, to, question.request(kind), payload, note);
    }
}
