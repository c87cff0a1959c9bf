//! Those who know the key, and those who do not.

use super::super::frame::FrameError;
use super::*;

fn key(byte: u8) -> RackKey {
    RackKey::new([byte; 32])
}

/// What a connection comes to whose bytes come in pieces of this size.
fn meet(ours: &RackKey, theirs: &RackKey, piece: usize) -> Result<Ends, StrangerError> {
    let mut acceptor = Acceptor::new(ours, Instant::now())?;
    let (dialer, opening) = Dialer::new(theirs)?;
    let Progress::Answers(answer) = feed(&mut acceptor, &opening, piece)? else {
        panic!("an opening is answered");
    };
    let (proof, sealer, opener) = dialer.handle_answer(&answer)?;
    match feed(&mut acceptor, &proof, piece)? {
        Progress::Proven(there, back) => Ok([(sealer, back), (there, opener)]),
        other => panic!("{other:?}"),
    }
}

type Ends = [(Sealer, Opener); 2];

fn feed(to: &mut Acceptor, bytes: &[u8], piece: usize) -> Result<Progress, StrangerError> {
    let mut last = Progress::Waits;
    for piece in bytes.chunks(piece) {
        last = to.handle_bytes(piece)?;
    }
    Ok(last)
}

fn seal(sealer: &mut Sealer, message: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let sealed = sealer.seal(message, |sealed| {
        all.extend_from_slice(sealed);
        Ok::<(), std::convert::Infallible>(())
    });
    sealed.expect("nothing can fail");
    all
}

fn open(opener: &mut Opener, mut sealed: &[u8]) -> Result<Vec<u8>, FrameError> {
    let mut message = Vec::new();
    while let Some((length, rest)) = sealed.split_first_chunk() {
        let (piece, rest) = rest.split_at(u16::from_le_bytes(*length).into());
        sealed = rest;
        let piece = opener.open(piece)?;
        message.extend_from_slice(piece.bytes);
        assert_eq!(piece.is_last, sealed.is_empty());
    }
    Ok(message)
}

#[test]
fn who_knows_the_key_is_let_in() {
    for piece in [1, 7, 48] {
        let ends = meet(&key(1), &key(1), piece).expect("the same key");
        for (mut sealer, mut opener) in ends {
            for length in [0, 1, 60 << 10, (60 << 10) + 1, 200_000] {
                let message = vec![length as u8; length];
                let sealed = seal(&mut sealer, &message);
                assert_eq!(open(&mut opener, &sealed), Ok(message));
            }
        }
    }
}

#[test]
fn another_key_is_refused_by_either() {
    let refused = meet(&key(1), &key(2), 48).expect_err("another key");
    assert_eq!(refused, StrangerError::Key);
    // What passes for a daemon, and is none.
    let (dialer, _) = Dialer::new(&key(1)).expect("an opening");
    let (_, other) = Dialer::new(&key(1)).expect("an opening");
    assert_eq!(
        dialer.handle_answer(&other).map(drop),
        Err(StrangerError::Key)
    );
}

/// Everything that a dialer has said is said again, to the same daemon.
#[test]
fn a_recorded_handshake_is_refused() {
    let mut first = Acceptor::new(&key(1), Instant::now()).expect("an answer");
    let (dialer, opening) = Dialer::new(&key(1)).expect("an opening");
    let Ok(Progress::Answers(answer)) = first.handle_bytes(&opening) else {
        panic!("it is answered");
    };
    let (proof, ..) = dialer.handle_answer(&answer).expect("the same key");
    assert!(matches!(
        first.handle_bytes(&proof),
        Ok(Progress::Proven(..))
    ));
    let mut second = Acceptor::new(&key(1), Instant::now()).expect("an answer");
    let answered = second.handle_bytes(&opening);
    assert!(matches!(answered, Ok(Progress::Answers(again)) if again != answer));
    let refused = second.handle_bytes(&proof).expect_err("it proves nothing");
    assert_eq!(refused, StrangerError::Key);
    assert_eq!(second.wanted(), 0, "nothing more is read");
}

#[test]
fn every_bit_of_a_handshake_counts() {
    let (_, opening) = Dialer::new(&key(1)).expect("an opening");
    for place in 0..opening.len() * 8 {
        // The last bit of a point says nothing, but is authenticated with it.
        let mut bent = opening.clone();
        bent[place / 8] ^= 1 << (place % 8);
        let mut acceptor = Acceptor::new(&key(1), Instant::now()).expect("an answer");
        let refused = acceptor.handle_bytes(&bent).map(drop);
        assert_eq!(refused, Err(StrangerError::Key), "bit {place}");
    }
}

#[test]
fn pieces_that_are_bent_repeated_or_left_out() {
    let ends = || meet(&key(1), &key(1), 48).expect("the same key");
    let [(mut sealer, mut opener), _] = ends();
    let sealed = seal(&mut sealer, b"one");
    assert_eq!(open(&mut opener, &sealed).as_deref(), Ok(&b"one"[..]));
    assert_eq!(open(&mut opener, &sealed), Err(FrameError::Damaged));
    let [(mut sealer, mut opener), _] = ends();
    seal(&mut sealer, b"lost");
    let sealed = seal(&mut sealer, b"two");
    assert_eq!(open(&mut opener, &sealed), Err(FrameError::Damaged));
    let [(mut sealer, mut opener), _] = ends();
    let mut sealed = seal(&mut sealer, b"three");
    *sealed.last_mut().expect("a tag") ^= 1;
    assert_eq!(open(&mut opener, &sealed), Err(FrameError::Damaged));
}

#[test]
fn who_says_nothing_has_to_go() {
    let now = Instant::now();
    let acceptor = Acceptor::new(&key(1), now).expect("an answer");
    assert_eq!(acceptor.poll_timeout(), now + STRANGER_TIME);
    assert_eq!(acceptor.handle_timeout(now), Ok(()));
    let later = now + STRANGER_TIME;
    assert_eq!(acceptor.handle_timeout(later), Err(StrangerError::TooSlow));
}
