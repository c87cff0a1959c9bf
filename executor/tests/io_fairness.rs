//! Descriptors beside tasks and residents that always have something to do: none delays another
//! beyond a bound, counted in turns and in operations.

use std::cell::Cell;
use std::future::Future;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use futures::future::select_all;
use gossamer_executor::io::{Interest, Watch};
use gossamer_executor::{Claim, Config, Executor, Resident, spawn, with_current, yield_now};

/// An event waits for the next look, which comes every 16 turns; one more wakes, and one runs.
const TURNS: u64 = 16 + 2;
/// A turn runs no further task when 128 units were charged in it, and an operation is charged 8. A
/// task's poll has 128 units.
const OPERATIONS_PER_TURN: u64 = 15 + 16;

/// Has something to do in every turn, as a trustee that is never left alone; counts the turns.
#[derive(Default)]
struct Busy {
    turns: Cell<u64>,
    /// Operations of tasks since the last turn, and at most in one.
    operations: Cell<u64>,
    most: Cell<u64>,
}

impl Resident for Busy {
    fn poll(&self, _: &Executor) -> bool {
        self.turns.set(self.turns.get() + 1);
        self.most.set(self.most.get().max(self.operations.take()));
        true
    }

    fn flush(&self) -> bool {
        false
    }

    fn sees_work(&self) -> bool {
        true
    }
}

/// A stream that is told when there is something to read, and its other end.
fn pair() -> (Watch<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    ours.set_nonblocking(true).expect("a socket");
    (Watch::new(ours), theirs)
}

async fn read(stream: &Watch<UnixStream>) -> u8 {
    let mut byte = [0];
    let read = |mut stream: &UnixStream| stream.read(&mut byte);
    let read = stream.io(Interest::Read, read).await;
    assert_eq!(read.expect("open"), 1);
    byte[0]
}

/// Runs `future` beside a resident that is always busy, on an executor of this thread.
fn run<F: Future + 'static>(future: impl FnOnce(Rc<Busy>) -> F) -> Rc<Busy> {
    let claim = Claim::new().expect("a place");
    let busy = Rc::new(Busy::default());
    let executor = Executor::new(claim.remote(), Config::default());
    let task = executor.spawn(future(Rc::clone(&busy)));
    executor.spawn(async {
        task.await.expect("no panic");
        with_current(|executor| executor.expect("runs").stop());
    });
    executor.run(&[&*busy as &dyn Resident]);
    busy
}

#[test]
fn busy_residents_delay_an_event_by_a_bound() {
    run(|busy| async move {
        for _ in 0..100 {
            let (ours, mut theirs) = pair();
            let turns = Rc::clone(&busy);
            let waiting = spawn(async move { (read(&ours).await, turns.turns.get()) });
            yield_now().await;
            theirs.write_all(b"x").expect("open");
            let written = busy.turns.get();
            let (byte, seen) = waiting.await.expect("no panic");
            assert_eq!(byte, b'x');
            assert!(seen - written <= TURNS, "{} turns", seen - written);
        }
    });
}

#[test]
fn busy_tasks_delay_an_event_by_a_bound() {
    run(|busy| async move {
        let (ours, mut theirs) = pair();
        let turns = Rc::clone(&busy);
        let waiting = spawn(async move { (read(&ours).await, turns.turns.get()) });
        for _ in 0..10 {
            yield_now().await;
        }
        theirs.write_all(b"x").expect("open");
        let written = busy.turns.get();
        while !waiting.is_finished() {
            yield_now().await;
        }
        let (_, seen) = waiting.await.expect("no panic");
        assert!(seen - written <= TURNS, "{} turns", seen - written);
    });
}

#[test]
fn streams_that_are_always_ready_delay_residents_by_a_bound() {
    let busy = run(|busy| async move {
        let streams = (0..8).map(|_| {
            let busy = Rc::clone(&busy);
            spawn(async move {
                let (ours, mut theirs) = pair();
                for _ in 0..1_000 {
                    theirs.write_all(b"x").expect("open");
                    read(&ours).await;
                    busy.operations.set(busy.operations.get() + 1);
                }
            })
        });
        for stream in streams.collect::<Vec<_>>() {
            stream.await.expect("no panic");
        }
    });
    let most = busy.most.get();
    assert!((2..=OPERATIONS_PER_TURN).contains(&most), "{most}");
}

/// Waiting is not charged, only what is tried.
#[test]
fn last_of_many_that_one_task_polls_is_heard() {
    run(|_| async {
        let pairs: Vec<_> = (0..200).map(|_| pair()).collect();
        let waiting = pairs.iter().map(|(ours, _)| Box::pin(read(ours)));
        let mut last = &pairs.last().expect("200").1;
        last.write_all(b"x").expect("open");
        let (byte, at, _) = select_all(waiting).await;
        assert_eq!((byte, at), (b'x', 199));
    });
}

#[test]
fn endless_data_starves_nobody() {
    run(|_| async move {
        let is_over = Rc::new(Cell::new(false));
        let over = Rc::clone(&is_over);
        let reader = spawn(async move {
            let (ours, mut theirs) = pair();
            while !over.get() {
                theirs.write_all(b"x").expect("open");
                read(&ours).await;
            }
        });
        for _ in 0..100 {
            yield_now().await;
        }
        is_over.set(true);
        reader.await.expect("no panic");
    });
}
