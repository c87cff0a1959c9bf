//! Ends this process at a step of the reference protocol, for the tests of Gossamer itself.
//!
//! `GOSSAMER_FAILPOINT=before-send-register:3` ends it, as `kill -9` would, where that step is
//! reached for the third time. All of it is nothing without the feature `failpoints`.

use std::cell::RefCell;
use std::sync::LazyLock;

use rustix::process::{Signal, getpid, kill_process};

use crate::rack::refs::Failpoint;
use crate::sync::{AtomicU64, Ordering};

/// This step is reached.
pub(super) fn reach(failpoint: Failpoint) {
    if cfg!(feature = "failpoints")
        && let Some(armed) = &*ARMED
        && armed.failpoint == failpoint
        // Relaxed: nothing else hangs on the count.
        && armed.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        end_process();
    }
}

/// This step is reached when what the worker has just been given to send has left it.
pub(super) fn reach_when_sent(failpoint: Failpoint) {
    if cfg!(feature = "failpoints") && ARMED.is_some() {
        SENDING.with_borrow_mut(|sending| sending.push((failpoint, TURNS_TO_LEAVE)));
    }
}

/// A worker begins a turn.
pub(super) fn begin_turn() {
    if !cfg!(feature = "failpoints") || ARMED.is_none() {
        return;
    }
    SENDING.with_borrow_mut(|sending| {
        for (failpoint, turns) in &mut *sending {
            *turns -= 1;
            if *turns == 0 {
                reach(*failpoint);
            }
        }
        sending.retain(|&(_, turns)| turns > 0);
    });
}

/// The names of all.
#[doc(hidden)]
pub fn __failpoints() -> Vec<String> {
    Failpoint::all().map(Failpoint::name).collect()
}

/// Where this process is to be ended.
struct Armed {
    failpoint: Failpoint,
    /// How often it is still to be reached, this last time included.
    left: AtomicU64,
}

impl Armed {
    fn of(text: &str) -> Option<Self> {
        let (name, nth) = text.split_once(':')?;
        let failpoint = Failpoint::named(name)?;
        let left = AtomicU64::new(nth.parse().ok().filter(|&nth| nth > 0)?);
        Some(Self { failpoint, left })
    }
}

fn end_process() -> ! {
    // No process survives this of itself.
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        std::thread::park();
    }
}

static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
    let text = std::env::var(VARIABLE).ok()?;
    let armed = Armed::of(&text);
    Some(armed.unwrap_or_else(|| panic!("{VARIABLE}={text}: a failpoint, a colon, a number")))
});

thread_local! {
    /// What this worker has given to its links, and in how many turns it has left.
    static SENDING: RefCell<Vec<(Failpoint, u8)>> = const { RefCell::new(Vec::new()) };
}

const VARIABLE: &str = "GOSSAMER_FAILPOINT";
/// At the end of the turn it is published; in the next one a stream is written.
const TURNS_TO_LEAVE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failpoint_is_a_name_and_a_count() {
        let armed = Armed::of("after-free:3").expect("it is one");
        assert_eq!(armed.failpoint.name(), "after-free");
        assert_eq!(armed.left.into_inner(), 3);
        for wrong in ["after-free", "after-free:0", "after-free:x", "free:1"] {
            assert!(Armed::of(wrong).is_none(), "{wrong}");
        }
    }
}
