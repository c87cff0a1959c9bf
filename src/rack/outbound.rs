//! A call on its way to another node.

use std::sync::Arc;

use futures::channel::oneshot;

use crate::rack::codec::Parcel;
use crate::rack::entry::CallWord;
use crate::rack::remote::{Home, PropertyId, Remote};
use crate::rack::visit::Reply;

/// A call that is to be issued.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) to: Home,
    pub(crate) word: CallWord,
    pub(crate) property: PropertyId,
    pub(crate) answers: Answers,
    pub(crate) parcel: Parcel,
    /// How long its result will probably be.
    pub(crate) result_bytes: u16,
    /// The property that it is on, if it is on one: held until the answer has come.
    pub(crate) target: Option<Arc<Remote>>,
}

/// How a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// In the order of the calls, with its outcome.
    Now,
    /// Its outcome comes later, if it was not refused.
    Later,
    /// With nothing that anybody looks at.
    Never,
}

/// Who is told of the outcome.
pub(crate) enum Completion {
    Awaited(oneshot::Sender<Reply>),
    /// Foreign code, to be run on the worker that has issued the call, and contained.
    Then(Box<dyn FnOnce(Reply)>),
    Posted,
}

impl Completion {
    /// Tells of the outcome; foreign code.
    pub(crate) fn complete(self, reply: Reply) {
        match self {
            // Who is gone needs no answer: the result is dropped here.
            Self::Awaited(sender) => drop(sender.send(reply)),
            Self::Then(then) => then(reply),
            Self::Posted => {}
        }
    }
}
