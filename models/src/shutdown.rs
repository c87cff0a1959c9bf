//! Shutdown: two workers go through its stages together, while others still send.
//!
//! The stages are those of `shutdown.rs` in the library: a worker drains, waits until all are
//! quiet, drops its properties, waits until all have done so, and handles what is left.

use gossamer_executor::Inbox;
use gossamer_executor::sleep::Sleep;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::barriers::Barriers;
use crate::watched::{Watched, check_bounded};

/// What all threads share.
struct Scene {
    barriers: Barriers,
    workers: Box<[Worker]>,
    idle: Idle,
    handled: AtomicUsize,
}

struct Worker {
    inbox: Inbox<Message>,
    sleep: Sleep,
    /// Written by the worker as it drains, and read by the other when all are quiet.
    trace: Watched,
}

enum Message {
    /// A request of a thread that is no worker: to be run, or dropped unrun.
    Run,
    /// The last trust of a property has gone, by the drop of another property.
    Death,
    ShutDown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Draining,
    Quiet,
    Buried,
}

/// What a worker does at a barrier.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Barrier {
    Waits,
    Passes,
}

/// A thread that saw no shutdown sends a request: it is handled, or handed back.
#[test]
fn late_sender() {
    check_bounded(3, || run(1, true, Barrier::Waits, Idle::Yields));
}

/// Two workers, which sleep at each barrier until the last to arrive wakes them. Their properties
/// hold trusts of each other's: the obituaries arrive while the other can still read them.
#[test]
fn two_workers() {
    check_bounded(2, || run(2, false, Barrier::Waits, Idle::Sleeps));
}

/// Starting the second worker failed: the first does not wait for it.
#[test]
fn one_worker_has_not_started() {
    loom::model(|| {
        let scene = scene(2, Idle::Yields);
        let worker = {
            let scene = Arc::clone(&scene);
            thread::spawn(move || be_worker(&scene, 0, 1, Barrier::Waits))
        };
        scene.barriers.fail_start(1);
        begin(&scene);
        worker.join().expect("no panic");
    });
}

/// The models themselves: workers that do not wait for each other end while the other still sends
/// to them, or read what the other is writing.
#[test]
#[should_panic(expected = "before its peer was quiet")]
fn without_the_barriers() {
    check_bounded(2, || run(2, false, Barrier::Passes, Idle::Sleeps));
}

/// What a worker does that finds nothing to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Idle {
    Yields,
    Sleeps,
}

fn run(workers: usize, has_sender: bool, barrier: Barrier, idle: Idle) {
    let scene = scene(workers, idle);
    let mut threads = Vec::new();
    for me in 0..workers {
        let scene = Arc::clone(&scene);
        threads.push(thread::spawn(move || {
            be_worker(&scene, me, workers, barrier)
        }));
    }
    let sender = has_sender.then(|| {
        let scene = Arc::clone(&scene);
        thread::spawn(move || !scene.barriers.has_begun() && scene.send(0, Message::Run))
    });
    begin(&scene);
    let is_sent = sender.is_some_and(|sender| sender.join().expect("no panic"));
    for thread in threads {
        thread.join().expect("no panic");
    }
    let obituaries = workers * (workers - 1);
    // Relaxed: all threads have ended.
    assert_eq!(
        scene.handled.load(Ordering::Relaxed),
        obituaries + usize::from(is_sent)
    );
}

fn scene(workers: usize, idle: Idle) -> Arc<Scene> {
    let worker = |_| Worker {
        inbox: Inbox::new(),
        sleep: Sleep::new(),
        trace: Watched::new(0),
    };
    let barriers = Barriers::new(workers);
    let workers = (0..workers).map(worker).collect();
    Arc::new(Scene {
        barriers,
        workers,
        idle,
        handled: AtomicUsize::new(0),
    })
}

/// What the drop of a runtime does first.
fn begin(scene: &Scene) {
    scene.barriers.begin();
    for worker in 0..scene.workers.len() {
        // A worker that has ended needs no word.
        scene.send(worker, Message::ShutDown);
    }
}

fn be_worker(scene: &Scene, me: usize, started: usize, barrier: Barrier) {
    let Worker {
        inbox,
        sleep,
        trace,
    } = &scene.workers[me];
    let may_step = |stage| match stage {
        Stage::Open => scene.barriers.has_begun(),
        Stage::Draining => true,
        Stage::Quiet => barrier == Barrier::Passes || scene.barriers.all_quiet(),
        Stage::Buried => barrier == Barrier::Passes || scene.barriers.all_buried(),
    };
    sleep.bind();
    let mut stage = Stage::Open;
    loop {
        inbox.take().for_each(|message| handle(scene, message));
        if !may_step(stage) {
            match scene.idle {
                Idle::Yields => thread::yield_now(),
                Idle::Sleeps => {
                    sleep.announce();
                    if !inbox.is_empty() || may_step(stage) {
                        sleep.cancel();
                    } else {
                        sleep.block(None);
                    }
                }
            }
            continue;
        }
        stage = match stage {
            Stage::Open => {
                trace.write(DRAINED);
                Stage::Draining
            }
            Stage::Draining => {
                inbox.take().for_each(|message| handle(scene, message));
                scene.barriers.arrive_quiet();
                scene.notify_all();
                Stage::Quiet
            }
            Stage::Quiet => {
                for peer in (0..started).filter(|&peer| peer != me) {
                    let trace = scene.workers[peer].trace.read();
                    assert_eq!(trace, DRAINED, "before its peer was quiet");
                    assert!(scene.send(peer, Message::Death), "ended before its peer");
                }
                scene.barriers.arrive_buried();
                scene.notify_all();
                Stage::Buried
            }
            Stage::Buried => return inbox.close().for_each(|message| handle(scene, message)),
        };
    }
}

fn handle(scene: &Scene, message: Message) {
    match message {
        Message::Run | Message::Death => {
            // Relaxed: a count.
            scene.handled.fetch_add(1, Ordering::Relaxed);
        }
        Message::ShutDown => {}
    }
}

impl Scene {
    /// Whether the message got in.
    fn send(&self, to: usize, message: Message) -> bool {
        let is_sent = self.workers[to].inbox.push(message).is_ok();
        if is_sent {
            self.notify(to);
        }
        is_sent
    }

    fn notify_all(&self) {
        (0..self.workers.len()).for_each(|worker| self.notify(worker));
    }

    fn notify(&self, worker: usize) {
        if self.idle == Idle::Sleeps {
            self.workers[worker].sleep.notify();
        }
    }
}

const DRAINED: u64 = 1;
