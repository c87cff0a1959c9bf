//! The judge: what must be true of the log when nothing moves any more.
//!
//! Every rule is one promise of the library: a request that was not polled never runs, another
//! runs exactly once; what it captured, its result or its payload, its wakers and what follows it
//! are dropped exactly once and on the right thread; a property lives as long as its trusts.

use std::sync::Arc;

use crate::coverage::{Situation, reached};
use crate::log::{Issue, Log};
use crate::property::Property;
use crate::register::{FRESH, next_state};
use crate::request::{Drops, End, Ending, Kind, Life, Part, Request, Stage};
use crate::thread::Thread;

/// When the judge looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// All actors have let go of everything, and the runtime is open.
    Quiet,
    /// The runtime has shut down, and all that the program had is dropped but what it forgot.
    Over,
    /// That is dropped as well.
    Gone,
}

type Verdict = Result<(), String>;

/// The first thing that is not as it must be.
pub(crate) fn judge(log: &Log, phase: Phase) -> Verdict {
    if let Some(fault) = log.faults().into_iter().next() {
        return Err(fault);
    }
    if phase == Phase::Gone {
        return log
            .requests()
            .iter()
            .try_for_each(|request| judge_remains(request));
    }
    for request in log.requests().iter() {
        let judged = Case::new(request, phase).judge();
        judged.map_err(|what| format!("{what}\n{}", describe(request)))?;
    }
    for property in log.properties().iter() {
        judge_property(property, phase).map_err(|what| {
            format!(
                "property {}: {what}: {:?}",
                property.number,
                property.life()
            )
        })?;
    }
    Ok(())
}

/// Counts what only the end shows.
pub(crate) fn count(log: &Log) {
    for request in log.requests().iter() {
        let life = request.life();
        if life.issue.is_some() && life.runs == 0 {
            reached(Situation::Unrun);
        }
        if life.end == End::Closed && life.runs > 0 {
            reached(Situation::ClosedAfterRun);
        }
    }
}

/// One request before the judge.
struct Case<'a> {
    log: &'a Log,
    request: &'a Request,
    phase: Phase,
    trustee: Thread,
}

impl<'a> Case<'a> {
    fn new(request: &'a Request, phase: Phase) -> Self {
        let log = &*request.property.log;
        Self {
            log,
            request,
            phase,
            trustee: log.thread_of(request.property.trustee),
        }
    }

    fn judge(&self) -> Verdict {
        let life = self.request.life();
        self.judge_end(&life)?;
        match life.issue {
            None => self.judge_unissued(&life),
            Some(issue) => self.judge_issued(&life, issue),
        }
    }

    fn judge_end(&self, life: &Life) -> Verdict {
        let is_open = self.phase == Phase::Over
            && self.request.kind == Kind::Awaited
            && life.end == End::Open;
        ensure(!is_open || life.is_leaked, "its future is left over")?;
        match life.end {
            End::Value { state, .. } => {
                ensure(life.state == Some(state), "the value is not its own")
            }
            End::Closed => ensure(self.log.has_begun(), "closed without a shutdown"),
            _ => Ok(()),
        }
    }

    fn judge_unissued(&self, life: &Life) -> Verdict {
        ensure(life.runs == 0, "ran without being issued")?;
        let capture = life.drops(Part::Capture);
        if life.is_leaked {
            return ensure(capture.dropped == 0, "dropped though forgotten");
        }
        match life.end {
            End::Dropped { by, .. } => once(capture, &[by], "capture of an unpolled one"),
            _ if self.phase == Phase::Quiet => Ok(()), // with a closure or a property, perhaps
            _ => ensure(capture.dropped == 1, "capture of an unissued one"),
        }
    }

    fn judge_issued(&self, life: &Life, issue: Issue) -> Verdict {
        let issuer = self.log.thread_of(issue.actor);
        let capture = life.drops(Part::Capture);
        if life.runs == 0 {
            ensure(!life.is_early && self.log.has_begun(), "never ran")?;
            once(capture, &[issuer, self.trustee], "capture of an unrun one")?;
        } else {
            ensure(life.runs == 1, "ran more than once")?;
            once(capture, &[self.trustee], "capture")?;
        }
        let (part, other) = match self.request.ending {
            Ending::Returns { .. } => (Part::Result, Part::Payload),
            Ending::Throws { .. } | Ending::Bangs => (Part::Payload, Part::Result),
        };
        ensure(
            life.drops(other).made == 0,
            "ended otherwise than it should",
        )?;
        let has_ended = life.runs == 1 && self.request.ending != Ending::Bangs;
        match self.request.kind {
            Kind::Awaited => self.judge_awaited(life, issuer, has_ended, part),
            Kind::Then => self.judge_then(life, issuer, part),
            Kind::Posted => self.judge_posted(life, issue, part),
        }
    }

