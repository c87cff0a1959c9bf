//! Over channels that damage, repeat, and end, whatever is delivered is what was sent, in order and
//! once, and what is not ends in a typed way. Of a peer that lies nothing is promised but that.

use gossamer_transport::rack::Geometry;
use gossamer_transport::rack::simulated::{End, Faults};
use proptest::prelude::*;

use crate::world::{Outcome, Plan, World};

proptest! {
    #![proptest_config(config())]

    /// Damage on the way is found, each time: by the checksums, or by the count of frames.
    #[test]
    fn damage_is_found(
        seed: u64,
        flip in 0_u16..30,
        truncate in 0_u16..30,
        replay in 0_u16..30,
        rare_bytes in 0..100_000_usize,
    ) {
        let faults = Faults { busy: 100, delay: 100, flip, truncate, replay, ..Faults::default() };
        let outcome = run(seed, faults, (COMMON_BYTES, rare_bytes));
        prop_assert!(outcome.wire_errors.is_empty(), "{:?}", outcome.wire_errors);
        let found = outcome.ended.iter().filter(|end| matches!(end, End::Damaged(_))).count();
        // A truncation is found by what comes next, and may take all of a channel's last frame.
        let is_found = found > 0 || truncate > 0 && !outcome.ended.is_empty();
        prop_assert_eq!(is_found, outcome.damaged > 0);
        prop_assert_eq!(all_of(&outcome), outcome.issued);
        prop_assert!(is_found || outcome.answered == LINKS * REQUESTS);
    }

    /// Connections end.
    #[test]
    fn cut(seed: u64, cut in 1_u16..30, rare_bytes in 0..100_000_usize) {
        let faults = Faults { busy: 100, delay: 100, cut, ..Faults::default() };
        let outcome = run(seed, faults, (COMMON_BYTES, rare_bytes));
        prop_assert!(outcome.wire_errors.is_empty());
        prop_assert_eq!(all_of(&outcome), outcome.issued);
        prop_assert!(!outcome.ended.is_empty() || outcome.answered == LINKS * REQUESTS);
    }

    /// A peer that lies: images, pieces and credit that pass the checksums.
    #[test]
    fn forged(
        seed: u64,
        forge in 1_u16..100,
        common_bytes in prop::sample::select(&[0, COMMON_BYTES][..]),
        rare_bytes in 0..100_000_usize,
    ) {
        let faults = Faults { busy: 100, delay: 100, forge, ..Faults::default() };
        let outcome = run(seed, faults, (common_bytes, rare_bytes));
        prop_assert_eq!(all_of(&outcome), outcome.issued);
    }
}

fn run(seed: u64, faults: Faults, (common_bytes, rare_bytes): (usize, usize)) -> Outcome {
    World::new(Plan {
        seed,
        nodes: 3,
        workers: 2,
        geometry: Geometry {
            depth: 4,
            pieces: 2,
        },
        faults,
        requests: REQUESTS,
        common_bytes,
        rare_bytes,
    })
    .run()
}

fn all_of(outcome: &Outcome) -> u64 {
    outcome.answered + outcome.not_sent + outcome.unknown
}

const LINKS: u64 = 6 * 4;
const REQUESTS: u64 = 100;
/// The longest payload that is common.
const COMMON_BYTES: usize = 60;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
