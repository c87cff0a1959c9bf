//! Messages of one turn, more of them than a turn handles.
//!
//! A trustee takes all messages that have come and handles a bounded number of them before it
//! serves its links again. The worker is held inside the first of a batch of messages, so that
//! the others are surely taken already when a request of a client comes in.

use futures::executor::block_on;

use crate::common::{hold, poll_now, runtime, some_turns};

#[test]
fn flood_that_was_taken_at_once_does_not_starve_a_client() {
    let runtime = runtime(2);
    let trust = runtime.trustee(0).entrust(0_u64);
    let (single, opening) = (trust.clone(), trust.clone());
    // The link is there before the flood: the word of a new one takes the way of the messages.
    block_on(runtime.spawn_on(1, move || opening.apply_owned(|_| ()))).unwrap();
    let before = block_on(hold(runtime.trustee(0)));
    let mut first = Box::pin(hold(runtime.trustee(0)));
    assert!(poll_now(&mut first).is_pending());
    (0..FLOOD).for_each(|_| trust.post(|served| *served += 1));
    before.open();
    let key = block_on(first);
    let asking = block_on(runtime.spawn_on(1, move || async move {
        let mut request = single.apply_owned(|served| *served);
        assert!(poll_now(&mut request).is_pending());
        some_turns().await;
        request
    }))
    .unwrap();
    key.open();
    let served_before = block_on(asking);
    assert!(
        served_before < BOUND,
        "{served_before} requests of the flood came first"
    );
}

const FLOOD: u64 = 50_000;

/// More than the messages of two turns.
const BOUND: u64 = 600;
