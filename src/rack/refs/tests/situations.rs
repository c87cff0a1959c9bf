//! Single cases of handles on their way.

use super::stage::*;
use crate::rack::refs::{Action, Control, Event, Handle, NotThere, Place, SendError};

/// The owner counts the receiver before the message leaves: nobody waits for anybody.
#[test]
fn sent_by_its_owner() {
    let (mut a, mut b, key) = lent();
    assert_eq!(take(&mut a, Event::Dropped(key)), []);
    let dropped = take(&mut b, Event::Dropped(key));
    assert_eq!(dropped, [send(A, release(key, 1))]);
    let freed = hear(&mut a, B, release(key, 1));
    let property = "it";
    assert_eq!(freed, [Action::Free { key, property }]);
    assert_eq!((a.exported(), b.holding()), (0, 0));
}

#[test]
fn sent_back_to_its_owner() {
    let (mut a, mut b, key) = lent();
    let header = b.send(A, vec![key]).expect("A lives");
    // B stays a holder until A has the handle.
    assert_eq!(take(&mut b, Event::Dropped(key)), []);
    let acknowledge = Control::Acknowledge(header.message);
    assert_eq!(
        arrive(&mut a, B, &header),
        [
            deliver(B, &header, &[Handle::Live(key)]),
            send(B, acknowledge)
        ]
    );
    let released = hear(&mut b, A, acknowledge);
    assert_eq!(released, [send(A, release(key, 1))]);
    assert_eq!(hear(&mut a, B, release(key, 1)), []);
    assert_eq!(a.find(key.place), Ok(&"it"));
}

/// The third node asks the owner before it acknowledges, and before anybody sees the value.
#[test]
fn sent_by_a_third_node() {
    let (mut a, mut b, key) = lent();
    let mut c = refs(C);
    let header = b.send(C, vec![key]).expect("C lives");
    let register = Control::Register(key.place);
    assert_eq!(arrive(&mut c, B, &header), [send(A, register)]);
    let registered = Control::Registered(key.place);
    assert_eq!(hear(&mut a, C, register), [send(C, registered)]);
    let acknowledge = Control::Acknowledge(header.message);
    assert_eq!(
        hear(&mut c, A, registered),
        [
            deliver(B, &header, &[Handle::Live(key)]),
            send(B, acknowledge)
        ]
    );
    // Now C is a holder, and has nothing to ask.
    assert_eq!(hear(&mut b, C, acknowledge), []);
    let header = b.send(C, vec![key]).expect("C lives");
    assert_eq!(
        arrive(&mut c, B, &header),
        [
            deliver(B, &header, &[Handle::Live(key)]),
            send(B, Control::Acknowledge(header.message))
        ]
    );
}

#[test]
fn same_handle_twice_in_a_message() {
    let (mut a, mut b, key) = lent();
    let mut c = refs(C);
    let header = b.send(C, vec![key, key]).expect("C lives");
    let register = Control::Register(key.place);
    assert_eq!(arrive(&mut c, B, &header), [send(A, register)]);
    let registered = Control::Registered(key.place);
    assert_eq!(hear(&mut a, C, register), [send(C, registered)]);
    let delivered = hear(&mut c, A, registered);
    let both = [Handle::Live(key), Handle::Live(key)];
    assert_eq!(delivered[0], deliver(B, &header, &both));
    assert_eq!(take(&mut c, Event::Dropped(key)), []);
    let last = take(&mut c, Event::Dropped(key));
    assert_eq!(last, [send(A, release(key, 1))]);
}

/// Two messages wait for one registration.
#[test]
fn two_messages_with_the_same_handle() {
    let (_, mut b, key) = lent();
    let mut c = refs(C);
    let first = b.send(C, vec![key]).expect("C lives");
    let second = b.send(C, vec![key]).expect("C lives");
    let register = Control::Register(key.place);
    assert_eq!(arrive(&mut c, B, &first), [send(A, register)]);
    assert_eq!(arrive(&mut c, B, &second), []);
    assert_eq!(c.waiting(), (2, 0));
    let delivered = hear(&mut c, A, Control::Registered(key.place));
    assert_eq!(delivered.len(), 4);
    assert_eq!(c.waiting(), (0, 0));
}

/// The message stays away from user code; its handles go as any others do.
#[test]
fn message_dropped_undelivered() {
    let (mut a, mut b, key) = lent();
    let header = a.send(B, vec![key]).expect("B lives");
    let _delivered_and_not_decoded = arrive(&mut b, A, &header);
    assert_eq!(take(&mut b, Event::Dropped(key)), []);
    let last = take(&mut b, Event::Dropped(key));
    assert_eq!(last, [send(A, release(key, 2))]);
}

