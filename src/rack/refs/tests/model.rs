//! Every interleaving of small worlds: nothing is let go too early, and nothing leaks.
//!
//! Packets arrive in any order. A process ends at any step, also while others get over the end of
//! one; of what it has sent, any part arrives. Each test prints how many worlds it has seen.

use super::scope::{Budget, Scope};
use super::search::search;
use super::world::World;
use crate::rack::refs::Step;

/// Goes through a scope; returns the steps of the protocol that were reached, a bit for each.
#[track_caller]
fn holds(name: &str, scope: &Scope) -> u64 {
    match search(scope) {
        Ok(seen) => {
            println!("{name}: {} worlds, {} quiet", seen.worlds, seen.quiet);
            seen.reached
        }
        Err(fault) => panic!("{name}: {fault:#?}"),
    }
}

/// Three nodes and a property of the first.
pub(super) fn scope(sends: u8, deaths: u8, mistakes: u8) -> Scope {
    Scope {
        nodes: 3,
        owners: &[0],
        tables: &[&[0]],
        budget: Budget {
            sends,
            deaths,
            mistakes,
            ..Budget::NONE
        },
        without: None,
    }
}

/// Two properties, alone, together and twice in a message.
fn scope_of_two(owners: &'static [usize], sends: u8, deaths: u8) -> Scope {
    Scope {
        owners,
        tables: &[&[0], &[1], &[0, 1], &[0, 0]],
        ..scope(sends, deaths, 0)
    }
}

#[test]
fn nobody_dies() {
    holds("four messages", &scope(4, 0, 0));
}

#[test]
fn a_node_dies_or_is_declared_dead() {
    holds("three messages, a death", &scope(3, 1, 1));
}

#[test]
fn two_nodes_die() {
    holds("three messages, two crashes", &scope(3, 2, 0));
}

#[test]
fn two_nodes_die_or_are_declared_dead() {
    holds("a message, two mistakes", &scope(1, 2, 2));
    holds("two messages, a crash and a mistake", &scope(2, 2, 1));
}

#[test]
fn two_properties_of_two_nodes() {
    let owners = &[0, 1];
    holds("three of two owners", &scope_of_two(owners, 3, 0));
    holds(
        "two of two owners, two crashes",
        &scope_of_two(owners, 2, 2),
    );
}

#[test]
fn two_properties_of_one_node() {
    let owners = &[0, 0];
    holds("two of one owner, a crash", &scope_of_two(owners, 2, 1));
}

#[test]
fn four_nodes() {
    let nodes = 4;
    let scope = Scope {
        nodes,
        ..scope(2, 1, 0)
    };
    holds("two messages among four, a crash", &scope);
}

/// With messages that never leave and clones; such a scope has every step of the protocol but
/// those of the caller, and that of a peer that says nonsense.
#[test]
fn messages_that_never_leave() {
    let mut scope = scope(2, 1, 1);
    scope.budget.unsent = 2;
    scope.budget.clones = 1;
    let reached = holds("two messages given up, a clone, a death", &scope);
    for step in Step::ALL {
        let is_outside = matches!(step, Step::Transmit | Step::Reject);
        let is_reached = reached & 1 << *step as u32 != 0;
        assert_ne!(is_reached, is_outside, "{}", step.name());
    }
}

/// `cargo test --release -p gossamer --lib rack::refs -- --ignored --nocapture`
#[test]
#[ignore = "half a minute of a release build"]
fn larger_worlds() {
    holds("four messages, a death", &scope(4, 1, 1));
    holds("two messages, two mistakes", &scope(2, 2, 2));
    holds("three messages, a crash and a mistake", &scope(3, 2, 1));
    holds("three of two owners, a crash", &scope_of_two(&[0, 1], 3, 1));
    let nodes = 4;
    let scope = Scope {
        nodes,
        ..scope(2, 2, 0)
    };
    holds("two messages among four, two crashes", &scope);
}

/// The judge sees a property that is let go under its handle.
#[test]
fn judge_sees_a_wild_handle() {
    let mut world = World::new(&scope(0, 0, 0));
    assert_eq!(world.judge(), Ok(()));
    world.hands[1][0] += 1;
    assert!(world.judge().is_err());
}
