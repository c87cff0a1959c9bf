//! A request under test: the log's account of it, from its closure to its last drop.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::coverage::{Situation, reached};
use crate::log::{Issue, lock};
use crate::property::Property;
use crate::thread::Thread;

pub(crate) struct Request {
    pub(crate) number: u32,
    pub(crate) kind: Kind,
    pub(crate) ending: Ending,
    pub(crate) property: Arc<Property>,
    life: Mutex<Life>,
}

/// By which call it is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Awaited,
    Then,
    Posted,
}

/// How its closure ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a result, which panics when it is dropped if `explodes`.
    Returns { explodes: bool },
    /// With a panic, whose payload panics when it is dropped if `explodes`.
    Throws { explodes: bool },
    /// With a panic in the drop of what it captured.
    Bangs,
}

/// What has become of a request so far.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) issue: Option<Issue>,
    /// Issued before the shutdown began, so that it must run.
    pub(crate) is_early: bool,
    pub(crate) runs: u32,
    /// What the register showed when it ran.
    pub(crate) state: Option<u64>,
    /// Its issuer has told that the result is there.
    pub(crate) is_done: bool,
    /// Its future was polled elsewhere than where it was issued.
    pub(crate) is_redirected: bool,
    /// It was in what a program forgot before it was issued.
    pub(crate) is_leaked: bool,
    pub(crate) end: End,
    /// How often the panic hook was told of its panic.
    pub(crate) reports: u32,
    /// How often what follows it has run.
    pub(crate) thens: u32,
    parts: [Drops; 5],
    /// Requests that its closure carries.
    children: Vec<Arc<Request>>,
}

/// How whoever awaits it has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Open,
    Value {
        state: u64,
        by: Thread,
    },
    Panicked {
        by: Thread,
    },
    Closed,
    Dropped {
        stage: Stage,
        by: Thread,
    },
    Forgotten {
        stage: Stage,
    },
}

/// How far its future is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Unpolled,
    /// Polled first by this worker.
    Issued(usize),
    /// Polled elsewhere: the outcome comes by a channel.
    Mailed,
    Landed,
}

/// What of a request is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Capture,
    Result,
    Payload,
    Then,
    Waker,
}

/// How many of a part were made and dropped, and where the last one was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Drops {
    pub(crate) made: u32,
    pub(crate) dropped: u32,
    pub(crate) by: Option<Thread>,
}

impl Request {
    pub(crate) fn new(property: &Arc<Property>, kind: Kind, ending: Ending) -> Arc<Self> {
        let mut requests = property.log.requests();
        let number = u32::try_from(requests.len()).expect("programs are small");
        let (property, life) = (Arc::clone(property), Mutex::default());
        let request = Arc::new(Self {
            number,
            kind,
            ending,
            property,
            life,
        });
        requests.push(Arc::clone(&request));
        request
    }

    pub(crate) fn life(&self) -> MutexGuard<'_, Life> {
        lock(&self.life)
    }

    /// Issues it by `call`, which is made by the calling actor.
    pub(crate) fn issue<R>(&self, call: impl FnOnce() -> R) -> R {
        let log = &self.property.log;
        let issue = log.issue(self.property.trustee);
        self.life().issue = Some(issue);
        self.property.life().issued += 1;
        let returned = call();
        if !log.has_begun() {
            self.life().is_early = true;
        }
        returned
    }

    /// Its closure carries `child`.
    pub(crate) fn adopt(&self, child: &Arc<Self>) {
        self.life().children.push(Arc::clone(child));
    }

    /// Its closure was forgotten before it was issued.
    pub(crate) fn leak(&self) {
        let mut life = self.life();
        life.is_leaked = true;
        let children = std::mem::take(&mut life.children);
        drop(life);
        children.iter().for_each(|child| child.leak());
    }

    /// Its result, or `then` of it, is there on the issuer.
    pub(crate) fn complete(&self) {
        let mut life = self.life();
        life.is_done = true;
        let issue = life.issue;
        drop(life);
        let log = &self.property.log;
        match issue {
            Some(issue) if log.actor() == Some(issue.actor) => log.complete(issue),
            _ => log.fault(format_args!(
                "{} completed away from its issuer",
                self.number
            )),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)
    }
}

impl Life {
    pub(crate) fn drops(&self, part: Part) -> Drops {
        self.parts[part as usize]
    }
}

/// A part of a request that counts its drop.
pub(crate) struct Token {
    request: Arc<Request>,
    part: Part,
    explodes: bool,
}

impl Token {
    pub(crate) fn new(request: &Arc<Request>, part: Part, explodes: bool) -> Self {
        request.life().parts[part as usize].made += 1;
        Self {
            request: Arc::clone(request),
            part,
            explodes,
        }
    }

    pub(crate) fn request(&self) -> &Arc<Request> {
        &self.request
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let mut life = self.request.life();
        let drops = &mut life.parts[self.part as usize];
        drops.dropped += 1;
        drops.by = Some(Thread::current());
        let is_once_too_often = drops.dropped > drops.made;
        drop(life);
        if is_once_too_often {
            let (number, part) = (self.request.number, self.part);
            self.request
                .property
                .log
                .fault(format_args!("{part:?} of {number} dropped again"));
        }
        if self.explodes && !std::thread::panicking() {
            reached(Situation::of_explosion(self.part));
            bang();
        }
    }
}

/// The payload of a closure that is meant to panic.
pub(crate) struct Thrown(pub(crate) Token);

/// The payload of a drop that is meant to panic.
pub(crate) struct Bang;

/// Panics without a word on standard error.
pub(crate) fn bang() -> ! {
    resume_unwind(Box::new(Bang))
}
