//! Coverage: how often programs have reached the situations that they are for.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::request::Part;

macro_rules! situations {
    ($($name:ident: $text:literal, $is_required:literal;)*) => {
        /// What is worth counting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Situation { $($name,)* }

        /// Each with its text, and whether a run must reach it.
        const SITUATIONS: &[(Situation, &str, bool)] =
            &[$((Situation::$name, $text, $is_required),)*];
    };
}

situations! {
    FullLink: "link full, backlog used", true;
    CancelUnpolled: "cancel before the first poll", true;
    CancelInFlight: "cancel in flight, on the issuer", true;
    CancelDone: "cancel with the result there, on the issuer", true;
    CancelElsewhereInFlight: "cancel in flight, elsewhere", true;
    CancelElsewhereDone: "cancel with the result there, elsewhere", true;
    CancelRedirected: "cancel after a redirect", true;
    CancelMailed: "cancel after a poll outside", true;
    RedirectBeforeResult: "redirect before the result", true;
    RedirectAfterResult: "redirect after the result", true;
    ForgetUnpolled: "forget before the first poll", true;
    ForgetIssued: "forget in flight", true;
    ForgetMailed: "forget after a poll elsewhere", true;
    Panic: "panic in a closure", true;
    CaptureExplodes: "panic in the drop of a capture", true;
    ResultExplodes: "panic in the drop of a result", true;
    PayloadExplodes: "panic in the drop of a payload", true;
    PropertyExplodes: "panic in the drop of a property", true;
    ThenPanics: "panic after an `apply_then`", true;
    RemoteLastDrop: "last drop away from the trustee", true;
    RemoteLastDropInFlight: "the same, with requests in flight", true;
    LastDropInOwnClosure: "last drop in a closure on it", true;
    PostInPropertyDrop: "post in the drop of a property", true;
    NestedPost: "post in a closure", true;
    NestedPoll: "poll in a closure", true;
    Inline: "run in place", true;
    Wide: "captures or result larger than an entry's room", true;
    Boxed: "captures or result larger than a slot", true;
    IntoInnerLast: "value taken back", true;
    IntoInnerShared: "value not taken back, as shared", true;
    IntoInnerCancelled: "value on its way back dropped", true;
    UpgradeAlive: "weak trust upgraded", true;
    UpgradeDead: "weak trust of a dead property", true;
    ShutdownInFlight: "shutdown with requests in flight", true;
    ShutdownMidway: "shutdown before the last operation", true;
    Unrun: "request back unrun", true;
    ClosedAfterRun: "run, but its result went with the runtime", false;
}

static COUNTS: [AtomicU64; SITUATIONS.len()] = [const { AtomicU64::new(0) }; SITUATIONS.len()];

/// Counts one case.
pub(crate) fn reached(situation: Situation) {
    COUNTS[situation as usize].fetch_add(1, Ordering::Relaxed);
}

impl Situation {
    pub(crate) fn of_explosion(part: Part) -> Self {
        match part {
            Part::Capture => Self::CaptureExplodes,
            Part::Payload => Self::PayloadExplodes,
            _ => Self::ResultExplodes,
        }
    }
}

/// The table of counts.
pub(crate) fn table() -> String {
    let mut table = String::new();
    for (situation, text, _) in SITUATIONS {
        writeln!(table, "{:8}  {text}", count(*situation)).expect("a string takes it");
    }
    table
}

/// What was reached less often than `least`.
pub(crate) fn missed(least: u64) -> Vec<&'static str> {
    let missed = SITUATIONS
        .iter()
        .filter(|(situation, _, is_required)| *is_required && count(*situation) < least);
    missed.map(|(_, text, _)| *text).collect()
}

fn count(situation: Situation) -> u64 {
    COUNTS[situation as usize].load(Ordering::Relaxed)
}
