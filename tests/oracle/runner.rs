//! The runner: one program after another, each from a seed of its own.

use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::panic::catch_unwind;
use std::str::FromStr;
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::program::{Program, programs};
use crate::{conductor, coverage, race};

/// Runs as many programs as the environment says, those in turns beside those in a race.
pub(crate) fn run() {
    hush_expected_panics();
    let count = from_env("GOSSAMER_ORACLE_PROGRAMS").unwrap_or(PROGRAMS);
    let seed = from_env("GOSSAMER_ORACLE_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let mode: Option<String> = from_env("GOSSAMER_ORACLE_MODE");
    eprintln!("{count} programs from seed {seed}");
    let start = Instant::now();
    let in_turns = if mode.as_deref() == Some("race") {
        0
    } else {
        count.div_ceil(2)
    };
    let in_race = if mode.as_deref() == Some("turns") {
        0
    } else {
        count - in_turns
    };
    let in_turns = count - in_race;
    let failures: Vec<String> = std::thread::scope(|scope| {
        let turns = scope
            .spawn(move || (0..in_turns).find_map(|n| play_in_turns(seed.wrapping_add(n)).err()));
        let races =
            scope.spawn(move || (0..in_race).find_map(|n| play_a_race(seed.wrapping_add(n)).err()));
        [turns, races]
            .into_iter()
            .filter_map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    eprintln!("in {:.1?}:\n{}", start.elapsed(), coverage::table());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    if mode.is_none() {
        let least = count
            / if count < MANY {
                3 * PROGRAMS_PER_CASE
            } else {
                PROGRAMS_PER_CASE
            };
        let missed = coverage::missed(least);
        assert!(
            missed.is_empty(),
            "reached less than {least} times: {missed:?}"
        );
    }
}

/// Runs some programs in turns, each twice.
pub(crate) fn repeat() {
    hush_expected_panics();
    for seed in 0..REPEATED {
        let program = tree(seed).current();
        // Once the shutdown has begun, the workers go on by themselves.
        if program.may_fall_quiet() {
            let [first, second] = ["", ""].map(|label| conductor::run(&program, label));
            assert_eq!(first, second, "from seed {seed}:\n{program:?}");
        }
    }
}

/// A program in turns; one that fails is made as small as it can be.
fn play_in_turns(seed: u64) -> Result<(), String> {
    let mut tree = tree(seed);
    let label = format!("in turns from seed {seed}");
    let Err(mut why) = conductor::run(&tree.current(), &label) else {
        return Ok(());
    };
    let mut smallest = tree.current();
    let start = Instant::now();
    while start.elapsed() < SIMPLIFIES_FOR {
        let program = tree.current();
        let goes_on = match catch_unwind(|| conductor::run(&program, "")) {
            Ok(Ok(_)) => tree.complicate(),
            Ok(Err(error)) => {
                (smallest, why) = (program, error);
                tree.simplify()
            }
            // What it leaks may be what the next runtime lacks.
            Err(_) => false,
        };
        if !goes_on {
            break;
        }
    }
    Err(failure(&label, &smallest, &why))
}

fn play_a_race(seed: u64) -> Result<(), String> {
    let program = tree(seed).current();
    let label = format!("in a race from seed {seed}");
    race::run(&program, &label).map_err(|why| failure(&label, &program, &why))
}

fn failure(label: &str, program: &Program, why: &str) -> String {
    format!("{label}:\n{program:?}{why}\n")
}

fn tree(seed: u64) -> impl ValueTree<Value = Program> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, random);
    programs()
        .new_tree(&mut runner)
        .expect("nothing is filtered out")
}

/// The one panic of the library's own that programs meet, by the thousand.
fn hush_expected_panics() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<String>();
        if !text.is_some_and(|text| text.contains("has shut down")) {
            hook(info);
        }
    }));
}

fn from_env<T: FromStr<Err: Debug>>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{variable}={text}: {error:?}")),
    )
}

/// How many programs, if the environment does not say.
const PROGRAMS: u64 = 500;

/// In so many programs each situation is reached once on average, and more often than that; in
/// few programs chance has a say.
const PROGRAMS_PER_CASE: u64 = 100;
const MANY: u64 = 10_000;

/// How many programs are run twice.
const REPEATED: u64 = 30;

/// How long a program that failed is made smaller.
const SIMPLIFIES_FOR: Duration = Duration::from_secs(30);