    fn judge_awaited(&self, life: &Life, issuer: Thread, has_ended: bool, part: Part) -> Verdict {
        let drops = life.drops(part);
        ensure(
            (drops.made == 1) == has_ended,
            "made another number of results than one",
        )?;
        ensure(life.reports == 0, "its panic was reported")?;
        self.judge_landing(life)?;
        let is_over = self.phase == Phase::Over;
        if let End::Open
        | End::Forgotten {
            stage: Stage::Mailed,
        } = life.end
        {
            return ensure(drops.dropped <= drops.made, "dropped too often");
        }
        let wakers = life.drops(Part::Waker);
        ensure(wakers.made == wakers.dropped, "wakers are left over")?;
        if drops.made == 0 {
            return Ok(());
        }
        match life.end {
            End::Value { by, .. } | End::Panicked { by } => once(drops, &[by], "product"),
            End::Dropped {
                stage: Stage::Issued(_),
                ..
            }
            | End::Closed => once(drops, &[issuer], "product that nobody took"),
            End::Dropped { by, .. } => once(
                drops,
                &[by, issuer, self.trustee],
                "product of a redirected one",
            ),
            End::Forgotten { .. } if is_over => {
                once(drops, &[issuer], "product of a forgotten one")
            }
            End::Forgotten { .. } => ensure(drops.dropped == 0, "dropped though it may be taken"),
            End::Open => unreachable!("returned above"),
        }
    }

    /// Whoever awaited it got what it ended in.
    fn judge_landing(&self, life: &Life) -> Verdict {
        let returns = matches!(self.request.ending, Ending::Returns { .. });
        match life.end {
            End::Value { .. } => ensure(returns && life.runs == 1, "a value out of nothing"),
            End::Panicked { .. } => ensure(!returns && life.runs == 1, "a panic out of nothing"),
            _ => Ok(()),
        }
    }

    fn judge_then(&self, life: &Life, issuer: Thread, part: Part) -> Verdict {
        let returns = matches!(self.request.ending, Ending::Returns { .. });
        let follows = u32::from(returns && life.runs == 1);
        ensure(
            life.thens == follows,
            "followed another number of times than it should",
        )?;
        once(life.drops(Part::Then), &[issuer], "what follows")?;
        self.judge_reports(life)?;
        once_made(life.drops(part), &[issuer], "product for what follows")
    }

    fn judge_posted(&self, life: &Life, issue: Issue, part: Part) -> Verdict {
        self.judge_reports(life)?;
        let by = match part {
            // Reported where whoever awaits it would have it.
            Part::Payload if issue.actor < crate::log::WORKERS => self.log.thread_of(issue.actor),
            _ => self.trustee,
        };
        once_made(life.drops(part), &[by], "product of a posted one")
    }

    fn judge_reports(&self, life: &Life) -> Verdict {
        let throws = matches!(self.request.ending, Ending::Throws { .. });
        let reports = u32::from(throws && life.runs == 1);
        ensure(
            life.reports == reports,
            "reported another number of times than it should",
        )
    }
}

/// Nothing is left of it.
fn judge_remains(request: &Request) -> Verdict {
    let parts = [
        Part::Capture,
        Part::Result,
        Part::Payload,
        Part::Then,
        Part::Waker,
    ];
    let is_gone = parts.iter().all(|part| {
        let drops = request.life().drops(*part);
        drops.made == drops.dropped
    });
    ensure(is_gone, "leaked").map_err(|what| format!("{what}\n{}", describe(request)))
}

fn judge_property(property: &Arc<Property>, phase: Phase) -> Verdict {
    let log = &property.log;
    let life = property.life();
    let is_over = phase == Phase::Over;
    let must_be_dropped = is_over || life.trusts == 0;
    ensure(
        life.dropped == u32::from(must_be_dropped),
        "dropped another number of times",
    )?;
    if let Some(by) = life.dropped_by {
        let is_due = match life.other_owner {
            Some(owner) if life.is_taken => by == owner,
            Some(owner) => by == owner || by == log.thread_of(property.trustee),
            None => by == log.thread_of(property.trustee),
        };
        ensure(is_due, "dropped on another thread")?;
    }
    let mut state = FRESH;
    for &(number, after) in &life.history {
        state = next_state(state, number);
        ensure(state == after, "its history is not sequential")?;
    }
    Ok(())
}

fn ensure(is_so: bool, else_what: &str) -> Verdict {
    if is_so {
        Ok(())
    } else {
        Err(else_what.to_owned())
    }
}

fn once_made(drops: Drops, by: &[Thread], what: &str) -> Verdict {
    if drops.made == 0 {
        Ok(())
    } else {
        once(drops, by, what)
    }
}

/// Made and dropped once, by one of these threads.
fn once(drops: Drops, by: &[Thread], what: &str) -> Verdict {
    let is_so = drops.made == 1
        && drops.dropped == 1
        && drops.by.is_some_and(|thread| by.contains(&thread));
    ensure(
        is_so,
        &format!("{what}: {drops:?} instead of once by {by:?}"),
    )
}

fn describe(request: &Request) -> String {
    let Request {
        number,
        kind,
        ending,
        property,
        ..
    } = request;
    let (home, trustee) = (property.number, property.trustee);
    let life = request.life();
    format!("request {number}, {kind:?}, {ending:?}, on property {home} of {trustee}: {life:#?}")
}
