//! What fails is noticed, has a name, and ends the connection.

use gossamer_transport::rack::rdma::{Inlet, Memory, Opening, RdmaError, SIGNAL_EVERY};
use gossamer_transport::rack::{Channel as _, Layout, Refusal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::rig::{
    ADDRESS, CREDIT, End, LAYOUT, Links, PATIENCE, PATIENCE_SHORT, Turn, adapter, bytes, connect,
    memory,
};

/// Waits until a channel that sleeps has failed, and returns how.
fn failure_of(end: &mut End) -> String {
    while end.channel.settle().is_ok() {
        let mut watched = [PollFd::new(&end.channel, PollFlags::IN)];
        poll(&mut watched, None).expect("it is open");
        end.channel.take_events();
    }
    assert_eq!(end.channel.flush(), Err(Refusal::Dead));
    let failure = end.channel.failure().expect("it has failed");
    failure.to_string()
}

/// The peer's queue pair is gone: nobody answers.
#[test]
fn a_peer_that_is_gone() {
    let Some(_turn) = Turn::wait() else { return };
    let [mut one, other] = connect([ADDRESS; 2], SIGNAL_EVERY, PATIENCE_SHORT);
    drop(other);
    one.channel.push(CREDIT, &[], 1).expect("alive");
    one.channel.flush().expect("alive");
    assert_eq!(failure_of(&mut one), "WRITE ended with RETRY_EXC_ERR");
}

/// A failed WRITE completes though none was signalled.
#[test]
fn a_key_of_nothing() {
    let Some(_turn) = Turn::wait() else { return };
    let (one, other) = (memory(ADDRESS), memory(ADDRESS));
    let opening = Opening::new(&one, 0, SIGNAL_EVERY).expect("a queue pair");
    let (mut inlet, card) = Inlet::accept(&other, &opening.card(), 0).expect("a queue pair");
    let mut bytes = card.to_bytes();
    bytes[13] ^= 0x55; // of its key
    let card = gossamer_transport::rack::rdma::Card::from_bytes(&bytes).expect("a card");
    let mut channel = opening.connect(&card, LAYOUT, 0, PATIENCE).expect("made");
    channel.push(CREDIT, &[], 1).expect("alive");
    channel.flush().expect("alive");
    while channel.poll().is_ok() {}
    let failure = channel.failure().expect("it has failed").to_string();
    assert_eq!(failure, "WRITE ended with REM_ACCESS_ERR");
    assert!(matches!(channel.push(CREDIT, &[], 2), Err(Refusal::Dead)));
    // At the other end the receive, or all of them, come back.
    while inlet.poll().is_ok() {}
    assert!(inlet.failure().is_some());
}

/// Whoever sleeps is woken by what comes, and by nothing before.
#[test]
fn a_sleeper_is_woken() {
    let Some(_turn) = Turn::wait() else { return };
    let [mut one, mut other] = connect([ADDRESS; 2], SIGNAL_EVERY, PATIENCE);
    for seal in 1..100 {
        other.inlet.arm().expect("alive");
        assert_eq!(other.inlet.poll().expect("alive"), 0);
        assert!(!other.inlet.take_events());
        one.channel.push(CREDIT, &[], seal).expect("alive");
        one.channel.flush().expect("alive");
        let mut watched = [PollFd::new(&other.inlet, PollFlags::IN)];
        poll(&mut watched, None).expect("it is open");
        assert!(other.inlet.take_events());
        assert_eq!(other.inlet.poll().expect("alive"), 1);
        assert!(other.inlet.take_touched().eq([0]));
    }
    one.channel.settle().expect("alive");
}

#[test]
fn too_little_memory_may_be_locked() {
    let Some(_turn) = Turn::wait() else { return };
    let adapter = adapter(ADDRESS);
    let layout = Layout {
        writers: 64,
        ..LAYOUT
    };
    let before = getrlimit(Resource::Memlock);
    let limit = 1 << 20;
    let capabilities = rustix::thread::capabilities(None).expect("asked for");
    let mut without = capabilities;
    without
        .effective
        .remove(rustix::thread::CapabilitySet::IPC_LOCK);
    let current = Some(limit);
    setrlimit(Resource::Memlock, Rlimit { current, ..before }).expect("lower");
    rustix::thread::set_capabilities(None, without).expect("fewer");
    let refused = Memory::register(&adapter, layout, [1]);
    rustix::thread::set_capabilities(None, capabilities).expect("as before");
    setrlimit(Resource::Memlock, before).expect("as before");
    let needed = Memory::bytes(layout, [1]);
    match refused.expect_err("too much") {
        RdmaError::Memlock {
            needed: n,
            limit: l,
        } => assert_eq!((n, l), (needed, limit)),
        other => panic!("another error: {other:?}"),
    }
}

/// What is under way has a fate, and everything is given back.
#[test]
fn a_peer_that_dies_under_load() {
    let Some(_turn) = Turn::wait() else { return };
    let ends = connect([ADDRESS; 2], SIGNAL_EVERY, PATIENCE_SHORT);
    let [mut one, mut other] = ends.map(Links::new);
    while one.answered < 500 {
        one.turn(u64::MAX, |number| bytes(number, 100));
        other.turn(u64::MAX, |number| bytes(number, 100));
        assert!(one.end.channel.failure().is_none(), "both are there");
    }
    drop(other);
    while one.end.channel.failure().is_none() {
        one.turn(u64::MAX, |number| bytes(number, 100));
    }
    assert_eq!(
        one.client.into_unanswered().count() as u64,
        one.issued - one.answered
    );
}
