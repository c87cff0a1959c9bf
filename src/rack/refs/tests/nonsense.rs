//! What no correct node says, and the encoding of what it does.

use super::stage::*;
use crate::rack::refs::{
    Control, HANDLES_MAX, Header, Key, Message, Node, Place, SendError, Violation,
};

#[test]
fn nonsense_is_rejected_and_changes_nothing() {
    let (mut a, mut b, key) = lent();
    let place = key.place;
    let nowhere = Place {
        index: 77,
        generation: 0,
    };
    let place_of = |place| Control::Release { place, grants: 1 };
    for control in [
        release(key, 0),
        release(key, 2),
        place_of(nowhere),
        Control::Acknowledge(Message(5)),
        Control::Registered(place),
        Control::Gone(place),
    ] {
        let before = a.clone();
        let answer = hear(&mut a, B, control);
        assert_eq!(answer, [reject(B, Violation::Unfounded(control))]);
        assert_eq!(a, before);
    }
    // C has nothing to give back, and nothing to acknowledge.
    let header = b.send(A, vec![key]).expect("A lives");
    let control = Control::Acknowledge(header.message);
    let answer = hear(&mut b, C, control);
    assert_eq!(answer, [reject(C, Violation::Unfounded(control))]);
    let control = Control::Settled(B);
    let answer = hear(&mut a, B, control);
    assert_eq!(answer, [reject(B, Violation::Unfounded(control))]);
    let control = release(key, 1);
    let answer = hear(&mut a, C, control);
    assert_eq!(answer, [reject(C, Violation::Unfounded(control))]);
    let answer = hear(&mut a, B, Control::Settled(STRANGER));
    assert_eq!(answer, [reject(B, Violation::UnknownNode(STRANGER))]);
    let answer = hear(&mut a, STRANGER, Control::Register(place));
    assert_eq!(answer, [reject(STRANGER, Violation::Stranger)]);
    assert_eq!(hear(&mut a, STRANGER, Control::Fenced).len(), 1);
    assert!(a.is_open(B) && !a.is_open(STRANGER));
    // B, started again, is somebody else.
    let again = Node {
        incarnation: 8,
        ..B
    };
    let answer = hear(&mut a, again, release(key, 1));
    assert_eq!(answer, [reject(again, Violation::Stranger)]);
}

#[test]
fn message_that_makes_no_sense() {
    let (mut a, mut b, key) = lent();
    let mut c = refs(C);
    let message = Message(3);
    let owner = STRANGER;
    let unknown = Key { owner, ..key };
    let handles = vec![key, unknown];
    let answer = arrive(&mut a, B, &Header { message, handles });
    assert_eq!(answer, [reject(B, Violation::UnknownOwner(unknown))]);
    let handles = vec![key; HANDLES_MAX + 1];
    let count = handles.len();
    assert_eq!(
        b.send(C, handles.clone()),
        Err(SendError::TooMany(handles.len()))
    );
    let answer = arrive(&mut a, B, &Header { message, handles });
    assert_eq!(answer, [reject(B, Violation::TooManyHandles(count))]);
    let header = b.send(C, vec![key]).expect("C lives");
    assert_eq!(arrive(&mut c, B, &header).len(), 1);
    let answer = arrive(&mut c, B, &header);
    assert_eq!(answer, [reject(B, Violation::Twice(header.message))]);
    assert_eq!(b.send(B, vec![key]), Err(SendError::NoPeer(B)));
}

#[test]
fn what_travels_comes_back_from_its_encoding() {
    let (_, mut b, key) = lent();
    let header = b.send(C, vec![key]).expect("C lives");
    let text = serde_json::to_string(&header).expect("it can be encoded");
    let again: Header = serde_json::from_str(&text).expect("it can be decoded");
    assert_eq!(again, header);
    for control in [release(key, 3), Control::Settled(B), Control::Fenced] {
        let text = serde_json::to_string(&control).expect("it can be encoded");
        let again: Control = serde_json::from_str(&text).expect("it can be decoded");
        assert_eq!(again, control);
    }
}
