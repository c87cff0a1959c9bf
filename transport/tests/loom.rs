//! Models of a link between a client's thread and a trustee's, checked by loom for every
//! interleaving:
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p gossamer-transport --release --test loom`
//!
//! Loom watches the words of every slot: a batch that is read before it is published, or written
//! over before its reader has finished, fails the model. A ring has two slots here, so that three
//! batches go round it, and every second batch that is alone moves on.
#![cfg(loom)]

use std::any::Any;

use gossamer_transport::{
    CAPTURE_WORDS_MAX, Call, ClientLink, DEPTH, Key, Record, Results, TrusteeLink, Word, link,
};
use loom::thread;

/// One request, there and back.
#[test]
fn publish_and_take() {
    check(1, None, |client| {
        issue(client, &SMALL, 1);
        assert_eq!(client.flush(), 1);
        harvest(client, 1)
    });
}

/// Two batches in flight, the second of them of two records: each answer comes in the slot of its
/// own batch, and in order.
#[test]
fn two_batches_in_flight() {
    check(3, None, |client| {
        issue(client, &LARGE, 1);
        assert!(client.publish());
        issue(client, &SMALL, 2);
        issue(client, &SMALL, 3);
        assert!(client.publish());
        assert_eq!(client.flush(), 2);
        harvest(client, 3)
    });
}

/// Batches alone, one after the other: the first moves on to the next slot, the others stay there.
#[test]
fn one_at_a_time() {
    check(3, None, |client| {
        let one = |number| {
            issue(client, &LARGE, number);
            assert_eq!(client.flush(), 1);
            harvest(client, 1)
        };
        (1..=3).flat_map(one).collect()
    });
}

/// More batches than slots: each slot is written again while the trustee reads its neighbour.
#[test]
fn slots_are_used_again() {
    check(4, None, |client| {
        let mut results = Vec::new();
        for number in 1..=4 {
            issue(client, &LARGE, number);
            while !client.publish() {
                results.extend(harvest(client, 1));
            }
        }
        results.extend(harvest(client, 4 - results.len()));
        results
    });
}

/// A link that is full, with one request waiting in the batch and one in the backlog: they go out
/// as slots come free, in the order of their issue.
#[test]
fn full_link_with_a_backlog() {
    check(4, None, |client| {
        (1..=4).for_each(|number| issue(client, &LARGE, number));
        assert_eq!(
            (client.in_flight(), client.unpublished(), client.backlog()),
            (2, 1, 1)
        );
        let mut results = Vec::new();
        while results.len() < 4 {
            client.flush();
            results.extend(harvest(client, 1));
        }
        assert!(client.is_idle());
        results
    });
}

/// Some requests of a batch end in a panic: the list of these comes with the answer, whole.
#[test]
fn answer_with_exceptions() {
    check(3, Some(2), |client| {
        (1..=3).for_each(|number| issue(client, &SMALL, number));
        client.flush();
        harvest(client, 3)
    });
}

/// The models themselves: a client that takes a slot back before its batch was answered writes
/// over records that the trustee is reading, and loom says so.
#[test]
#[should_panic(expected = "Causality violation")]
fn slot_used_again_before_its_answer() {
    loom::model(|| {
        let (mut client, trustee) = link();
        let trustee = thread::spawn(move || serve(trustee, 1, None));
        for number in 1..=2 {
            issue(&mut client, &LARGE, number);
            client.publish();
        }
        // SAFETY: none: there is no answer yet. In the model only one thread runs at a time, and
        // what is read is a number.
        unsafe { client.release() };
        issue(&mut client, &LARGE, 3);
        client.publish();
        trustee.join().expect("no panic");
    });
}

/// Runs `delegate` beside a trustee that serves `count` requests, and checks that results come in the order of the requests.
fn check(count: u64, panics: Option<u64>, delegate: fn(&mut ClientLink) -> Vec<u64>) {
    loom::model(move || {
        assert_eq!(DEPTH, 2);
        let (mut client, trustee) = link();
        let trustee = thread::spawn(move || serve(trustee, count, panics));
        let results = delegate(&mut client);
        trustee.join().expect("no panic");
        let expected = |number| {
            if panics == Some(number) {
                PANICKED
            } else {
                answer(number)
            }
        };
        assert_eq!(results, (1..=count).map(expected).collect::<Vec<_>>());
    });
}

/// The trustee: serves batch after batch until it has served `count` requests.
fn serve(mut link: TrusteeLink, count: u64, panics: Option<u64>) {
    let mut results = Results::new();
    while link.served() < count {
        let Some(mut requests) = link.take() else {
            thread::yield_now();
            continue;
        };
        let mut exceptions = Vec::new();
        while let Some(Record {
            call,
            key,
            captures,
        }) = requests.take_record()
        {
            let result = results.push(call.result_words as usize).as_mut_ptr();
            // SAFETY: the captures are those of this record, taken once; the result has its room.
            unsafe { (call.run)(key, captures, result) };
            if panics.is_some_and(|panics| read(captures) == panics) {
                let payload: Box<dyn Any + Send> = Box::new(PANICKED);
                exceptions.push((results.count() - 1, payload));
            }
        }
        if !exceptions.is_empty() {
            results.attach_exceptions(exceptions);
        }
        // SAFETY: every record was taken and has its result.
        unsafe { link.respond(&mut results) };
    }
}

fn issue(client: &mut ClientLink, call: &'static Call, number: u64) {
    let place = client.issue(call, Key::of(std::ptr::null::<()>()), 1);
    for index in 0..call.capture_words as usize {
        // SAFETY: there is room for so many words.
        let word = unsafe { &mut *place.captures.add(index) };
        word.write(number);
    }
    // SAFETY: a note of one word was asked for.
    let note = unsafe { &mut *place.note };
    note.write(number);
}

/// Takes answers until so many results have come in, or a few more.
fn harvest(client: &mut ClientLink, count: usize) -> Vec<u64> {
    let mut harvested = Vec::new();
    while harvested.len() < count {
        let Some(mut responses) = client.take() else {
            thread::yield_now();
            continue;
        };
        // SAFETY: asked once for this batch.
        let exceptions = unsafe { responses.exceptions() };
        for at in 0..responses.count() {
            let note = read(responses.note());
            let result = responses.step(1, 1);
            let exception = exceptions.iter().find(|(place, _)| *place == at);
            let result = match exception {
                Some((_, payload)) => *payload.downcast_ref().expect("made in `serve`"),
                None => read(result),
            };
            assert!(
                result == PANICKED || result == answer(note),
                "the note of another request"
            );
            harvested.push(result);
        }
        // SAFETY: all of it was read.
        unsafe { client.release() };
    }
    harvested
}

const fn call(capture_words: u16) -> Call {
    Call {
        run: run_of(capture_words),
        discard,
        capture_words,
        result_words: 1,
        name: || "a call",
    }
}

const fn run_of(capture_words: u16) -> unsafe fn(Key, *const Word, *mut Word) {
    if capture_words == 1 {
        run::<1>
    } else {
        run::<CAPTURE_WORDS_MAX>
    }
}

/// # Safety
/// The contract of [`Call::run`].
unsafe fn run<const WORDS: usize>(_: Key, captures: *const Word, result: *mut Word) {
    let number = read(captures);
    for index in 0..WORDS {
        assert_eq!(
            read(captures.wrapping_add(index)),
            number,
            "half of another batch"
        );
    }
    // SAFETY: by the contract there is room for it.
    unsafe { result.cast::<u64>().write(answer(number)) };
}

/// # Safety
/// The contract of [`Call::discard`].
unsafe fn discard(_: *const Word) {}

fn read(word: *const Word) -> u64 {
    // SAFETY: in these models every word is a number, written before it is read; whether it was
    // published before is what loom checks.
    unsafe { word.cast::<u64>().read() }
}

fn answer(number: u64) -> u64 {
    number + 100
}

/// A record of which many fit into a slot.
static SMALL: Call = call(1);
/// A record that fills a slot.
static LARGE: Call = call(CAPTURE_WORDS_MAX as u16);

const PANICKED: u64 = 7;
