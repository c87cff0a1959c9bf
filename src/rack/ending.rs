//! How far the end of a rack is, for the threads that wait for it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How far the end of the rack is.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    end: Option<End>,
    is_alone: bool,
}

/// How the rack has ended, for this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Node 0 has done what it had to do, and has said with what status.
    Told(i32),
    /// It went on without this node, or node 0 is lost.
    CutOff,
}

impl Ending {
    /// Node 0 has done what it had to do.
    pub(crate) fn set_status(&self, status: i32) {
        self.set_end(End::Told(status));
    }

    /// The rack goes on without this node, or not at all.
    pub(crate) fn set_cut_off(&self) {
        self.set_end(End::CutOff);
    }

    /// All others have gone.
    pub(crate) fn set_alone(&self) {
        self.lock().is_alone = true;
        self.changed.notify_all();
    }

    /// Waits until the rack has ended for this node.
    pub(crate) fn wait_for_end(&self) -> End {
        let mut state = self.lock();
        loop {
            if let Some(end) = state.end {
                return end;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until all others have gone, or so long.
    pub(crate) fn wait_until_alone(&self, limit: Duration) {
        let is_not = |state: &mut State| !state.is_alone;
        drop(self.changed.wait_timeout_while(self.lock(), limit, is_not));
    }

    /// The first that comes is the end.
    fn set_end(&self, end: End) {
        self.lock().end.get_or_insert(end);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_hears_of_the_end() {
        let ending = Ending::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| ending.wait_for_end());
            ending.set_status(7);
            assert_eq!(waiting.join().expect("no panic"), End::Told(7));
            let waiting = scope.spawn(|| ending.wait_until_alone(Duration::MAX));
            ending.set_alone();
            waiting.join().expect("no panic");
        });
    }

    #[test]
    fn node_0_goes_after_it_has_told_the_end() {
        let ending = Ending::default();
        ending.set_status(7);
        ending.set_cut_off();
        assert_eq!(ending.wait_for_end(), End::Told(7));
    }
}
