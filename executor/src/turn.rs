//! The loop of an executor: its turns, and what it does between them.
//!
//! A turn: messages of other threads are handled, the residents are polled, tasks are run, the
//! residents send off what was gathered. What a resident wakes runs in the same turn, and by
//! [`wake_now`](crate::wake_now) before the tasks that were queued. Each part is bounded, so that
//! none starves another. Every so many turns the timers are looked at and the counters brought up
//! to date.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::budget;
use crate::contain::contain;
use crate::counters::Counters;
use crate::current::{Entered, is_entered, with_current};
use crate::executor::{Executor, Resident};
use crate::idle::{Company, Idle, Idler, Step, await_looks};
use crate::io::{Events, Reactor};
use crate::oversubscription::{Running, has_others, is_oversubscribed};
use crate::remote::Message;

impl Executor {
    /// Runs the executor until [`stop`](Executor::stop), on the thread that made it, with
    /// `residents` beside its tasks: one, a pair of them, or an array of `&dyn Resident`, which may
    /// be empty.
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor, with_current};
    /// # let claim = Claim::new()?;
    /// # let remote = claim.remote();
    /// let worker = std::thread::spawn(move || {
    ///     Executor::new(remote, Config::default()).run(&[]);
    /// });
    /// remote.run(|| with_current(|executor| executor.unwrap().stop())).unwrap();
    /// worker.join().unwrap();
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If an executor runs on this thread already, and if a resident panics.
    pub fn run(&self, residents: &impl Resident) {
        assert!(
            !is_entered(),
            "an executor runs on this thread already; spawn a task on it, or run this one on a \
             thread of its own"
        );
        let _entered = Entered::new(self);
        let _running = Running::new();
        self.tally.running_since.set(Some(Instant::now()));
        let mut idler = Idler::new(self.config.idle, self.config.spin);
        while !self.is_stopping.get() {
            let progressed = self.turn(residents);
            let turns = self.tally.turns.get() + 1;
            self.tally.turns.set(turns);
            let found = self.is_io_due(turns, progressed) && self.look_at_io(progressed);
            if progressed || found {
                self.is_spinning.set(false);
                idler.progressed();
                let busy_turns = self.tally.busy_turns.get() + u64::from(progressed);
                self.tally.busy_turns.set(busy_turns);
                if turns.is_multiple_of(TURNS_PER_LOOK) {
                    self.look_at_time();
                    self.expect_io_by(turns);
                }
            } else {
                let step = idler.in_vain(|| self.company(), Instant::now);
                let looks_on = matches!(step, Step::Again | Step::Hint);
                self.is_spinning.set(looks_on && !is_oversubscribed());
                match step {
                    Step::Again => await_looks(),
                    Step::Hint => std::hint::spin_loop(),
                    Step::Look => _ = self.look_at_time(),
                    Step::Yield => {
                        self.look_at_time();
                        std::thread::yield_now();
                    }
                    Step::Park => {
                        self.park(residents);
                        idler.progressed();
                    }
                }
            }
        }
        self.is_stopping.set(false);
        self.look_at_time();
        self.tally.running_since.set(None);
    }

    /// Runs `future` as a task, and the executor until that task has ended.
    ///
    /// The other tasks stay as they then are.
    ///
    /// ```
    /// # use gossamer_executor::{Claim, Config, Executor};
    /// # let claim = Claim::new()?;
    /// let executor = Executor::new(claim.remote(), Config::default());
    /// assert_eq!(executor.run_until(async { 1 + 1 }), 2);
    /// # Ok::<(), gossamer_executor::TooManyExecutors>(())
    /// ```
    ///
    /// # Panics
    ///
    /// With the future's panic; as [`run`](Self::run) does; and if the executor is stopped, or its
    /// tasks are dropped, before the future has ended.
    pub fn run_until<Fut: Future + 'static>(&self, future: Fut) -> Fut::Output {
        // Made here, so that it also stops the executor if the task is dropped unpolled.
        let stop = StopAtEnd;
        let mut task = self.spawn(async move {
            let _stop = stop;
            future.await
        });
        // A closed executor has refused it.
        if !task.is_finished() {
            self.run(&[]);
        }
        match Pin::new(&mut task).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(output)) => output,
            Poll::Ready(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            Poll::Ready(Err(_)) => panic!("run_until: the executor's tasks were dropped"),
            Poll::Pending => panic!("run_until: the executor was stopped before the future ended"),
        }
    }

    /// One turn; `true` if anything was done in it.
    #[inline(always)]
    fn turn(&self, residents: &impl Resident) -> bool {
        self.charged.set(0);
        let mut progressed = self.handle_messages();
        progressed |= residents.poll(self);
        progressed |= self.run_tasks();
        progressed |= residents.flush();
        progressed
    }

    /// Handles what other threads have sent, in bounded measure; `true` if there was anything.
    #[inline(always)]
    fn handle_messages(&self) -> bool {
        if !self.has_messages() {
            return false;
        }
        for _ in 0..MESSAGES_PER_TURN {
            let Some(message) = self.next_message() else {
                break;
            };
            match message {
                Message::Wake(task) => self.wake(task),
                Message::Run(f) => contain(f),
            }
        }
        true
    }

    #[inline(always)]
    fn has_messages(&self) -> bool {
        !self.backlog.borrow().is_empty() || !self.remote.inbox().is_empty()
    }

    fn next_message(&self) -> Option<Message> {
        let backlog = &mut *self.backlog.borrow_mut();
        if backlog.is_empty() {
            // What is dropped here is an empty batch, so no foreign code.
            *backlog = self.remote.inbox().take();
        }
        backlog.next()
    }

    /// Runs tasks that are queued now, so that one that wakes itself waits for the next turn;
    /// `true` if there were any.
    #[inline(always)]
    fn run_tasks(&self) -> bool {
        let queued = self.tasks.begin_round().min(TASKS_PER_TURN);
        if queued == 0 {
            return false;
        }
        let mut polled = 0;
        // One at least, whatever the residents' tasks have charged.
        loop {
            budget::begin(self.config.budget);
            self.tasks.poll_next();
            polled += 1;
            let charged = self.charged.get() + budget::end(self.config.budget);
            self.charged.set(charged);
            if polled == queued || charged >= UNITS_PER_TURN {
                break;
            }
        }
        self.tasks.end_round();
        self.tally.polls.set(self.tally.polls.get() + polled as u64);
        true
    }

    /// Polls the task at `task` past the queue, unless a task is being polled, or those of this
    /// turn have charged enough.
    #[inline(always)]
    pub(crate) fn poll_now(&self, task: u32) {
        if self.tasks.is_polling() || self.charged.get() >= UNITS_PER_TURN {
            return self.tasks.wake(task);
        }
        budget::begin(self.config.budget);
        let polled = self.tasks.poll_now(task);
        let charged = budget::end(self.config.budget);
        self.charged.set(self.charged.get() + charged);
        self.tally
            .polls
            .set(self.tally.polls.get() + u64::from(polled));
    }

    /// Wakes whose time has come and brings the counters up to date; `true` if it woke any.
    #[cold]
    fn look_at_time(&self) -> bool {
        let now = Instant::now();
        let mut fired = false;
        while let Some(waker) = self.timers.pop_due(now) {
            contain(|| waker.wake());
            fired = true;
        }
        if let Some(since) = self.tally.running_since.replace(Some(now)) {
            self.tally
                .ran
                .set(self.tally.ran.get() + now.saturating_duration_since(since));
        }
        self.remote.gauges().write(&Counters {
            spawned: self.tally.spawned.get(),
            polls: self.tally.polls.get(),
            tasks: self.tasks.len() as u64,
            queued: self.tasks.queued() as u64,
            turns: self.tally.turns.get(),
            busy_turns: self.tally.busy_turns.get(),
            parked: self.tally.parked.get(),
            ran: self.tally.ran.get(),
            ..Counters::default()
        });
        fired
    }

    /// Whether descriptors are to be looked at: every so many turns, of which there are fewer when
    /// there is nothing else to do, and then at once if the last look has found something.
    #[inline(always)]
    fn is_io_due(&self, turns: u64, progressed: bool) -> bool {
        let due = self.io_due.get();
        let is_due_in_vain = || self.io_is_lively.get() || turns + TURNS_SAVED_IN_VAIN >= due;
        turns >= due || (!progressed && is_due_in_vain())
    }

    /// Descriptors are to be looked at by this turn, if any are watched.
    fn expect_io_by(&self, turns: u64) {
        if self.watched.get().is_some() {
            self.io_due.set(self.io_due.get().min(turns));
        }
    }

    /// Wakes who waits for descriptors that have become ready; `true` if there were any.
    #[cold]
    fn look_at_io(&self, progressed: bool) -> bool {
        let until_next = match self.io_looks_in_vain.get() < LOOKS_BEFORE_QUIET {
            true => TURNS_PER_IO,
            false => TURNS_PER_QUIET_IO,
        };
        self.io_due.set(self.tally.turns.get() + until_next);
        // To read in vain counts as progress, which puts off a sleep: not if others need the core.
        let may_read_in_vain = !progressed && self.company() == Company::Apart;
        self.ask_for_io(|reactor, events| match may_read_in_vain {
            true => reactor.look(events, wake),
            false => reactor.wait(events, Some(Duration::ZERO), wake),
        })
    }

    fn wait_for_io(&self, timeout: Option<Duration>) -> bool {
        self.ask_for_io(|reactor, events| reactor.wait(events, timeout, wake))
    }

    fn ask_for_io(&self, ask: impl FnOnce(&Reactor, &mut Events) -> bool) -> bool {
        let watched = self.watched.get().expect("made before it is due");
        // Out while wakers run, which are foreign code.
        let mut events = watched.events.take();
        let any = ask(&watched.reactor, &mut events);
        watched.events.replace(events);
        // One that parks at once sees them then, and one call says as much as two.
        self.io_is_lively.set(any && self.config.idle != Idle::Park);
        let looks = self.io_looks_in_vain.get().saturating_add(1);
        self.io_looks_in_vain.set(if any { 0 } else { looks });
        if any {
            let turns = self.tally.turns.get();
            self.io_is_recent_until.set(turns + TURNS_OF_RECENT_IO);
        }
        any
    }

    /// Whether what this executor waits for may need the core that it runs on: there are more
    /// executors than cores, or it talks with other processes, which need cores too.
    fn company(&self) -> Company {
        if let Some(is_crowded) = self.neighbours.get() {
            return match is_crowded || is_oversubscribed() {
                true => Company::Crowd,
                false => Company::Apart,
            };
        }
        if !is_oversubscribed() && self.tally.turns.get() >= self.io_is_recent_until.get() {
            Company::Apart
        } else if has_others() {
            Company::Crowd
        } else {
            Company::Strangers
        }
    }

    /// Sleeps until something was sent or published, or the next timer is due.
    #[cold]
    fn park(&self, residents: &impl Resident) {
        if self.look_at_time() {
            return;
        }
        let sleep = self.remote.sleep();
        sleep.announce();
        if self.sees_work() || residents.sees_work() {
            return sleep.cancel();
        }
        let before = Instant::now();
        let due = self.timers.next_deadline();
        let timeout = due.map(|due| due.saturating_duration_since(before));
        if self.watched.get().is_some() {
            sleep.block_in(timeout, |left| self.wait_for_io(left));
        } else {
            sleep.block(timeout);
        }
        self.tally
            .parked
            .set(self.tally.parked.get() + before.elapsed());
    }

    fn sees_work(&self) -> bool {
        self.has_messages() || self.tasks.queued() > 0 || self.is_stopping.get()
    }
}

