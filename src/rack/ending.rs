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
    status: Option<i32>,
    is_alone: bool,
}

impl Ending {
    /// Node 0 has done what it had to do.
    pub(crate) fn set_status(&self, status: i32) {
        self.lock().status = Some(status);
        self.changed.notify_all();
    }

    /// All others have gone.
    pub(crate) fn set_alone(&self) {
        self.lock().is_alone = true;
        self.changed.notify_all();
    }

    /// Waits until node 0 has done what it had to do; with what status.
    pub(crate) fn wait_for_status(&self) -> i32 {
        let mut state = self.lock();
        loop {
            if let Some(status) = state.status {
                return status;
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
            let waiting = scope.spawn(|| ending.wait_for_status());
            ending.set_status(7);
            assert_eq!(waiting.join().expect("no panic"), 7);
            let waiting = scope.spawn(|| ending.wait_until_alone(Duration::MAX));
            ending.set_alone();
            waiting.join().expect("no panic");
        });
    }
}
