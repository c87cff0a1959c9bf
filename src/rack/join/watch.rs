//! The thread that keeps a rack together: it owns the control connections and drives [`Liveness`].
//!
//! A thread of its own, and no task of a worker: delegated code may hold a worker for longer than
//! a node may be silent.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};

use super::control_link::Link;
use super::joined::ControlLink;
use super::liveness::{Cause, Liveness, Verdict};
use super::membership::Membership;
use super::message::{Control, Party};
use super::wire::wait;

/// Watches the other nodes until it is dropped, which they take for this node's death unless the
/// rack has ended.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    view: Mutex<View>,
    /// Wakes the thread when there is something to say.
    bell: OwnedFd,
}

struct View {
    liveness: Liveness,
    is_dropped: bool,
}

impl Watch {
    /// Starts the thread. The hook is called on it, for each verdict, in order, and may block it
    /// only for a small part of `silence_max`.
    pub(crate) fn start(
        me: u32,
        membership: &Membership,
        controls: Vec<ControlLink>,
        silence_max: Duration,
        on_verdict: impl FnMut(Verdict) + Send + 'static,
    ) -> io::Result<Self> {
        let liveness = Liveness::new(Instant::now(), me, membership, silence_max);
        let shared = Arc::new(Shared {
            view: Mutex::new(View {
                liveness,
                is_dropped: false,
            }),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        });
        let watcher = Watcher {
            shared: shared.clone(),
            links: controls.into_iter().map(Link::new).collect(),
            silence_max,
        };
        let thread = thread::Builder::new().name("gossamer-watch".into());
        let thread = thread.spawn(move || watcher.run(on_verdict))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// This node cannot go on with that process: see [`Liveness::suspect`].
    pub(crate) fn suspect(&self, party: Party, cause: Cause) {
        self.tell(|liveness| liveness.suspect(Instant::now(), party, cause));
    }

    /// Of node 0: the rack ends. [`Verdict::Alone`] follows.
    pub(crate) fn end(&self, status: i32) {
        self.tell(|liveness| liveness.end(Instant::now(), status));
    }

    /// Of the others, after [`Verdict::Ends`]: this node has nothing more to do.
    pub(crate) fn leave(&self) {
        self.tell(|liveness| liveness.leave(Instant::now()));
    }

    pub(crate) fn is_alive(&self, party: Party) -> bool {
        self.shared.view().liveness.is_alive(party)
    }

    fn tell(&self, what: impl FnOnce(&mut Liveness)) {
        what(&mut self.shared.view().liveness);
        self.shared.ring();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.view().is_dropped = true;
        self.shared.ring();
        if let Some(thread) = self.thread.take()
            // The hook itself may drop the last of it.
            && thread.thread().id() != thread::current().id()
        {
            // A panic of it has been printed.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// No code of others runs under the lock, so a panic leaves it as it was.
    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        // If it is full, it rings.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    fn hush(&self) {
        let mut count = [0; 8];
        // If it is empty, it has not rung.
        let _ = rustix::io::read(&self.bell, &mut count);
    }
}

struct Watcher {
    shared: Arc<Shared>,
    links: Vec<Link>,
    silence_max: Duration,
}

impl Watcher {
    fn run(mut self, mut on_verdict: impl FnMut(Verdict)) {
        loop {
            let (verdicts, is_done, next) = self.look();
            for verdict in verdicts {
                on_verdict(verdict);
            }
            if is_done {
                return;
            }
            if self.wait(next).is_err() {
                // Without it nothing can be watched: as if the connections were lost.
                let cause = Cause::Closed;
                return on_verdict(Verdict::Orphaned { cause });
            }
        }
    }

    /// Hears all, says all. Returns the verdicts, whether that was all, and when to look again.
    fn look(&mut self) -> (Vec<Verdict>, bool, Option<Instant>) {
        // Before anything is looked at, so that what comes later rings again.
        self.shared.hush();
        let now = Instant::now();
        let mut view = self.shared.view();
        let liveness = &mut view.liveness;
        for link in &mut self.links {
            link.hear(now, liveness);
        }
        // Only now, when all is heard, does silence mean anything.
        liveness.handle_timeout(now);
        while let Some((node, control)) = liveness.poll_transmit() {
            let link = self.links.iter_mut().find(|link| link.node() == node);
            let Some(link) = link else { continue };
            link.say(control);
            if matches!(control, Control::Dead { party, .. } if party.node == node) {
                link.transition_to_parting(now + self.silence_max);
            }
        }
        let verdicts = std::iter::from_fn(|| liveness.poll_verdict()).collect();
        let (is_over, next) = (liveness.is_over(), liveness.poll_timeout());
        let is_dropped = view.is_dropped;
        drop(view);
        self.links.retain_mut(|link| link.send(now));
        // Whoever leaves has it said before the connection ends.
        let is_done = is_dropped || is_over && self.links.iter().all(Link::is_sent);
        let parting = self.links.iter().filter_map(Link::parts_at).min();
        let next = [next, parting].into_iter().flatten().min();
        (verdicts, is_done, next)
    }

    fn wait(&self, next: Option<Instant>) -> io::Result<()> {
        let deadline = next.unwrap_or_else(|| Instant::now() + self.silence_max);
        let mut interests = vec![PollFd::new(&self.shared.bell, PollFlags::IN)];
        interests.extend(self.links.iter().map(|link| {
            let interest = match link.is_sent() {
                true => PollFlags::IN,
                false => PollFlags::IN | PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(link.stream().as_fd(), interest)
        }));
        wait(&mut interests, deadline)
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
