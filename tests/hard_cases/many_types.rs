//! Many kinds of closures in one batch.
//!
//! A batch names its first three kinds once and by a short index; every other kind is named in
//! its own record, which takes a word more. So a batch of many kinds and sizes fills differently,
//! and a record read one word off would run the wrong closure on the wrong captures.

use futures::future::{BoxFuture, FutureExt, join_all};
use gossamer::Trust;

/// What a closure of kind `KIND` with `WORDS` words says of itself, and of where it was run.
fn request<'a, const KIND: u64, const WORDS: usize>(
    trust: &'a Trust<Vec<u64>>,
    serial: u64,
) -> BoxFuture<'a, (u64, u64)> {
    let words = [serial ^ KIND; WORDS];
    let apply = trust.apply(move |log: &mut Vec<u64>| {
        assert!(words.iter().all(|word| *word == serial ^ KIND));
        log.push(serial);
        (KIND, serial)
    });
    apply.boxed()
}

/// The same with a result of `WORDS` words.
fn reply<'a, const KIND: u64, const WORDS: usize>(
    trust: &'a Trust<Vec<u64>>,
    serial: u64,
) -> BoxFuture<'a, (u64, u64)> {
    let apply = trust.apply(move |log: &mut Vec<u64>| {
        log.push(serial);
        [serial ^ KIND; WORDS]
    });
    async move {
        let words = apply.await;
        assert!(words.iter().all(|word| *word == serial ^ KIND));
        (KIND, serial)
    }
    .boxed()
}

type Request = for<'a> fn(&'a Trust<Vec<u64>>, u64) -> BoxFuture<'a, (u64, u64)>;

const REQUESTS: [Request; 16] = [
    request::<0, 0>,
    request::<1, 1>,
    request::<2, 2>,
    request::<3, 3>,
    request::<4, 0>,
    request::<5, 17>,
    request::<6, 118>,
    request::<7, 119>,
    request::<8, 120>,
    request::<9, 500>,
    reply::<10, 0>,
    reply::<11, 1>,
    reply::<12, 40>,
    reply::<13, 127>,
    reply::<14, 128>,
    reply::<15, 129>,
];

/// Kinds of a few words: batches of these are filled to the last word, in every way.
const SMALL: [usize; 8] = [0, 1, 2, 3, 4, 5, 10, 11];

/// Issues kinds in an order that differs with the seed, and checks each result and the order.
async fn mix(trust: &Trust<Vec<u64>>, seed: u64, count: u64) {
    mix_of(&Vec::from_iter(0..REQUESTS.len()), trust, seed, count).await;
}

async fn mix_of(choice: &[usize], trust: &Trust<Vec<u64>>, seed: u64, count: u64) {
    let mut state = seed;
    let mut kinds = Vec::new();
    for _ in 0..count {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        kinds.push(choice[(state >> 33) as usize % choice.len()] as u64);
    }
    let requests = (0..)
        .zip(&kinds)
        .map(|(serial, kind)| REQUESTS[*kind as usize](trust, serial));
    let results = join_all(requests).await;
    let expected: Vec<_> = kinds.iter().copied().zip(0..).collect();
    assert_eq!(results, expected, "seed {seed}");
    let log = trust.apply(std::mem::take).await;
    assert_eq!(log, Vec::from_iter(0..count), "seed {seed}");
}

#[gossamer::test]
async fn in_any_order_and_of_any_size() {
    for worker in [0, 1] {
        let trust = gossamer::trustee(worker).entrust(Vec::new());
        // So that on the own worker too they are queued: there is always one before.
        for seed in 0..40 {
            trust.post(|_| ());
            mix(&trust, seed, 200).await;
        }
    }
}

#[gossamer::test]
async fn filled_to_the_last_word() {
    let trust = gossamer::trustee(1).entrust(Vec::new());
    for seed in 0..30 {
        mix_of(&SMALL, &trust, seed, 1000).await;
        mix_of(&SMALL[..4], &trust, seed, 1000).await;
    }
}

#[gossamer::test]
async fn one_of_each_again_and_again() {
    let trust = gossamer::trustee(1).entrust(Vec::new());
    for round in 0..50 {
        let requests = (0..16).map(|n| REQUESTS[(n + round) % 16](&trust, n as u64));
        let kinds: Vec<_> = join_all(requests)
            .await
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        let expected: Vec<_> = (0..16).map(|n| ((n + round) % 16) as u64).collect();
        assert_eq!(kinds, expected);
    }
    assert_eq!(trust.apply(|log| log.len()).await, 800);
}

#[gossamer::test]
async fn through_the_backlog() {
    let trust = gossamer::trustee(1).entrust(Vec::new());
    mix(&trust, 77, 20_000).await; // polled first all together: far more than the ring holds
}
