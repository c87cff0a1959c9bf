//! The runner: one program after another, each from a seed of its own.

use std::fmt::{Debug, Display};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
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
    let in_turns = match mode.as_deref() {
        None => count.div_ceil(2),
        Some("turns") => count,
        Some("race") => 0,
        Some(other) => panic!("GOSSAMER_ORACLE_MODE={other}: must be turns or race"),
    };
    say(format_args!("{count} programs from seed {seed}"));
    let start = Instant::now();
    let seed_of = |n| seed.wrapping_add(n);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let turns = move || (0..in_turns).find_map(|n| play_in_turns(seed_of(n)).err());
        let races = move || (in_turns..count).find_map(|n| play_a_race(seed_of(n)).err());
        let threads = [scope.spawn(turns), scope.spawn(races)];
        threads
            .into_iter()
            .filter_map(|thread| thread.join().expect("a program fails without a panic"))
            .collect()
    });
    let took = start.elapsed();
    say(format_args!(
        "{count} programs in {took:.1?}:\n{}",
        coverage::table()
    ));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    if mode.is_none() {
        // In a few programs, chance has a say.
        let least = if count < MANY {
            count / 300
        } else {
            count / 100
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

/// Not by a macro: what a test prints by one is lost in a crash, and not seen if it passes.
fn say(what: impl Display) {
    drop(writeln!(std::io::stderr(), "oracle: {what}"));
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

/// So many show that each situation is reached in one of a hundred.
const MANY: u64 = 10_000;

/// How many programs are run twice.
const REPEATED: u64 = 30;

/// How long a program that failed is made smaller.
const SIMPLIFIES_FOR: Duration = Duration::from_secs(30);
