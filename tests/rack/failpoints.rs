//! A process is killed at each step of the reference protocol: the same must hold as of kills at
//! any instant. Some steps are of the recovery from another kill, which there is then, too.

use gossamer::rack;

use super::churn::{scramble, steps};
use super::kills::{End, Round, number};

#[test]
fn survivors_of_a_kill_at_any_step_of_the_protocol_lose_nothing_of_theirs() {
    let rounds = number("GOSSAMER_FAILPOINT_ROUNDS");
    let mut names = rack::__failpoints();
    if rounds.is_none() {
        // The other fabric has the others.
        names.retain(|name| name.starts_with(moment()));
    }
    let (mut reached, mut tries) = (0, 0);
    let mut missed = Vec::new();
    for name in &names {
        let step = Step::named(name);
        for round in 0..rounds.unwrap_or(1) {
            let seed = number("GOSSAMER_KILL_SEED").unwrap_or(round);
            let found = step.reach(name, seed);
            tries += found.unwrap_or(step.tries());
            match (step, found) {
                (Step::Never, Some(_)) => panic!("{name} is never reached"),
                (Step::Never, None) => {}
                (_, Some(_)) => reached += 1,
                (_, None) => missed.push(format!("{name} with seed {seed}")),
            }
        }
    }
    let fabric = super::FABRIC;
    println!("{tries} rounds over {fabric}: {reached} nodes killed at their steps");
    assert!(missed.is_empty(), "never reached: {missed:?}");
}

/// What a step is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Work,
    Recovery,
    /// Nodes never come to it here.
    Never,
}

impl Step {
    fn named(failpoint: &str) -> Self {
        let (_, step) = failpoint.split_once('-').expect("a moment and a step");
        if NEVER_REACHED.iter().any(|&(never, _)| never == step) {
            Self::Never
        } else if OF_RECOVERY.contains(&step) {
            Self::Recovery
        } else {
            Self::Work
        }
    }

    /// How often it is tried at the most.
    fn tries(self) -> usize {
        match self {
            Self::Never => 1,
            Self::Work | Self::Recovery => 8,
        }
    }

    /// Has a node end itself at a failpoint; which try has come to it.
    fn reach(self, name: &str, seed: u64) -> Option<usize> {
        let mut random = name
            .bytes()
            .fold(seed, |seed, byte| scramble(seed ^ u64::from(byte)));
        let mut below = |limit: u64| {
            random = scramble(random);
            random % limit
        };
        (1..=self.tries()).find(|&attempt| {
            let nodes = 3 + below(2) as usize;
            let victim = 1 + below(nodes as u64 - 1) as usize;
            let other = 1 + victim % (nodes - 1);
            let kills = match self == Self::Recovery || below(3) == 0 {
                true => vec![(other, 1 + below(steps(nodes) / 2))],
                false => Vec::new(),
            };
            // The first time, if it did not come to more.
            let nth = match (self, attempt) {
                (Self::Work, 1) => 1 + below(30),
                (Self::Recovery, 1) => 1 + below(3),
                _ => 1,
            };
            let round = Round {
                seed,
                nodes,
                kills,
                failpoint: Some((victim, format!("{name}:{nth}"))),
            };
            round.run()[victim] == End::Killed
        })
    }
}

/// Those moments that this fabric has when not all are asked for.
fn moment() -> &'static str {
    match super::FABRIC {
        "shm" => "before-",
        _ => "after-",
    }
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
    ("take-gone", "it answers a node that is wrongly held dead"),
    ("send-gone", "it answers a node that is wrongly held dead"),
    ("take-fenced", "node 0 tells the dead; their links are cut"),
    ("end", "node 0 tells the dead; their links are cut"),
    ("reject", "no node says what no correct node says"),
];
