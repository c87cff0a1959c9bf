//! Both ends in one process, on one device, and at the two ends of a cable.

use gossamer_transport::rack::rdma::SIGNAL_EVERY;
use gossamer_transport::rack::simulated::Random;

use crate::rig::{ADDRESS, CABLE, Links, PATIENCE, Turn, bytes, connect};

/// Both ask and answer until both have all answers; returns how many WRITEs that took.
fn run(addresses: [[u8; 4]; 2], requests: u64, payload: impl Fn(u64) -> Vec<u8>) -> u64 {
    let mut both = connect(addresses, SIGNAL_EVERY, PATIENCE).map(Links::new);
    while both.iter().any(|links| links.answered < requests) {
        for links in &mut both {
            links.turn(requests, &payload);
            let failure = links.end.channel.failure();
            assert!(failure.is_none(), "{failure:?}");
        }
    }
    both.iter_mut().for_each(Links::settle);
    both.iter()
        .map(|links| links.end.channel.signals().writes)
        .sum()
}

/// Slots of random sizes both ways, each with one request or result.
#[test]
fn a_hundred_thousand_slots() {
    let Some(_turn) = Turn::wait() else { return };
    // More than half of a slot, so that no two share one.
    let size = |number: u64| 520 + Random::new(number).below(400);
    let writes = run([ADDRESS; 2], 25_000, |number| bytes(number, size(number)));
    assert!(writes >= 100_000, "{writes} WRITEs");
}

#[test]
fn small_ones_and_some_in_pieces() {
    let Some(_turn) = Turn::wait() else { return };
    let payload = |number| {
        let mut random = Random::new(number);
        let count = match random.below(100) {
            0 => random.below(200_000),
            _ => random.below(100),
        };
        bytes(number, count)
    };
    run([ADDRESS; 2], 5_000, payload);
    run(CABLE, 5_000, payload);
}

#[test]
fn of_64_mebibytes() {
    let Some(_turn) = Turn::wait() else { return };
    run([ADDRESS; 2], 2, |number| bytes(number, 64 << 20));
}
