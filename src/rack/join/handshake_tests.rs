//! Two machines against each other, and against those who do not know the key.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::card::{BuildHash, Card, Difference};
use super::super::encounter::{Encounter, EncounterError};
use super::super::key::RunKey;
use super::*;

const KEY: [u8; 32] = [7; 32];

fn card(protocol: u32, build: u8) -> Card {
    Card {
        protocol,
        build: BuildHash([build; 32]),
    }
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

fn connector(key: [u8; 32], card: Card) -> Encounter {
    Encounter::connect(&RunKey::new(key), card, &[1; 32], later())
}

fn acceptor(key: [u8; 32], card: Card) -> Encounter {
    Encounter::accept(&RunKey::new(key), card, &[2; 32], later())
}

fn take(from: &mut Encounter) -> Vec<u8> {
    std::mem::take(from.output())
}

/// Lets them talk until nobody has anything to say, or one gives up.
fn talk(
    one: &mut Encounter,
    other: &mut Encounter,
) -> (Result<(), EncounterError>, Result<(), EncounterError>) {
    let (mut left, mut right) = (Ok(()), Ok(()));
    loop {
        let (there, back) = (take(one), take(other));
        if there.is_empty() && back.is_empty() {
            return (left, right);
        }
        right = right.and(other.handle_bytes(&there));
        left = left.and(one.handle_bytes(&back));
    }
}

#[test]
fn two_that_know_the_key() {
    let mut one = connector(KEY, card(1, 1));
    let mut other = acceptor(KEY, card(1, 1));
    one.send(b"said before it is proven");
    assert_eq!(talk(&mut one, &mut other), (Ok(()), Ok(())));
    assert!(one.is_proven() && other.is_proven());
    let frame = other.poll_frame();
    assert_eq!(frame, Ok(Some(b"said before it is proven".to_vec())));
    other.send(b"answer");
    one.send(b"");
    assert_eq!(talk(&mut one, &mut other), (Ok(()), Ok(())));
    assert_eq!(one.poll_frame(), Ok(Some(b"answer".to_vec())));
    assert_eq!(other.poll_frame(), Ok(Some(Vec::new())));
    assert_eq!((one.rest(), other.rest()), (0, 0));
}

#[test]
fn wrong_key() {
    let unproven = EncounterError::Stranger(HandshakeError::Unproven);
    let mut one = connector(KEY, card(1, 1));
    let mut other = acceptor([8; 32], card(1, 1));
    one.send(b"never read");
    let (left, _) = talk(&mut one, &mut other);
    assert_eq!(left, Err(unproven));
    assert!(!one.is_proven() && !other.is_proven());
    // A connector that goes on all the same.
    assert_eq!(other.handle_bytes(&[0; PROOF_BYTES]), Err(unproven));
    assert_eq!(other.poll_frame(), Err(unproven));
}

/// Both prove themselves first, so that each can say for sure how the other differs.
#[test]
fn other_program() {
    for (theirs, difference) in [
        (card(2, 1), Difference::Protocol),
        (card(2, 2), Difference::Protocol),
        (card(1, 2), Difference::Build),
    ] {
        let ours = card(1, 1);
        let mut one = connector(KEY, theirs);
        let mut other = acceptor(KEY, ours);
        one.send(b"never read");
        let differs = |theirs| Err(EncounterError::Differs { difference, theirs });
        let talked = talk(&mut one, &mut other);
        assert_eq!(talked, (differs(ours), differs(theirs)));
        assert!(one.is_proven() && other.is_proven());
        assert!(other.poll_frame().is_err());
    }
}

/// Somebody between them who makes a version or a build appear another has made both fail.
#[test]
fn changed_on_the_way() {
    for at in 0..OPENING_BYTES {
        let mut one = connector(KEY, card(1, 1));
        let mut other = acceptor(KEY, card(1, 1));
        let mut opening = take(&mut one);
        opening[at] ^= 1;
        assert_eq!(other.handle_bytes(&opening), Ok(()), "nothing is looked at");
        let reply = take(&mut other);
        assert_eq!(
            one.handle_bytes(&reply),
            Err(EncounterError::Stranger(HandshakeError::Unproven))
        );
        assert!(take(&mut one).is_empty(), "no proof for a stranger");
    }
    for at in 0..REPLY_BYTES {
        let mut one = connector(KEY, card(1, 1));
        let mut other = acceptor(KEY, card(1, 1));
        other.handle_bytes(&take(&mut one)).unwrap();
        let mut reply = take(&mut other);
        reply[at] ^= 1;
        assert!(one.handle_bytes(&reply).is_err(), "{at}");
        assert!(!one.is_proven());
    }
}

#[test]
fn own_words_are_no_proof() {
    let mut one = connector(KEY, card(1, 1));
    let opening = take(&mut one);
    let mut echo = opening.clone();
    echo.extend_from_slice(&opening[..PROOF_BYTES]);
    assert!(one.handle_bytes(&echo).is_err());

    // The acceptor's own proof, back to it.
    let mut other = acceptor(KEY, card(1, 1));
    other.handle_bytes(&opening).unwrap();
    let reply = take(&mut other);
    let proof = &reply[OPENING_BYTES..];
    assert!(other.handle_bytes(proof).is_err());
}

/// All that a connector said once, said again to an acceptor that has another nonce.
#[test]
fn replay() {
    let mut one = connector(KEY, card(1, 1));
    let mut other = acceptor(KEY, card(1, 1));
    let opening = take(&mut one);
    other.handle_bytes(&opening).unwrap();
    let reply = take(&mut other);
    one.handle_bytes(&reply).unwrap();
    let proof = take(&mut one);

    let mut again = Encounter::accept(&RunKey::new(KEY), card(1, 1), &[3; 32], later());
    again.handle_bytes(&opening).unwrap();
    assert!(again.handle_bytes(&proof).is_err());
    let mut fresh = Encounter::connect(&RunKey::new(KEY), card(1, 1), &[4; 32], later());
    assert!(fresh.handle_bytes(&reply).is_err());
}

#[test]
fn more_than_its_turn() {
    let too_much = Err(EncounterError::Stranger(HandshakeError::TooMuch));
    let mut other = acceptor(KEY, card(1, 1));
    assert_eq!(other.handle_bytes(&[0; OPENING_BYTES + 1]), too_much);
    let mut one = connector(KEY, card(1, 1));
    assert_eq!(one.handle_bytes(&[0; REPLY_BYTES + 1]), too_much);
}

#[test]
fn strangers_have_little_time() {
    let now = Instant::now();
    let mut other = Encounter::accept(&RunKey::new(KEY), card(1, 1), &[2; 32], now);
    assert_eq!(other.poll_timeout(), Some(now));
    assert_eq!(other.handle_timeout(now), Err(EncounterError::TooSlow));
    assert!(other.handle_bytes(&[0]).is_err());

    let mut one = connector(KEY, card(1, 1));
    let mut other = acceptor(KEY, card(1, 1));
    assert_eq!(talk(&mut one, &mut other), (Ok(()), Ok(())));
    assert_eq!(other.poll_timeout(), None);
    assert_eq!(
        other.handle_timeout(later() + Duration::from_secs(1)),
        Ok(())
    );
}

/// A frame that is repeated, left out or damaged ends the connection.
#[test]
fn frames_out_of_order() {
    type Change = fn(&[u8], &[u8]) -> Vec<u8>;
    let changes: [Change; 4] = [
        |first, _| [first, first].concat(),
        |_, second| second.to_vec(),
        |first, second| [second, first].concat(),
        |first, second| {
            let mut both = [first, second].concat();
            both[5] ^= 4;
            both
        },
    ];
    for change in changes {
        let mut one = connector(KEY, card(1, 1));
        let mut other = acceptor(KEY, card(1, 1));
        assert_eq!(talk(&mut one, &mut other), (Ok(()), Ok(())));
        one.send(b"first");
        let first = take(&mut one);
        one.send(b"second");
        let second = take(&mut one);
        other.handle_bytes(&change(&first, &second)).unwrap();
        let mut frames = Vec::new();
        let error = loop {
            match other.poll_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => panic!("something was wrong"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, EncounterError::Frame(_)));
        assert!(frames.is_empty() || frames == [b"first"], "{frames:?}");
        assert!(other.poll_frame().is_err(), "and it stays so");
    }
}

proptest! {
    /// However the bytes are cut, both come to the same.
    #[test]
    fn any_cuts(cuts in prop::collection::vec(1_usize..40, 1..60), frames in 0_usize..5) {
        let mut one = connector(KEY, card(1, 1));
        let mut other = acceptor(KEY, card(1, 1));
        for frame in 0..frames {
            one.send(&vec![frame as u8; frame * 30]);
        }
        let (mut there, mut back) = (Vec::new(), Vec::new());
        let mut cuts = cuts.iter().cycle();
        let mut arrived = Vec::new();
        loop {
            there.append(one.output());
            back.append(other.output());
            if there.is_empty() && back.is_empty() {
                break;
            }
            for (bytes, to) in [(&mut there, &mut other), (&mut back, &mut one)] {
                let cut = bytes.len().min(*cuts.next().expect("endless"));
                let piece: Vec<u8> = bytes.drain(..cut).collect();
                prop_assert_eq!(to.handle_bytes(&piece), Ok(()));
            }
            while let Some(frame) = other.poll_frame().expect("none is damaged") {
                arrived.push(frame);
            }
        }
        let sent: Vec<_> = (0..frames).map(|frame| vec![frame as u8; frame * 30]).collect();
        prop_assert_eq!(arrived, sent);
        prop_assert!(one.is_proven() && other.is_proven());
    }

    /// Nothing that somebody without the key sends is ever taken for a proof or a frame, and
    /// little of it is kept.
    #[test]
    fn garbage(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20),
               accepts in any::<bool>()) {
        let mut machine = match accepts {
            true => acceptor(KEY, card(1, 1)),
            false => connector(KEY, card(1, 1)),
        };
        for piece in &pieces {
            let _ = machine.handle_bytes(piece); // an error, or not enough yet
            prop_assert!(!machine.is_proven());
            prop_assert!(!matches!(machine.poll_frame(), Ok(Some(_))));
            prop_assert!(machine.output().len() <= OPENING_BYTES + REPLY_BYTES);
        }
        let sent: usize = pieces.iter().map(Vec::len).sum();
        if sent >= OPENING_BYTES + REPLY_BYTES + PROOF_BYTES {
            prop_assert!(machine.poll_frame().is_err());
        }
    }
}