#[test]
fn message_that_never_leaves() {
    let (mut a, mut b, key) = lent();
    let to = C;
    let header = a.send(to, vec![key]).expect("C lives");
    assert_eq!(take(&mut a, Event::Unsent { to, header }), []);
    let header = b.send(to, vec![key]).expect("C lives");
    assert_eq!(take(&mut b, Event::Dropped(key)), []);
    let unsent = take(&mut b, Event::Unsent { to, header });
    assert_eq!(unsent, [send(A, release(key, 1))]);
    assert_eq!(take(&mut a, Event::Dropped(key)), []);
    assert_eq!(hear(&mut a, B, release(key, 1)).len(), 1);
    assert_eq!((a.exported(), b.holding(), b.waiting()), (0, 0, (0, 0)));
}

/// A release gives back what has come: what is on its way keeps the node a holder.
#[test]
fn release_crosses_a_grant() {
    let (mut a, mut b, key) = lent();
    let header = a.send(B, vec![key]).expect("B lives");
    assert_eq!(take(&mut a, Event::Dropped(key)), []);
    let released = take(&mut b, Event::Dropped(key));
    assert_eq!(released, [send(A, release(key, 1))]);
    assert_eq!(hear(&mut a, B, release(key, 1)), []);
    assert_eq!(arrive(&mut b, A, &header).len(), 1);
    assert_eq!(a.find(key.place), Ok(&"it"));
    let released = take(&mut b, Event::Dropped(key));
    assert_eq!(released, [send(A, release(key, 1))]);
    assert_eq!(hear(&mut a, B, release(key, 1)).len(), 1);
}

/// What the owner itself sends is its word, before it answers.
#[test]
fn grant_overtakes_the_answer() {
    let (mut a, mut b, key) = lent();
    let mut c = refs(C);
    let asked = b.send(C, vec![key]).expect("C lives");
    let granted = a.send(C, vec![key]).expect("C lives");
    assert_eq!(
        arrive(&mut c, B, &asked),
        [send(A, Control::Register(key.place))]
    );
    let delivered = arrive(&mut c, A, &granted);
    assert_eq!(delivered[0], deliver(A, &granted, &[Handle::Live(key)]));
    assert_eq!(delivered[1], deliver(B, &asked, &[Handle::Live(key)]));
    assert_eq!(take(&mut c, Event::Dropped(key)), []);
    // The answer is still to come, and its grant goes back with the other.
    assert_eq!(take(&mut c, Event::Dropped(key)), []);
    let answered = hear(&mut c, A, Control::Registered(key.place));
    assert_eq!(answered, [send(A, release(key, 2))]);
}

#[test]
fn index_is_used_again() {
    let mut a = refs(A);
    let first = a.export("first").expect("there is room");
    assert_eq!(take(&mut a, Event::Dropped(first)).len(), 1);
    let second = a.export("second").expect("there is room");
    assert_eq!(second.place.index, first.place.index);
    assert_eq!(a.find(first.place), Err(NotThere::Freed(first.place)));
    assert_eq!(a.find(second.place), Ok(&"second"));
    let Place { index, generation } = second.place;
    for (index, generation) in [(index, generation + 1), (index + 1, 0)] {
        let place = Place { index, generation };
        assert_eq!(a.find(place), Err(NotThere::NeverExported(place)));
    }
}

/// Who asks for what is not there is told so, and user code gets a handle that leads nowhere.
#[test]
fn stale_name_is_registered() {
    let (mut a, mut b, key) = lent();
    let mut c = refs(C);
    let header = b.send(C, vec![key]).expect("C lives");
    let register = arrive(&mut c, B, &header);
    let _ = (
        take(&mut a, Event::Dropped(key)),
        hear(&mut a, B, release(key, 1)),
    );
    let next = a.export("next").expect("there is room");
    assert_eq!(next.place.index, key.place.index);
    assert_eq!(register, [send(A, Control::Register(key.place))]);
    let gone = hear(&mut a, C, Control::Register(key.place));
    assert_eq!(gone, [send(C, Control::Gone(key.place))]);
    let delivered = hear(&mut c, A, Control::Gone(key.place));
    assert_eq!(delivered[0], deliver(B, &header, &[Handle::Gone(key)]));
    assert_eq!(c.holding(), 0);
    assert_eq!(c.send(B, vec![key]), Err(SendError::NoHandle(key)));
}
