//! Over channels that are slow, refuse, and come in any order among each other, every request is
//! answered once, in the order of its link, whatever the sizes.

use gossamer_transport::rack::Geometry;
use gossamer_transport::rack::simulated::Faults;
use proptest::prelude::*;

use crate::world::{Plan, World};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn all_answered_in_order(
        seed: u64,
        depth in 0_u32..4,
        pieces in 0_u32..3,
        busy in prop_oneof![Just(0_u16), 0..500_u16],
        delay in 0_u16..500,
        common_bytes in 0_usize..600,
        rare_bytes in prop_oneof![Just(0_usize), 900..1100_usize, 0..300_000_usize],
        (nodes, workers) in prop_oneof![Just((2, 1)), Just((2, 2)), Just((3, 2))],
    ) {
        let plan = Plan {
            seed,
            nodes,
            workers,
            geometry: Geometry { depth: 1 << depth, pieces: 1 << pieces },
            faults: Faults { busy, delay, ..Faults::default() },
            requests: 150,
            common_bytes,
            rare_bytes,
        };
        let outcome = World::new(plan).run();
        let links = u64::from(nodes * workers) * u64::from((nodes - 1) * workers);
        prop_assert_eq!(outcome.answered, links * plan.requests, "seed {}", seed);
        prop_assert_eq!(outcome.not_sent + outcome.unknown, 0);
        prop_assert!(outcome.ended.is_empty() && outcome.wire_errors.is_empty());
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
