//! Captures, results and continuations around every size at which they change places.
//!
//! Small values lie in the slot, larger ones are boxed behind their record: the limits are those
//! of a slot (captures 960 bytes, results 1024), of an entry that a future waits with (24)
//! and of a ledger's record (512 for a `then`). Alignments above a word and
//! values without a size go the same ways. Every byte is checked, and every drop is counted.

use futures::executor::block_on;
use gossamer::Trust;

use crate::common::{Drops, Witness, runtime};

/// Bytes that differ from their neighbours and from those of the next salt.
fn pattern<const BYTES: usize>(salt: u8) -> [u8; BYTES] {
    std::array::from_fn(|index| pattern_at(index, salt))
}

fn pattern_at(index: usize, salt: u8) -> u8 {
    (index as u8).wrapping_mul(31).wrapping_add(salt)
}

/// Sends so many bytes there and gets so many back, in every way there is.
async fn round_trip<const THERE: usize, const BACK: usize>(trust: &Trust<u64>) {
    for salt in 0..3 {
        let there = pattern::<THERE>(salt);
        let request = trust.apply(move |n| {
            *n += 1;
            assert_eq!(there, pattern::<THERE>(salt));
            pattern::<BACK>(!salt)
        });
        assert_eq!(
            request.await,
            pattern::<BACK>(!salt),
            "{THERE} there, {BACK} back"
        );
        trust.post(move |n| {
            *n += 1;
            assert_eq!(there, pattern::<THERE>(salt));
        });
        // Queued behind the post, also on its own worker.
        let request = trust.try_apply(move |n| {
            *n += 1;
            (
                there[..] == pattern::<THERE>(salt)[..],
                pattern::<BACK>(!salt),
            )
        });
        assert_eq!(
            request.await.expect("no panic"),
            (true, pattern::<BACK>(!salt))
        );
    }
}

/// A continuation that holds so many bytes, for a result of as many.
async fn continuation<const BYTES: usize>(trust: &Trust<u64>) {
    let seen = std::rc::Rc::new(std::cell::Cell::new(0));
    for salt in 0..3 {
        let (seen, held) = (std::rc::Rc::clone(&seen), pattern::<BYTES>(salt));
        trust.apply_then(
            move |n| {
                *n += 1;
                pattern::<BYTES>(!salt)
            },
            move |result| {
                assert_eq!(
                    (held, result),
                    (pattern::<BYTES>(salt), pattern::<BYTES>(!salt))
                );
                seen.set(seen.get() + 1);
            },
        );
    }
    trust.apply(|_| ()).await;
    assert_eq!(seen.get(), 3, "{BYTES} bytes");
}

/// Calls a function for every size at which something changes.
macro_rules! at_each_size {
    ($call:ident, $trust:expr) => {
        at_each_size!($call, $trust,
            0 1 7 8 9 15 16 23 24 25 31 32 33 503 504 505 511 512 513
            943 944 951 952 953 959 960 961 967 968 969 975 976 977 1015 1016 1017
            1023 1024 1025 1031 1032 1033 1039 1040 1041 2048 8192)
    };
    ($call:ident, $trust:expr, $($size:literal)+) => {
        // Boxed, as in a debug build each would have its room in the caller's future.
        { $(Box::pin($call::<$size>($trust)).await;)+ }
    };
}

async fn same<const BYTES: usize>(trust: &Trust<u64>) {
    round_trip::<BYTES, BYTES>(trust).await;
}

async fn there<const BYTES: usize>(trust: &Trust<u64>) {
    round_trip::<BYTES, 0>(trust).await;
}

async fn back<const BYTES: usize>(trust: &Trust<u64>) {
    round_trip::<0, BYTES>(trust).await;
}

#[gossamer::test]
async fn on_another_worker() {
    let far = &gossamer::trustee(1).entrust(0);
    at_each_size!(same, far);
    at_each_size!(there, far);
    at_each_size!(back, far);
}

#[gossamer::test]
async fn on_the_own_worker() {
    let near = &gossamer::trustee(0).entrust(0);
    at_each_size!(same, near);
}

#[test]
fn from_a_plain_thread() {
    let runtime = runtime(1);
    let trust = &runtime.entrust(0);
    block_on(async { at_each_size!(same, trust) });
}

#[gossamer::test]
async fn continuations_and_their_results() {
    for worker in [0, 1] {
        let trust = &gossamer::trustee(worker).entrust(0);
        at_each_size!(continuation, trust);
    }
}

/// Only one way at a time: a debug build keeps some twenty copies on the worker's stack.
async fn far_larger(trust: &Trust<u64>) {
    const BYTES: usize = 65536;
    for salt in 0..5 {
        let there = pattern::<BYTES>(salt);
        let is_same = trust.apply(move |n| {
            *n += 1;
            (0..BYTES).all(|index| there[index] == pattern_at(index, salt))
        });
        assert!(is_same.await);
    }
}

