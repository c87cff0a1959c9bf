//! Three nodes by name, and what tests say to them.

use crate::rack::refs::{
    Action, Control, Envelope, Event, Handle, Header, Key, Node, Refs, Violation,
};

pub(super) const A: Node = node(0);
pub(super) const B: Node = node(1);
pub(super) const C: Node = node(2);
pub(super) const STRANGER: Node = node(9);

pub(super) const fn node(number: u32) -> Node {
    Node {
        number,
        incarnation: 7,
    }
}

pub(super) fn refs(me: Node) -> Refs<&'static str> {
    Refs::new(me, [A, B, C])
}

pub(super) fn take(refs: &mut Refs<&'static str>, event: Event) -> Vec<Action<&'static str>> {
    let mut actions = Vec::new();
    refs.handle(event, &mut actions);
    actions
}

pub(super) fn arrive(
    refs: &mut Refs<&'static str>,
    from: Node,
    header: &Header,
) -> Vec<Action<&'static str>> {
    let header = header.clone();
    take(refs, Event::Arrived { from, header })
}

pub(super) fn hear(
    refs: &mut Refs<&'static str>,
    from: Node,
    control: Control,
) -> Vec<Action<&'static str>> {
    take(refs, Event::Control { from, control })
}

pub(super) fn deliver(from: Node, header: &Header, handles: &[Handle]) -> Action<&'static str> {
    Action::Deliver {
        envelope: Envelope {
            from,
            message: header.message,
        },
        handles: handles.to_vec(),
    }
}

pub(super) fn send(to: Node, control: Control) -> Action<&'static str> {
    Action::Send { to, control }
}

pub(super) fn reject(node: Node, violation: Violation) -> Action<&'static str> {
    Action::Reject { node, violation }
}

/// A's property, of which B has a handle.
pub(super) fn lent() -> (Refs<&'static str>, Refs<&'static str>, Key) {
    let (mut a, mut b) = (refs(A), refs(B));
    let key = a.export("it").expect("there is room");
    let header = a.send(B, vec![key]).expect("B lives");
    let actions = arrive(&mut b, A, &header);
    assert_eq!(actions, [deliver(A, &header, &[Handle::Live(key)])]);
    (a, b, key)
}

pub(super) fn release(key: Key, grants: u64) -> Control {
    let place = key.place;
    Control::Release { place, grants }
}
