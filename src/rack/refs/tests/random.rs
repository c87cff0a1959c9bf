//! Random programs over four nodes, some of which die, against what the world knows of the
//! handles that its users have.
//!
//! A program is a list of choices among what may happen next, so that it can be shortened when it
//! fails. What nobody chooses in the end happens by itself, until all is quiet.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::failure::Failure;
use super::scope::{Budget, Scope};
use super::step::Step;
use super::world::World;
use crate::rack::refs as protocol;

const NODES: usize = 4;
const TABLES: &[&[usize]] = &[
    &[0],
    &[1],
    &[2],
    &[3],
    &[0, 1],
    &[2, 2],
    &[1, 0, 3, 0],
    &[4, 5],
];

#[derive(Clone, Debug)]
struct Program {
    budget: Budget,
    choices: Vec<u16>,
}

fn program() -> impl Strategy<Value = Program> {
    let deaths = (0..=2_u8).prop_flat_map(|deaths| (Just(deaths), 0..=deaths));
    (deaths, vec(any::<u16>(), 0..STEPS_MAX)).prop_map(|((deaths, mistakes), choices)| {
        let budget = Budget {
            sends: 40,
            clones: 10,
            unsent: 6,
            deaths,
            mistakes,
            exports: 3,
        };
        Program { budget, choices }
    })
}

fn run(program: &Program) -> Result<World, (Failure, Vec<Step>)> {
    let scope = Scope {
        nodes: NODES,
        owners: &[0, 1, 2],
        tables: TABLES,
        budget: program.budget,
        without: None,
    };
    let mut world = World::new(&scope);
    let mut taken = Vec::new();
    for &choice in &program.choices {
        let mut steps = Vec::new();
        world.steps_of_protocol(&mut steps);
        // Two choices in three are of users and fate, or nobody would get a handle far.
        if !choice.is_multiple_of(3) || steps.is_empty() {
            steps = world.steps(TABLES);
            steps.retain(|step| is_likely(step, choice));
        }
        if !steps.is_empty() {
            let step = steps.swap_remove(usize::from(choice / 3) % steps.len());
            advance(&mut world, step, &mut taken)?;
        }
    }
    settle(&mut world, &mut taken)?;
    Ok(world)
}

/// Of what is rare in life one choice in eight may be.
fn is_likely(step: &Step, choice: u16) -> bool {
    let is_rare = matches!(
        step,
        Step::Crash { .. } | Step::Mistake { .. } | Step::Unsend { .. } | Step::Export { .. }
    );
    !is_rare || choice.is_multiple_of(8)
}

fn settle(world: &mut World, taken: &mut Vec<Step>) -> Result<(), (Failure, Vec<Step>)> {
    loop {
        let mut steps = Vec::new();
        world.steps_of_protocol(&mut steps);
        let Some(step) = steps.pop() else {
            break;
        };
        advance(world, step, taken)?;
    }
    let judged = world.judge_quiet();
    judged.map_err(|failure| (failure, taken.clone()))
}

fn advance(
    world: &mut World,
    step: Step,
    taken: &mut Vec<Step>,
) -> Result<(), (Failure, Vec<Step>)> {
    let outcome = world.take(&step).and_then(|()| world.judge());
    taken.push(step);
    outcome.map_err(|failure| (failure, taken.clone()))
}

/// Drops every handle that anybody has: then nothing may be left.
fn drop_all(world: &mut World) -> Result<(), (Failure, Vec<Step>)> {
    let mut taken = Vec::new();
    for node in 0..NODES {
        for property in 0..world.keys.len() {
            while world.hands[node][property] > 0 {
                advance(world, Step::Drop { node, property }, &mut taken)?;
            }
        }
    }
    settle(world, &mut taken)
}

proptest! {
    // As many as `PROPTEST_CASES` says, else 256.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_end_with_nothing_lost_or_left(program in program()) {
        let outcome = run(&program);
        prop_assert!(outcome.is_ok(), "{:#?}", outcome.err());
        let mut world = outcome.map_err(|(failure, _)| failure).expect("it is ok");
        let dropped = drop_all(&mut world);
        prop_assert!(dropped.is_ok(), "{:#?}", dropped.err());
        for (_, refs) in world.alive() {
            prop_assert_eq!((refs.exported(), refs.holding(), refs.waiting()), (0, 0, (0, 0)));
        }
    }
}

/// The same programs each time come to every step of the protocol that a correct node comes to,
/// but that an owner has let a property go when it is asked: that takes a mistaken death at one
/// instant, as `model` has it.
#[test]
fn random_programs_go_far() {
    let mut runner = TestRunner::deterministic();
    let mut reached = 0;
    for _ in 0..PROGRAMS {
        let program = program().new_tree(&mut runner);
        let program = program.expect("nothing is filtered").current();
        let world = run(&program).map_err(|(failure, _)| failure);
        reached |= world.expect("no program fails").reached;
    }
    let is_missing = |step: &protocol::Step| reached & 1 << *step as u32 == 0;
    let missing = protocol::Step::ALL.iter().copied();
    let missing: Vec<_> = missing.filter(is_missing).collect();
    let rare = [protocol::Step::TakeGone, protocol::Step::SendGone];
    let outside = [protocol::Step::Transmit, protocol::Step::Reject];
    let is_expected = |step: &protocol::Step| rare.contains(step) || outside.contains(step);
    assert!(missing.iter().all(is_expected), "{missing:?}");
}

const PROGRAMS: usize = 300;
const STEPS_MAX: usize = 200;
