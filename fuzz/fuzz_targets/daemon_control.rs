//! What strangers, and hosts that know the key, may send to a daemon: bytes of a handshake, pieces,
//! messages.
//!
//! Run it by `cargo +nightly fuzz run daemon_control`, after `cargo install cargo-fuzz`.

#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "a daemon uses more of it")]
#[path = "../../cli/src/control"]
mod control {
    pub(crate) mod frame;
    pub(crate) mod handshake;
    pub(crate) mod message;
}
#[expect(dead_code, reason = "a daemon uses more of it")]
#[path = "../../cli/src/daemon"]
mod daemon {
    pub(crate) mod refusal;
}
#[expect(dead_code, reason = "a daemon uses more of it")]
#[path = "../../cli/src/key.rs"]
mod key;
#[expect(dead_code, reason = "the command uses more of it")]
#[path = "../../cli/src/options.rs"]
mod options;
#[expect(dead_code, reason = "the command uses more of it")]
#[path = "../../cli/src/output.rs"]
mod output;
#[expect(dead_code, reason = "the command uses more of it")]
#[path = "../../cli/src/policy.rs"]
mod policy;

use control::handshake::{Acceptor, Dialer, Progress};
use control::message::{
    Chunk, FromNode, FromProgram, Reply, Request, ToNode, ToProgram, decode, encode,
};
use key::RackKey;

fuzz_target!(|data: &[u8]| {
    let [kind, cut, rest @ ..] = data else { return };
    match kind % 3 {
        0 => stranger(rest, *cut),
        1 => damaged(rest),
        _ => messages(rest),
    }
});

/// Whoever does not know the key is read a bounded number of bytes, and gets one answer at most.
fn stranger(bytes: &[u8], cut: u8) {
    let mut acceptor = Acceptor::new(&key(), Instant::now()).expect("there are random numbers");
    let mut rest = bytes;
    while !rest.is_empty() && acceptor.wanted() > 0 {
        let length = acceptor.wanted().min(usize::from(cut) + 1).min(rest.len());
        let (piece, more) = rest.split_at(length);
        rest = more;
        match acceptor.handle_bytes(piece) {
            Ok(Progress::Waits) => {}
            Ok(other) => panic!("it knows no key: {other:?}"),
            Err(_) => return,
        }
    }
}

/// Two that know each other, between whom bytes are xored with others: a message that comes is one
/// that was sent.
fn damaged(noise: &[u8]) {
    let mut noise = noise.iter().copied().fuse();
    let mut bend = |bytes: &mut [u8]| {
        for byte in bytes {
            *byte ^= noise.next().unwrap_or(0);
        }
    };
    let mut acceptor = Acceptor::new(&key(), Instant::now()).expect("there are random numbers");
    let (dialer, mut opening) = Dialer::new(&key()).expect("there are random numbers");
    bend(&mut opening);
    let Ok(Progress::Answers(mut answer)) = acceptor.handle_bytes(&opening) else {
        return;
    };
    bend(&mut answer);
    let Ok((mut proof, mut sealer, _)) = dialer.handle_answer(&answer) else {
        return;
    };
    bend(&mut proof);
    let Ok(Progress::Proven(_, mut opener)) = acceptor.handle_bytes(&proof) else {
        return;
    };
    let message = encode(&Request::Hosts);
    let mut sealed = Vec::new();
    let kept = sealer.seal(&message, |piece| {
        sealed.extend_from_slice(piece);
        Ok::<(), ()>(())
    });
    assert!(kept.is_ok());
    bend(&mut sealed);
    if let Ok(piece) = opener.open(&sealed[2..]) {
        assert!(piece.is_last && piece.bytes == message);
    }
}

/// What can be read says just what can be read again.
fn messages(bytes: &[u8]) {
    fn check<M>(bytes: &[u8])
    where
        M: serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug,
    {
        if let Ok(message) = decode::<M>(bytes) {
            let again: M = decode(&encode(&message)).expect("it was encoded");
            assert_eq!(format!("{again:?}"), format!("{message:?}"));
        }
    }
    check::<Request>(bytes);
    check::<Reply>(bytes);
    check::<ToNode>(bytes);
    check::<FromNode>(bytes);
    check::<ToProgram>(bytes);
    check::<FromProgram>(bytes);
    check::<Chunk>(bytes);
}

fn key() -> RackKey {
    RackKey::new([7; 32])
}
