//! What strangers and peers may send to a node that joins: bytes of a handshake, frames, messages.
//!
//! Run it by `cargo +nightly fuzz run rack_join`, after `cargo install cargo-fuzz`.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "a node uses more of it")]
#[path = "../../src/rack/join"]
mod join {
    pub(crate) mod bytes;
    pub(crate) mod card;
    pub(crate) mod choice;
    pub(crate) mod encounter;
    pub(crate) mod failure;
    pub(crate) mod handshake;
    pub(crate) mod identity;
    pub(crate) mod key;
    pub(crate) mod liveness;
    pub(crate) mod membership;
    pub(crate) mod message;
    pub(crate) mod sealed;
    pub(crate) mod slurm;
}

use join::card::{BuildHash, Card};
use join::encounter::Encounter;
use join::key::RunKey;
use join::message::Message;

fuzz_target!(|data: &[u8]| {
    let [kind, cut, rest @ ..] = data else { return };
    match kind % 4 {
        0 => stranger(acceptor(), rest, *cut),
        1 => stranger(connector(), rest, *cut),
        2 => damaged(rest, *cut),
        _ => message(rest),
    }
});

/// Whoever does not know the key proves nothing, is read nothing, and is kept little of.
fn stranger(mut node: Encounter, bytes: &[u8], cut: u8) {
    for piece in bytes.chunks(usize::from(cut) + 1) {
        let _ = node.handle_bytes(piece); // an error, or not enough yet
        assert!(!node.is_proven());
        assert!(!matches!(node.poll_frame(), Ok(Some(_))));
        assert!(node.output().len() <= ANSWERS_BYTES_MAX);
    }
}

/// A connection between two that know each other, on which the bytes are xored with others.
fn damaged(noise: &[u8], cut: u8) {
    let (mut one, mut other) = (connector(), acceptor());
    let sent: Vec<Vec<u8>> = (0..3).map(|frame| vec![frame; usize::from(cut)]).collect();
    for frame in &sent {
        one.send(frame);
    }
    let mut noise = noise.iter().copied();
    let mut taken = Vec::new();
    loop {
        let mut there = std::mem::take(one.output());
        let back = std::mem::take(other.output());
        if there.is_empty() && back.is_empty() {
            break;
        }
        for byte in &mut there {
            *byte ^= noise.next().unwrap_or(0);
        }
        // An error ends it, and what was said before it counts.
        let _ = other.handle_bytes(&there);
        let _ = one.handle_bytes(&back);
        while let Ok(Some(frame)) = other.poll_frame() {
            taken.push(frame);
        }
    }
    assert!(sent.starts_with(&taken));
}

/// What can be read says just what it was read from.
fn message(bytes: &[u8]) {
    if let Ok(message) = Message::from_bytes(bytes) {
        assert_eq!(message.to_bytes(), bytes);
        drop(format!("{message:?}"));
        if let Message::Failed(failure) = message {
            drop(failure.to_string());
        }
    }
}

fn connector() -> Encounter {
    Encounter::connect(&RunKey::new([7; 32]), CARD, &[1; 32], later())
}

fn acceptor() -> Encounter {
    Encounter::accept(&RunKey::new([7; 32]), CARD, &[2; 32], later())
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

const CARD: Card = Card {
    protocol: 1,
    build: BuildHash([3; 32]),
};

/// An opening, or a reply.
const ANSWERS_BYTES_MAX: usize = 128;
