//! The names of the steps.

use super::stage::*;
use crate::rack::refs::{Failpoint, Moment, Step, perform};

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
