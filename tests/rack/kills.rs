//! Processes are killed at some instant while all create, clone, send, use and drop trusts. The
//! others go on: no call on a property of theirs fails, none is dropped while it is held or
//! twice, and when all trusts have gone nothing is held. What is said not to have run has not.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::churn::{Plan, scramble, steps};
use super::processes::{end_of, start_with};
use crate::tally::{self, LAST_STEP, Mapped};

#[test]
fn survivors_of_kills_lose_nothing_of_theirs() {
    let mut killed = 0;
    let rounds = number("GOSSAMER_KILL_ROUNDS").unwrap_or(ROUNDS);
    for round in 0..rounds {
        let seed = number("GOSSAMER_KILL_SEED").unwrap_or(round);
        let ends = Round::of_seed(seed).run();
        killed += ends.iter().filter(|end| **end == End::Killed).count() as u64;
    }
    println!(
        "{rounds} rounds over {}: {killed} nodes killed",
        super::FABRIC
    );
    // Few rounds are over before it comes to that.
    assert!(
        2 * killed >= rounds,
        "{killed} nodes killed in {rounds} rounds"
    );
}

/// A rack of which some are killed.
pub(super) struct Round {
    pub(super) seed: u64,
    pub(super) nodes: usize,
    /// Who is killed, and at which step of all.
    pub(super) kills: Vec<(usize, u64)>,
    /// Who ends itself, and where.
    pub(super) failpoint: Option<(usize, String)>,
}

/// How a node has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Well,
    Killed,
    /// It had to, without node 0.
    Orphaned,
}

impl Round {
    /// With three or four nodes, of which one is killed, or one more while the others recover.
    fn of_seed(seed: u64) -> Self {
        let mut random = scramble(seed);
        let mut below = |limit: u64| {
            random = scramble(random);
            random % limit
        };
        let nodes = 3 + below(2) as usize;
        let at = match below(10) {
            // While they open their links.
            0 | 1 => 1 + below(OPENING_STEPS),
            2 => LAST_STEP,
            _ => 1 + below(steps(nodes)),
        };
        // Node 0 takes all with it.
        let first = match below(10) {
            0 => 0,
            _ => 1 + below(nodes as u64 - 1) as usize,
        };
        let mut kills = vec![(first, at)];
        if nodes == 4 && below(2) == 0 {
            let second = (first + 1 + below(nodes as u64 - 1) as usize) % nodes;
            kills.push((second, at.saturating_add(1 + below(RECOVERY_STEPS))));
        }
        Self {
            seed,
            nodes,
            kills,
            failpoint: None,
        }
    }

    /// Runs it, and looks whether all that is said above holds; returns how each node has ended.
    pub(super) fn run(&self) -> Vec<End> {
        let tally = Mapped::new().expect("there is memory");
        for (which, &(node, at)) in self.kills.iter().enumerate() {
            tally.plan_kill(which, node, at);
        }
        let ends_itself = self.failpoint.iter().map(|&(node, _)| node);
        let doomed = self.kills.iter().map(|&(node, _)| node).chain(ends_itself);
        let plan = Plan {
            seed: self.seed,
            nodes: self.nodes,
            doomed: doomed.fold(0, |set, node| set | 1 << node),
        };
        let scene = format!("churn {}", plan.to_words());
        let children = start_with(self.nodes, &scene, "survive", |node, command| {
            command.env(tally::VARIABLE, tally.path());
            if let Some((victim, failpoint)) = &self.failpoint
                && *victim == node
            {
                command.env("GOSSAMER_FAILPOINT", failpoint);
            }
        });
        let outputs: Vec<_> = children.into_iter().map(end_of).collect();
        let ends = outputs.iter().map(|(status, _)| End::of(*status));
        let ends: Option<Vec<_>> = ends.collect();
        let ends = ends.filter(|ends| self.may_end_so(&plan, ends));
        let faults = ends.as_ref().map(|ends| {
            let has_gone = |&node: &usize| ends[0] != End::Well || ends[node] != End::Well;
            let gone: Vec<_> = (0..self.nodes).filter(has_gone).collect();
            tally.faults(&gone)
        });
        match (ends, faults) {
            (Some(ends), Some(faults)) if faults.is_empty() => ends,
            (_, faults) => panic!("{self}: {:#?}\n{}", faults, told(&outputs)),
        }
    }

    /// Whether nodes end like that of which only these may be killed.
    fn may_end_so(&self, plan: &Plan, ends: &[End]) -> bool {
        let mut ends_of_nodes = ends.iter().enumerate();
        ends_of_nodes.all(|(node, end)| match end {
            End::Well => true,
            End::Killed => plan.may_die(node),
            End::Orphaned => ends[0] == End::Killed,
        })
    }
}

impl End {
    fn of(status: ExitStatus) -> Option<Self> {
        match (status.code(), status.signal()) {
            (Some(0), _) => Some(Self::Well),
            (Some(69), _) => Some(Self::Orphaned),
            (_, Some(9)) => Some(Self::Killed),
            _ => None,
        }
    }
}

impl std::fmt::Display for Round {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            seed,
            nodes,
            kills,
            failpoint,
        } = self;
        write!(
            f,
            "GOSSAMER_KILL_SEED={seed} over {}: {nodes} nodes, ",
            super::FABRIC
        )?;
        write!(f, "kills {kills:?}, failpoint {failpoint:?}")
    }
}

/// What the nodes have said.
fn told(outputs: &[(ExitStatus, String)]) -> String {
    let told = |(node, (status, text)): (usize, &(ExitStatus, String))| {
        format!("--- node {node}, {status}:\n{text}\n")
    };
    outputs.iter().enumerate().map(told).collect()
}

pub(super) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

const ROUNDS: u64 = 20;
/// Within so many steps of all, links are opened; then, the others let a node go.
const OPENING_STEPS: u64 = 60;
const RECOVERY_STEPS: u64 = 200;
