//! Models of a link over memory that processes share, and of how a worker sleeps there, checked by
//! loom for every interleaving:
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p gossamer-transport --release --test loom_rack`
//!
//! Rings have two slots here, and pieces and payloads in slots at most 16 bytes, so that few
//! records go round them. All words are
//! atomics, so loom lets a reader see any of the values that it could: a record that were read
//! before its seal is another number, and fails the model.
#![cfg(loom)]

use std::borrow::Cow;

use gossamer_transport::rack::shm::{Channel, GEOMETRY, Parking};
use gossamer_transport::rack::{
    Channel as _, ClientLink, Layout, PIECE_BYTES, Ports, Request, TrusteeLink,
};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

/// One request, there and back.
#[test]
fn publish_and_take() {
    check(&[8], 8);
}

/// More batches than slots: each slot is written again when its results were taken.
#[test]
fn slots_are_used_again() {
    check_bounded(2, || link(&[8, 8, 8], 8));
}

/// A payload of three pieces, in a ring of two: the last waits for credit.
#[test]
fn pieces_and_credit() {
    check_bounded(2, || link(&[PIECES], 8));
}

/// A result of three pieces.
#[test]
fn pieces_of_a_result() {
    check_bounded(2, || link(&[8], PIECES));
}

/// A worker announces its sleep while another process publishes: it sees the batch, or its bell
/// rings.
#[test]
fn publish_while_parking() {
    loom::model(|| park(true));
}

/// The models themselves: a worker that does not look again sleeps on a batch.
#[test]
#[should_panic(expected = "sleeps on a batch")]
fn sleep_without_a_look() {
    loom::model(|| park(false));
}

/// Two processes publish for a worker that announces its sleep, and the first of them looks, but
/// is stopped before it rings: the worker has seen the batch of the other, or its bell rings.
#[test]
fn publish_beside_one_that_never_rings() {
    loom::model(|| {
        let ports = Ports::private(TWO_WRITERS).expect("memory");
        let (theirs, bell) = (ports.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = thread::spawn(move || publish(&theirs, 0, None));
        let (theirs, rung) = (ports.clone(), Arc::clone(&bell));
        let other = thread::spawn(move || publish(&theirs, 1, Some(&rung)));
        let trustee = TrusteeLink::new(0, ports.port(1, 0));
        let parking = Parking::new(&ports, 0);
        parking.announce();
        let has_seen = trustee.has_arrived();
        stopped.join().expect("no panic");
        other.join().expect("no panic");
        // Acquire: pairs with the Release store in `publish`.
        assert!(
            has_seen || bell.load(Ordering::Acquire),
            "sleeps on a batch"
        );
    });
}

/// Publishes a batch as this writer, and rings if it has a bell and is to.
fn publish(ports: &Ports, writer: u16, bell: Option<&AtomicBool>) {
    let mut channel = Channel::new(ports, writer);
    let unread = Ports::private(LAYOUT).expect("memory");
    let mut client = ClientLink::new(0, unread.port(0, 0));
    client
        .issue(Request::default(), Cow::from(&[][..]), ())
        .expect("short");
    client.publish(&mut channel).expect("alive");
    channel.flush().expect("alive");
    if let (Some(bell), true) = (bell, channel.take_bells().next().is_some()) {
        // Release: pairs with the Acquire load of who sleeps.
        bell.store(true, Ordering::Release);
    }
}

fn park(looks_again: bool) {
    let ports = Ports::private(LAYOUT).expect("memory");
    let bell = Arc::new(AtomicBool::new(false));
    let publisher = {
        let (ports, bell) = (ports.clone(), Arc::clone(&bell));
        thread::spawn(move || publish(&ports, 0, Some(&bell)))
    };
    let trustee = TrusteeLink::new(0, ports.port(0, 0));
    let parking = Parking::new(&ports, 0);
    parking.announce();
    let has_seen = looks_again && trustee.has_arrived();
    publisher.join().expect("no panic");
    // Acquire: pairs with the Release store in `publish`.
    assert!(
        has_seen || bell.load(Ordering::Acquire),
        "sleeps on a batch"
    );
}

fn check(requests: &'static [usize], answer: usize) {
    loom::model(move || link(requests, answer));
}

/// Checks a model in those interleavings that preempt a thread at most `preemptions` times, where
/// all of them would take hours.
fn check_bounded(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut bounded = loom::model::Builder::new();
    bounded.preemption_bound = Some(preemptions);
    bounded.max_branches = 100_000;
    bounded.check(model);
}

/// A client whose requests have payloads of these lengths, and a trustee that answers each.
fn link(requests: &'static [usize], answer: usize) {
    let at_client = Ports::private(LAYOUT).expect("memory");
    let at_trustee = Ports::private(LAYOUT).expect("memory");
    let trustee = {
        let (ours, theirs) = (at_trustee.clone(), at_client.clone());
        thread::spawn(move || serve(&ours, &theirs, requests, answer))
    };
    let mut channel = Channel::new(&at_trustee, 0);
    let mut client = ClientLink::new(0, at_client.port(0, 0));
    for (note, &bytes) in requests.iter().enumerate() {
        client
            .issue(Request::default(), payload(note, bytes), note)
            .expect("short");
        // Each is a batch of its own, while there are slots.
        client.publish(&mut channel).expect("alive");
    }
    let mut answered = 0;
    while answered < requests.len() {
        client.publish(&mut channel).expect("alive");
        match client.poll_result().expect("in order") {
            Some(result) => {
                assert_eq!(result.note, answered);
                assert_eq!(*result.payload, payload(answered, answer));
                answered += 1;
            }
            None => thread::yield_now(),
        }
    }
    client.publish(&mut channel).expect("alive");
    trustee.join().expect("no panic");
}

fn serve(ours: &Ports, theirs: &Ports, requests: &[usize], answer: usize) {
    let mut channel = Channel::new(theirs, 0);
    let mut trustee = TrusteeLink::new(0, ours.port(0, 0));
    let mut served = 0;
    while served < requests.len() || trustee.has_unpublished() {
        let mut is_idle = true;
        if let Some(request) = trustee.poll_request().expect("in order") {
            assert_eq!(*request.payload, payload(served, requests[served]));
            trustee.respond(0, payload(served, answer)).expect("short");
            served += 1;
            is_idle = false;
        }
        is_idle &= !trustee.publish(&mut channel).expect("alive");
        if is_idle {
            thread::yield_now();
        }
    }
}

fn payload(number: usize, bytes: usize) -> Vec<u8> {
    vec![number as u8 + 1; bytes]
}

const LAYOUT: Layout = Layout {
    writers: 1,
    workers: 1,
    geometry: GEOMETRY,
};
const TWO_WRITERS: Layout = Layout {
    writers: 2,
    ..LAYOUT
};
/// Of a payload that takes three pieces, which are more than a ring has.
const PIECES: usize = 2 * PIECE_BYTES + 8;
