//! The names of the steps.

use crate::rack::refs::{Failpoint, Step};

#[test]
fn failpoints_have_names() {
    let count = Failpoint::all().count();
    assert_eq!(count, 2 * Step::ALL.len());
    for failpoint in Failpoint::all() {
        assert_eq!(Failpoint::named(&failpoint.name()), Some(failpoint));
    }
    assert_eq!(Failpoint::named("before-nothing"), None);
}
