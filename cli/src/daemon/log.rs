//! What the nodes of a program have said: the last of it, for whoever asks.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

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

    /// What stands at this place, or at the first after it that is kept, and the place behind it;
    /// `None` at the end. With `follow` it is waited for.
    pub(crate) fn next(&self, place: u64, follow: bool) -> Option<(Chunk, u64)> {
        let mut said = self.lock();
        loop {
            let place = place.max(said.gone);
            let index = usize::try_from(place - said.gone).ok()?;
            if let Some(chunk) = said.chunks.get(index) {
                return Some((chunk.clone(), place + 1));
            }
            if said.has_ended || !follow {
                return None;
            }
            let waited = self.changed.wait(said);
            said = waited.unwrap_or_else(PoisonError::into_inner);
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
        let (first, place) = log.next(0, false).expect("something is kept");
        assert!(first.node > 50 && place == u64::from(first.node) + 1);
        assert_eq!(log.next(99, false).map(|(last, _)| last.node), Some(99));
        assert_eq!(log.next(100, false), None);
        assert!(log.lock().bytes <= BYTES_MAX);
        log.end();
        assert!(log.lock().bytes <= BYTES_AFTER_MAX);
        assert!(log.next(0, true).is_some());
        assert_eq!(log.next(100, true), None, "it has ended");
    }

    #[test]
    fn whoever_follows_is_told() {
        let log = Log::default();
        std::thread::scope(|scope| {
            let follower = scope.spawn(|| {
                let (first, place) = log.next(0, true).expect("it comes");
                (first.node, log.next(place, true))
            });
            log.append(chunk(7, 1));
            log.end();
            assert_eq!(follower.join().expect("no panic"), (7, None));
        });
    }
}