/// Wakes who has waited for a descriptor.
fn wake(waker: Waker) {
    contain(|| waker.wake());
}

/// Stops the current executor when it is dropped: at the end of a task, or at its panic.
struct StopAtEnd;

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        with_current(|executor| {
            if let Some(executor) = executor {
                executor.stop();
            }
        });
    }
}

/// So many messages are handled in a turn; the rest waits for the next.
const MESSAGES_PER_TURN: usize = 256;
/// So many tasks are polled in a turn. What they gathered goes out after it: with 256 tasks that
/// delegate, 64 a turn give 1.3 times the throughput of 256, as the other side works meanwhile.
const TASKS_PER_TURN: usize = 64;
/// When the tasks of a turn have charged so much to their budgets, the others wait for the next:
/// those who wait for this worker's trustee are not to wait for what all its tasks do in place.
const UNITS_PER_TURN: u64 = 128;
/// Every so many turns descriptors are looked at, if any are watched.
pub(crate) const TURNS_PER_IO: u64 = 16;
/// With nothing else to do it is every four. A look takes as long as three such turns, and what
/// comes over a connection is seen a quarter of a microsecond earlier, of the eight that a round
/// trip between two processes takes.
const TURNS_SAVED_IN_VAIN: u64 = 12;
/// After so many looks in vain there are fewer: a look is a system call.
const LOOKS_BEFORE_QUIET: u32 = 256;
/// Then it is every so many turns; busy ones, which are longer, every [`TURNS_PER_LOOK`].
const TURNS_PER_QUIET_IO: u64 = 256;
/// So many turns after an event it still counts on others for more, and idles accordingly.
const TURNS_OF_RECENT_IO: u64 = 1024;
/// Every so many busy turns the timers are looked at.
const TURNS_PER_LOOK: u64 = 64;