async fn far_larger_back(trust: &Trust<u64>) {
    const BYTES: usize = 65536;
    for salt in 0..5 {
        let back = trust.apply(move |n| {
            *n += 1;
            pattern::<BYTES>(salt)
        });
        let back = back.await;
        assert!((0..BYTES).all(|index| back[index] == pattern_at(index, salt)));
    }
}

#[gossamer::test]
async fn far_larger_than_a_slot() {
    for worker in [0, 1] {
        let trust = gossamer::trustee(worker).entrust(0);
        Box::pin(far_larger(&trust)).await;
        Box::pin(far_larger_back(&trust)).await;
        assert_eq!(trust.apply(|n| *n).await, 10);
    }
}

macro_rules! aligned {
    ($name:ident, $align:literal) => {
        #[repr(align($align))]
        #[derive(Clone, Copy, Debug, PartialEq)]
        struct $name<const BYTES: usize>([u8; BYTES]);

        impl<const BYTES: usize> $name<BYTES> {
            fn new(salt: u8) -> Self {
                Self(pattern(salt))
            }

            /// Checks the address as well: `self` is where the closure has it.
            fn check(&self, salt: u8) {
                assert!(std::ptr::from_ref(self).addr().is_multiple_of($align));
                assert_eq!(*self, Self::new(salt));
            }

            async fn round_trip(worker: usize) {
                let trust = gossamer::trustee(worker).entrust(Self::new(1));
                let there = Self::new(2);
                let apply = trust.apply(move |own| {
                    own.check(1);
                    there.check(2);
                    Self::new(3)
                });
                apply.await.check(3);
                trust.apply_then(move |own| *own, move |own| (own.check(1), there.check(2)).0);
                trust.post(move |own| *own = there);
                let own = trust.apply(|own| *own).await;
                own.check(2);
                trust.into_inner().await.expect("the only trust").check(2);
            }
        }
    };
}

aligned!(Aligned64, 64);
aligned!(Aligned128, 128);
aligned!(Aligned4096, 4096);

#[gossamer::test]
async fn alignments_above_a_word() {
    for worker in [0, 1] {
        Box::pin(Aligned64::<0>::round_trip(worker)).await;
        Box::pin(Aligned64::<64>::round_trip(worker)).await;
        Box::pin(Aligned64::<896>::round_trip(worker)).await;
        Box::pin(Aligned64::<960>::round_trip(worker)).await;
        Box::pin(Aligned64::<1024>::round_trip(worker)).await;
        Box::pin(Aligned128::<0>::round_trip(worker)).await;
        Box::pin(Aligned128::<1>::round_trip(worker)).await;
        Box::pin(Aligned128::<896>::round_trip(worker)).await;
        Box::pin(Aligned128::<1024>::round_trip(worker)).await;
        Box::pin(Aligned128::<8192>::round_trip(worker)).await;
        Box::pin(Aligned4096::<1>::round_trip(worker)).await;
    }
}

/// Has no size, and a drop that counts.
struct Nothing;

static NOTHINGS_DROPPED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

impl Drop for Nothing {
    fn drop(&mut self) {
        NOTHINGS_DROPPED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[gossamer::test]
async fn values_without_a_size() {
    let dropped = || NOTHINGS_DROPPED.load(std::sync::atomic::Ordering::Relaxed);
    for worker in [0, 1] {
        let before = dropped();
        let trust = gossamer::trustee(worker).entrust(Nothing);
        for n in 0..300 {
            let captured = Nothing;
            trust.post(move |_| drop(captured));
            let result = trust.apply(|_| Nothing).await;
            trust.apply_then(|_| Nothing, drop);
            assert!(dropped() >= before + n);
            drop(result);
        }
        trust.apply(|_| ()).await; // after the last continuation
        drop(trust.into_inner().await.expect("the only trust"));
        assert_eq!(dropped() - before, 901, "worker {worker}");
    }
}

async fn counted<const BYTES: usize>(trust: &Trust<u64>) {
    let (captures, results) = (Drops::default(), Drops::default());
    for salt in 0..5 {
        let capture: (Witness, [u8; BYTES]) = (captures.witness(), pattern(salt));
        let made = results.clone();
        let request = trust.apply(move |_| {
            let capture = capture; // the whole of it
            assert_eq!(capture.1, pattern(salt));
            (made.witness(), capture.1)
        });
        let (witness, bytes) = request.await;
        assert_eq!(bytes, pattern(salt));
        assert_eq!(captures.count(), usize::from(salt) + 1);
        drop(witness);
        assert_eq!(results.count(), usize::from(salt) + 1);
    }
    let there = trust.trustee().worker();
    assert_eq!(captures.seen(), vec![Some(there); 5]);
    assert_eq!(results.seen(), vec![Some(0); 5]);
}

#[gossamer::test]
async fn each_capture_and_result_is_dropped_once() {
    for worker in [0, 1] {
        let trust = &gossamer::trustee(worker).entrust(0);
        at_each_size!(counted, trust, 0 8 16 17 944 945 952 953 960 961 1015 1016 1017 1024 8192);
    }
}
