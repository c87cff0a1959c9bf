//! Two processes: this test, and itself again as the other one, with cards by a pipe.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use gossamer_transport::rack::rdma::{Card, Inlet, Memory, Opening, SIGNAL_EVERY};

use crate::rig::{ADDRESS, End, LAYOUT, Links, PATIENCE, Turn, bytes, memory};

const REQUESTS: u64 = 3_000;
const OTHER: &str = "GOSSAMER_TEST_RDMA_OTHER";

#[test]
fn two_processes() {
    if std::env::var_os(OTHER).is_some() {
        return be_the_other();
    }
    let Some(_turn) = Turn::wait() else { return };
    let mut other = Command::new(std::env::current_exe().expect("a name"))
        .args(["processes::two_processes", "--exact", "--nocapture"])
        .env(OTHER, "1")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the other process");
    let mut to_other = other.stdin.take().expect("it is piped");
    let mut from_other = other.stderr.take().expect("it is piped");
    let end = meet(memory(ADDRESS), &mut to_other, &mut from_other);
    let mut links = Links::new(end);
    while links.answered < REQUESTS {
        let happened = links.turn(REQUESTS, |number| bytes(number, size(number)));
        if !happened && let Some(status) = other.try_wait().expect("a child") {
            panic!("the other process ended early: {status}");
        }
    }
    // What it has asked is answered as well, and it says when it needs us no more.
    let mut word = [0];
    std::thread::scope(|scope| {
        let last_word = scope.spawn(|| from_other.read_exact(&mut word));
        while !last_word.is_finished() {
            links.turn(REQUESTS, |number| bytes(number, size(number)));
        }
    });
    assert_eq!(word, *b".");
    links.settle();
    drop(to_other);
    assert!(other.wait().expect("a child").success());
}

fn be_the_other() {
    let (mut to, mut from) = (std::io::stderr(), std::io::stdin());
    let mut links = Links::new(meet(memory(ADDRESS), &mut to, &mut from));
    while links.answered < REQUESTS {
        links.turn(REQUESTS, |number| bytes(number, size(number)));
    }
    to.write_all(b".").expect("it is read");
    // Until the first process has what it has asked for.
    let mut rest = Vec::new();
    std::thread::scope(|scope| {
        let end = scope.spawn(|| from.read_to_end(&mut rest));
        while !end.is_finished() {
            links.turn(REQUESTS, |number| bytes(number, size(number)));
        }
    });
}

fn size(number: u64) -> usize {
    match number % 500 {
        499 => 100_000,
        number => number as usize,
    }
}

/// Both sides say the same: first who they are, then what was made for the other.
fn meet(memory: Memory, to: &mut impl Write, from: &mut impl Read) -> End {
    let opening = Opening::new(&memory, 0, SIGNAL_EVERY).expect("a queue pair");
    let theirs = swap(opening.card(), to, from);
    let (inlet, card) = Inlet::accept(&memory, &theirs, 0).expect("a queue pair");
    let theirs = swap(card, to, from);
    let channel = opening.connect(&theirs, LAYOUT, 0, PATIENCE);
    let end = End {
        channel: channel.expect("connected"),
        inlet,
        memory,
    };
    // Nobody writes before both are ready to receive: those that have heard of the cards are.
    end
}

fn swap(card: Card, to: &mut impl Write, from: &mut impl Read) -> Card {
    to.write_all(&card.to_bytes()).expect("it is read");
    let mut bytes = [0; Card::BYTES];
    from.read_exact(&mut bytes).expect("it is written");
    Card::from_bytes(&bytes).expect("a card")
}
