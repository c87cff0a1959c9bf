//! Every world that a scope can come to, nearest first.

use std::collections::{HashSet, VecDeque};

use foldhash::fast::FixedState;

use super::failure::Failure;
use super::scope::Scope;
use super::step::Step;
use super::world::World;

/// What a search has seen.
pub(super) struct Seen {
    pub(super) worlds: usize,
    pub(super) quiet: usize,
    /// The steps of the protocol that led to them, a bit for each.
    pub(super) reached: u64,
}

/// How a world came to fail.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) failure: Failure,
    /// For whoever reads a failed test.
    #[expect(dead_code, reason = "is read by Debug alone")]
    pub(super) steps: Vec<Step>,
}

/// Goes through all of a scope, or to the first failure.
///
/// Worlds are told apart by hashes of 64 bits: of a million worlds one is taken for another and not
/// gone into with a probability of 3 in 100 million.
pub(super) fn search(scope: &Scope) -> Result<Seen, Fault> {
    let start = World::new(scope);
    let mut hashes = HashSet::with_hasher(FixedState::default());
    hashes.insert(start.hash());
    let mut origins: Vec<(usize, Option<Step>)> = vec![(0, None)];
    let mut frontier = VecDeque::from([(0, start)]);
    let (mut quiet, mut reached) = (0, 0);
    while let Some((number, world)) = frontier.pop_front() {
        if world.is_quiet() {
            quiet += 1;
            let judged = world.judge_quiet();
            judged.map_err(|failure| fault(failure, &origins, number))?;
        }
        for step in world.steps(scope.tables) {
            let mut next = world.clone();
            let taken = next.take(&step);
            reached |= next.reached;
            if taken.is_ok() && !hashes.insert(next.hash()) {
                continue;
            }
            let place = origins.len();
            origins.push((number, Some(step)));
            let judged = taken.and_then(|()| next.judge());
            judged.map_err(|failure| fault(failure, &origins, place))?;
            frontier.push_back((place, next));
        }
    }
    let worlds = origins.len();
    Ok(Seen {
        worlds,
        quiet,
        reached,
    })
}

fn fault(failure: Failure, origins: &[(usize, Option<Step>)], mut number: usize) -> Fault {
    let mut steps = Vec::new();
    while let (origin, Some(step)) = &origins[number] {
        steps.push(step.clone());
        number = *origin;
    }
    steps.reverse();
    Fault { failure, steps }
}
