//! Single cases, by name.

use crate::rack::refs::{
    Action, Control, Envelope, Event, Failpoint, HANDLES_MAX, Handle, Header, Key, Message, Moment,
    Node, NotThere, Place, Refs, SendError, Step, Violation, perform,
};

const A: Node = node(0);
const B: Node = node(1);
const C: Node = node(2);
const STRANGER: Node = node(9);

const fn node(number: u32) -> Node {
    Node {
        number,
        incarnation: 7,
    }
}

fn refs(me: Node) -> Refs<&'static str> {
    Refs::new(me, [A, B, C])
}

fn take(refs: &mut Refs<&'static str>, event: Event) -> Vec<Action<&'static str>> {
    let mut actions = Vec::new();
    refs.handle(event, &mut actions);
    actions
}

fn arrive(refs: &mut Refs<&'static str>, from: Node, header: &Header) -> Vec<Action<&'static str>> {
    let header = header.clone();
    take(refs, Event::Arrived { from, header })
}

fn hear(refs: &mut Refs<&'static str>, from: Node, control: Control) -> Vec<Action<&'static str>> {
    take(refs, Event::Control { from, control })
}

fn deliver(from: Node, header: &Header, handles: &[Handle]) -> Action<&'static str> {
    Action::Deliver {
        envelope: Envelope {
            from,
            message: header.message,
        },
        handles: handles.to_vec(),
    }
}

fn send(to: Node, control: Control) -> Action<&'static str> {
    Action::Send { to, control }
}

fn reject(node: Node, violation: Violation) -> Action<&'static str> {
    Action::Reject { node, violation }
}

/// A's property, of which B has a handle.
fn lent() -> (Refs<&'static str>, Refs<&'static str>, Key) {
    let (mut a, mut b) = (refs(A), refs(B));
    let key = a.export("it").expect("there is room");
    let header = a.send(B, vec![key]).expect("B lives");
    let actions = arrive(&mut b, A, &header);
    assert_eq!(actions, [deliver(A, &header, &[Handle::Live(key)])]);
    (a, b, key)
}

fn release(key: Key, grants: u64) -> Control {
    let place = key.place;
    Control::Release { place, grants }
}

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
    assert!(b.export("more").is_err());
    assert_eq!(take(&mut b, Event::Dropped(key)), []);
}

#[test]
fn nonsense_is_rejected_and_changes_nothing() {
    let (mut a, _, key) = lent();
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
    // C has nothing to give back.
    let control = release(key, 1);
    let answer = hear(&mut a, C, control);
    assert_eq!(answer, [reject(C, Violation::Unfounded(control))]);
    let answer = hear(&mut a, B, Control::Settled(STRANGER));
    assert_eq!(answer, [reject(B, Violation::UnknownNode(STRANGER))]);
    let answer = hear(&mut a, STRANGER, Control::Register(place));
    assert_eq!(answer, [reject(STRANGER, Violation::Stranger)]);
    assert_eq!(hear(&mut a, STRANGER, Control::Fenced).len(), 1);
    assert!(a.is_open(B) && !a.is_open(STRANGER));
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

#[test]
fn failpoints_have_names() {
    let count = Failpoint::all().count();
    assert_eq!(count, 2 * Step::ALL.len());
    for failpoint in Failpoint::all() {
        assert_eq!(Failpoint::named(&failpoint.name()), Some(failpoint));
    }
    assert_eq!(Failpoint::named("before-nothing"), None);
}

#[test]
fn failpoints_stand_around_each_action() {
    let (mut a, mut b, key) = lent();
    let header = b.send(A, vec![key]).expect("A lives");
    let mut reached = Vec::new();
    let mut carried_out = 0;
    let actions = arrive(&mut a, B, &header);
    perform(
        actions,
        |failpoint| reached.push(failpoint.name()),
        |_| carried_out += 1,
    );
    assert_eq!(carried_out, 2);
    assert_eq!(
        reached,
        [
            "before-deliver",
            "after-deliver",
            "before-send-acknowledge",
            "after-send-acknowledge"
        ]
    );
    assert_eq!(Moment::Before.of(Step::Transmit).name(), "before-transmit");
}
