//! What the nodes of a program have said: the last of it, for whoever asks.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::control::message::Chunk;

#[derive(Debug, Default)]
pub(crate) struct Log {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// How many went before the first that is kept.
    gone: u64,
    has_ended: bool,
}

/// What stands at a place of a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This, and the place behind it.
    Chunk(Chunk, u64),
    /// Nothing yet.
    Nothing,
    /// Nothing will.
    End,
}

impl Log {
    pub(crate) fn append(&self, chunk: Chunk) {
        let mut said = self.lock();
        said.bytes += cost(&chunk);
        said.chunks.push_back(chunk);
        said.shorten(BYTES_MAX);
        drop(said);
        self.changed.notify_all();
    }

    /// Nothing more comes. Less of it is kept from now on.
    pub(crate) fn end(&self) {
        let mut said = self.lock();
        said.has_ended = true;
        said.shorten(BYTES_AFTER_MAX);
        drop(said);
        self.changed.notify_all();
    }

    /// Behind the last that was said.
    pub(crate) fn place(&self) -> u64 {
        let said = self.lock();
        said.gone + said.chunks.len() as u64
    }

    /// What stands at this place, or at the first after it that is kept. Until `limit` has passed,
    /// if there is one, it is waited for.
    pub(crate) fn next(&self, place: u64, limit: Option<Duration>) -> Next {
        let deadline = limit.map(|limit| Instant::now() + limit);
        let mut said = self.lock();
        loop {
            let place = place.max(said.gone);
            let index = usize::try_from(place - said.gone);
            if let Some(chunk) = index.ok().and_then(|index| said.chunks.get(index)) {
                return Next::Chunk(chunk.clone(), place + 1);
            }
            let Some(deadline) = deadline.filter(|_| !said.has_ended) else {
                return Next::End;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Nothing;
            }
            let waited = self.changed.wait_timeout(said, left);
            said = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    fn shorten(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max
            && let Some(chunk) = self.chunks.pop_front()
        {
            self.bytes -= cost(&chunk);
            self.gone += 1;
        }
    }
}

fn cost(chunk: &Chunk) -> usize {
    chunk.bytes.0.len() + size_of::<Chunk>()
}

/// Of a program that runs.
const BYTES_MAX: usize = 4 << 20;

/// Of one that has ended.
const BYTES_AFTER_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::Bytes;
    use crate::output::Stream;

    fn chunk(node: u32, bytes: usize) -> Chunk {
        Chunk {
            node,
            stream: Stream::Output,
            bytes: Bytes(vec![0; bytes]),
        }
    }

    #[test]
    fn the_last_is_kept() {
        let log = Log::default();
        for node in 0..100 {
            log.append(chunk(node, 100_000));
        }
        let (first, place) = chunk_at(&log, 0);
        assert!(first > 50 && place == u64::from(first) + 1);
        assert_eq!(chunk_at(&log, 99), (99, 100));
        assert_eq!(log.next(100, None), Next::End);
        assert!(log.lock().bytes <= BYTES_MAX);
        log.end();
        assert!(log.lock().bytes <= BYTES_AFTER_MAX);
        chunk_at(&log, 0);
        assert_eq!(log.next(100, Some(LIMIT)), Next::End, "it has ended");
    }

    #[test]
    fn whoever_follows_is_told() {
        let log = Log::default();
        assert_eq!(log.next(0, Some(Duration::ZERO)), Next::Nothing);
        std::thread::scope(|scope| {
            let follower = scope.spawn(|| {
                let (first, place) = chunk_at(&log, 0);
                (first, log.next(place, Some(LIMIT)))
            });
            log.append(chunk(7, 1));
            log.end();
            assert_eq!(follower.join().expect("no panic"), (7, Next::End));
        });
    }

    /// Its node, and the place behind it.
    fn chunk_at(log: &Log, place: u64) -> (u32, u64) {
        match log.next(place, Some(LIMIT)) {
            Next::Chunk(chunk, next) => (chunk.node, next),
            other => panic!("it comes: {other:?}"),
        }
    }

    const LIMIT: Duration = Duration::from_secs(60);
}
