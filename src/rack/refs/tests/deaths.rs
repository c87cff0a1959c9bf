//! Single cases of nodes that die.

use super::stage::*;
use crate::rack::refs::{Action, Control, Event, ExportError, Handle, SendError};

#[test]
fn owner_dies_while_a_message_waits() {
    let (_, mut b, key) = lent();
    let mut c = refs(C);
    let header = b.send(C, vec![key]).expect("C lives");
    let _register = arrive(&mut c, B, &header);
    assert_eq!(take(&mut c, Event::Died(A)), [Action::Drain(A)]);
    assert_eq!(
        take(&mut c, Event::Drained(A)),
        [
            send(A, Control::Fenced),
            deliver(B, &header, &[Handle::Gone(key)]),
            send(B, Control::Acknowledge(header.message)),
            send(B, Control::Settled(A)),
        ]
    );
    let _drain = hear(&mut b, C, Control::Settled(A));
    let drained = take(&mut b, Event::Drained(A));
    assert!(drained.contains(&Action::Lost(key)), "{drained:?}");
    assert_eq!(take(&mut b, Event::Dropped(key)), []);
}

/// A dead node's message waits at C for the owner's word: until then C has not settled, and the
/// owner keeps what the dead node held.
#[test]
fn holder_dies_with_a_message_on_its_way() {
    let (mut a, mut b, key) = lent();
    let mut c = refs(C);
    let header = b.send(C, vec![key]).expect("C lives");
    assert_eq!(take(&mut a, Event::Dropped(key)), []);
    drop(b);
    let _drain = take(&mut a, Event::Died(B));
    let settled = take(&mut a, Event::Drained(B));
    assert!(settled.contains(&send(C, Control::Settled(B))));
    let _drain = hear(&mut c, A, Control::Settled(B));
    let _register = arrive(&mut c, B, &header);
    assert_eq!(
        take(&mut c, Event::Drained(B)),
        [send(B, Control::Fenced)],
        "the message waits"
    );
    assert_eq!(hear(&mut a, C, Control::Register(key.place)).len(), 1);
    let registered = hear(&mut c, A, Control::Registered(key.place));
    assert_eq!(
        registered,
        [
            deliver(B, &header, &[Handle::Live(key)]),
            send(A, Control::Settled(B))
        ]
    );
    assert_eq!(hear(&mut a, C, Control::Settled(B)), []);
    assert_eq!(a.find(key.place), Ok(&"it"));
}

#[test]
fn wrongly_declared_dead() {
    let (mut a, mut b, key) = lent();
    let _drain = take(&mut a, Event::Died(B));
    let fenced = take(&mut a, Event::Drained(B));
    assert!(fenced.contains(&send(B, Control::Fenced)));
    let header = b.send(A, vec![key]).expect("B knows nothing of it");
    assert_eq!(arrive(&mut a, B, &header), [send(B, Control::Fenced)]);
    assert_eq!(a.send(B, vec![key]), Err(SendError::Dead(B)));
    assert_eq!(hear(&mut b, A, Control::Fenced), [Action::End]);
    assert_eq!(b.send(A, vec![key]), Err(SendError::Ended));
    assert_eq!(b.export("more"), Err(ExportError::Ended));
    assert_eq!(take(&mut b, Event::Dropped(key)), []);
}
