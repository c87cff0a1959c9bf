//! A process is killed at each step of the reference protocol: the same must hold as of kills at
//! any instant. Some steps are of the recovery from another kill, which there is then, too.

use gossamer::rack;

use super::churn::{scramble, steps};
use super::kills::{End, Round, number};

#[test]
fn survivors_of_a_kill_at_any_step_of_the_protocol_lose_nothing_of_theirs() {
    let rounds = number("GOSSAMER_FAILPOINT_ROUNDS").unwrap_or(1);
    let mut missed = Vec::new();
    for name in rack::__failpoints() {
        let (_, step) = name.split_once('-').expect("a moment and a step");
        let is_never_reached = NEVER_REACHED.iter().any(|&(never, _)| never == step);
        for round in 0..rounds {
            let seed = number("GOSSAMER_KILL_SEED").unwrap_or(round);
            let is_reached = reach(&name, seed);
            assert!(!(is_reached && is_never_reached), "{name} is never reached");
            if !is_reached && !is_never_reached {
                missed.push(format!("{name} in round {round}"));
            }
        }
    }
    assert!(missed.is_empty(), "never reached: {missed:?}");
}

/// Kills at a failpoint, sooner if it is not reached as often; whether it is reached at all.
fn reach(name: &str, seed: u64) -> bool {
    let (_, step) = name.split_once('-').expect("a moment and a step");
    let is_of_recovery = OF_RECOVERY.contains(&step);
    let mut random = scramble(seed ^ name.len() as u64);
    let mut below = |limit: u64| {
        random = scramble(random);
        random % limit
    };
    for nth_max in [if is_of_recovery { 3 } else { 30 }, 2, 1, 1] {
        let nodes = 3 + below(2) as usize;
        let victim = 1 + below(nodes as u64 - 1) as usize;
        let other = 1 + victim % (nodes - 1);
        let kills = match is_of_recovery || below(3) == 0 {
            true => vec![(other, 1 + below(steps(nodes) / 2))],
            false => Vec::new(),
        };
        let failpoint = format!("{name}:{}", 1 + below(nth_max));
        let round = Round {
            seed,
            nodes,
            kills,
            failpoint: Some((victim, failpoint)),
        };
        if round.run()[victim] == End::Killed {
            return true;
        }
    }
    false
}

/// Steps that there are only when a node has died.
const OF_RECOVERY: &[&str] = &[
    "take-settled",
    "take-died",
    "take-drained",
    "send-settled",
    "send-fenced",
    "lost",
    "drain",
];

/// Steps that nodes never come to here, and why.
const NEVER_REACHED: &[(&str, &str)] = &[
    (
        "take-unsent",
        "a message always leaves once its table is ready",
    ),
    (
        "take-gone",
        "answers what only a node does that is wrongly declared dead",
    ),
    (
        "send-gone",
        "answers what only a node does that is wrongly declared dead",
    ),
    (
        "take-fenced",
        "node 0 tells the dead, whose links are cut by then",
    ),
    ("end", "as above"),
    ("reject", "no node says what no correct node says"),
];
