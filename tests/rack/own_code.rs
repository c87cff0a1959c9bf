//! Values whose own code panics on their way: small ones and large ones, in every kind of call.

use gossamer::rack::{self, CallError, Trust};
use serde::{Deserialize, Deserializer, Serialize};

use super::nodes::{Nodes, on};

/// Bytes that cannot be read without a panic.
#[derive(Serialize)]
struct Unreadable(Vec<u8>);

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes: Vec<u8> = Deserialize::deserialize(from)?;
        panic!("{} bytes have come", bytes.len())
    }
}

/// Bytes whose drop panics where they were made.
#[derive(Serialize, Deserialize)]
struct Undroppable {
    bytes: Vec<u8>,
    #[serde(skip)]
    _made: MadeHere,
}

impl Undroppable {
    fn of(size: usize) -> Self {
        Self {
            bytes: vec![7; size],
            _made: MadeHere(true),
        }
    }
}

#[derive(Default)]
struct MadeHere(bool);

impl Drop for MadeHere {
    fn drop(&mut self) {
        assert!(!self.0, "dropped where it was made");
    }
}

const SIZES: [usize; 2] = [8, 600 << 10];

#[test]
fn result_that_is_read_with_a_panic() {
    fn check(outcome: Result<Unreadable, CallError>) {
        let error = outcome.err().expect("it cannot be read");
        assert!(matches!(error, CallError::Result { .. }), "{error:?}");
    }
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let plain = rack::entrust_on(on(1), |_: ()| (), ()).await;
        let latched = rack::entrust_latched_on(on(1), |_: ()| (), ()).await;
        for size in SIZES {
            let made = |_: &mut (), size: usize| Unreadable(vec![7; size]);
            check(plain.try_apply_with(made, size).await);
            check(latched.try_apply_with(made, size).await);
            let launched = async |_: &mut (), size: usize| Unreadable(vec![7; size]);
            check(latched.try_launch_with(launched, size).await);
            let spawned = async |size: usize| Unreadable(vec![7; size]);
            check(rack::spawn_on(3, spawned, size).await);
        }
        still_serves(&plain).await;
    });
}

#[test]
fn result_that_is_dropped_with_a_panic_has_come() {
    fn check(outcome: Result<Undroppable, CallError>, size: usize) {
        let bytes = outcome.map(|value| value.bytes.len());
        assert_eq!(bytes.expect("it was encoded"), size);
    }
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let plain = rack::entrust_on(on(1), |_: ()| (), ()).await;
        let latched = rack::entrust_latched_on(on(1), |_: ()| (), ()).await;
        for size in SIZES {
            let made = |_: &mut (), size: usize| Undroppable::of(size);
            check(plain.try_apply_with(made, size).await, size);
            check(latched.try_apply_with(made, size).await, size);
            let launched = async |_: &mut (), size: usize| Undroppable::of(size);
            check(latched.try_launch_with(launched, size).await, size);
            let spawned = async |size: usize| Undroppable::of(size);
            check(rack::spawn_on(3, spawned, size).await, size);
        }
        still_serves(&plain).await;
    });
}

#[test]
fn arguments_that_are_dropped_with_a_panic_have_gone_out() {
    fn check(outcome: Result<usize, CallError>, size: usize) {
        assert_eq!(outcome.expect("they were encoded"), size);
    }
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let plain = rack::entrust_on(on(1), |_: ()| (), ()).await;
        let latched = rack::entrust_latched_on(on(1), |_: ()| (), ()).await;
        for size in SIZES {
            let made = || Undroppable::of(size);
            let count = |_: &mut (), value: Undroppable| value.bytes.len();
            check(plain.try_apply_with(count, made()).await, size);
            check(latched.try_apply_with(count, made()).await, size);
            let launched = async |_: &mut (), value: Undroppable| value.bytes.len();
            check(latched.try_launch_with(launched, made()).await, size);
            let spawned = async |value: Undroppable| value.bytes.len();
            check(rack::spawn_on(3, spawned, made()).await, size);
        }
        still_serves(&plain).await;
    });
}

async fn still_serves(trust: &Trust<()>) {
    assert_eq!(trust.apply(|_| 7).await, 7);
}
