//! A process is killed at some instant while all create, clone, send, use and drop trusts. The
//! others go on: no call on a property of theirs fails, none is dropped while it is held, and when
//! all trusts have gone nothing is held.

use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicU64, Ordering};

use gossamer::Runtime;
use gossamer::rack::{self, CallError, NotExecuted, Refusal, Trust};

use super::nodes::on;
use super::processes::{end_of, start};

#[test]
fn survivors_of_a_kill_lose_nothing_of_theirs() {
    let rounds = std::env::var("GOSSAMER_KILL_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("a number"));
    for round in 0..rounds {
        let seed = std::env::var("GOSSAMER_KILL_SEED").ok();
        let seed = seed.map_or(round, |seed| seed.parse().expect("a number"));
        kill_one(seed);
    }
}

fn kill_one(seed: u64) {
    let mut children = start(3, &format!("churn {seed}"), "survive");
    // Node 0 says when the others have begun.
    let said = children[0].stdout.take().expect("piped");
    let mut lines = BufReader::new(said).lines();
    let begun = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains(BEGUN));
    // After some of its steps: whichever they are, all that is said above must hold.
    let steps = scramble(seed) % STEPS_TOLD_MAX;
    lines.by_ref().take(steps as usize).for_each(drop);
    children[1].kill().expect("it is ours");
    // So that it never waits for somebody to read.
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    let ends: Vec<_> = children.into_iter().map(end_of).collect();
    let rest = rest.join().expect("no panic").join("\n");
    assert!(begun, "seed {seed}: {}", ends[0].1);
    for (status, text) in [&ends[0], &ends[2]] {
        assert!(
            status.success(),
            "GOSSAMER_KILL_SEED={seed}: {status}: {rest}\n{text}"
        );
    }
}

/// What node 0 does: it has all workers churn, and then looks whether anything is left.
pub(super) fn churn_all(runtime: &Runtime, seed: u64) {
    runtime.block_on(async {
        let mut holders = Vec::new();
        for node in 0..3 {
            holders.push(rack::entrust_on(on(node), |_: ()| Holder::default(), ()).await);
        }
        let tasks: Vec<_> = (0..rack::workers())
            .map(|worker| {
                let seed = scramble(seed ^ (worker as u64) << 32);
                rack::spawn_on(worker, churn, (holders.clone(), seed))
            })
            .collect();
        println!("{BEGUN}");
        for (worker, task) in tasks.into_iter().enumerate() {
            match task.await {
                Ok(()) => {}
                Err(error) => assert_eq!(worker / 2, LOST, "{error}"),
            }
        }
        for (node, holder) in holders.iter().enumerate() {
            let cleared = holder
                .try_apply_with(|holder, ()| holder.0.clear(), ())
                .await;
            assert!(cleared.is_ok() || node == LOST, "{cleared:?}");
        }
        drop(holders);
        for worker in [0, 2 * 2] {
            let left = rack::spawn_on(worker, async |_: ()| settle().await, ());
            assert_eq!(
                left.await.expect("no panic"),
                0,
                "properties that nobody has dropped"
            );
        }
    });
}

/// Waits until no trust is left on this node; returns how many properties there still are.
async fn settle() -> u64 {
    while rack::__references() != (0, 0, 0)
        || BUILT.load(Ordering::SeqCst) != DROPPED.load(Ordering::SeqCst)
    {
        gossamer::yield_now().await;
    }
    BUILT.load(Ordering::SeqCst) - DROPPED.load(Ordering::SeqCst)
}

#[derive(Default)]
struct Holder(Vec<Trust<Counted>>);

/// A property that is counted, and knows whether it lives.
struct Counted {
    lives: u64,
}

impl Counted {
    fn new() -> Self {
        BUILT.fetch_add(1, Ordering::SeqCst);
        Self { lives: LIVES }
    }

    fn touch(&mut self) -> bool {
        self.lives == LIVES
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert_eq!(std::mem::take(&mut self.lives), LIVES, "dropped twice");
        DROPPED.fetch_add(1, Ordering::SeqCst);
    }
}

async fn churn((holders, seed): (Vec<Trust<Holder>>, u64)) {
    let mut state = seed;
    let mut next = move |below: usize| {
        state = scramble(state);
        state as usize % below
    };
    let mut own: Vec<Trust<Counted>> = Vec::new();
    let tells = rack::node_id() == 0;
    for step in 0..STEPS {
        if tells && step % STEPS_PER_WORD == 0 {
            println!("step {step}");
        }
        let node = next(3);
        match next(6) {
            0 => {
                let built = rack::try_entrust_on(on(node), |_: ()| Counted::new(), ()).await;
                own.extend(check(built, &[node]));
            }
            1 | 2 if !own.is_empty() => {
                let trust = own[next(own.len())].clone();
                let owner = trust.trustee().node();
                let push = |holder: &mut Holder, trust| holder.0.push(trust);
                check(
                    holders[node].try_apply_with(push, trust).await,
                    &[node, owner],
                );
            }
            3 => {
                let at = next(100);
                let take = |holder: &mut Holder, at: usize| match holder.0.len() {
                    0 => None,
                    len => Some(holder.0.swap_remove(at % len)),
                };
                own.extend(check(holders[node].try_apply_with(take, at).await, &[node]).flatten());
            }
            4 if !own.is_empty() => {
                let trust = &own[next(own.len())];
                let touched = trust
                    .try_apply_with(|counted, ()| counted.touch(), ())
                    .await;
                let lives = check(touched, &[trust.trustee().node()]);
                assert_ne!(
                    lives,
                    Some(false),
                    "a property was dropped while it was held"
                );
            }
            _ if own.len() > 8 => drop(own.swap_remove(next(own.len()))),
            _ => gossamer::yield_now().await,
        }
    }
}

/// A call may fail only if the lost node has to do with it.
fn check<U>(result: Result<U, CallError>, nodes: &[usize]) -> Option<U> {
    match result {
        Ok(value) => Some(value),
        Err(
            CallError::Unknown { node: LOST }
            | CallError::NotExecuted(
                NotExecuted::NodeLost { node: LOST }
                | NotExecuted::Refused {
                    node: LOST,
                    refusal: Refusal::NoProperty,
                },
            ),
        ) if nodes.contains(&LOST) => None,
        Err(error) => panic!("with nodes {nodes:?}: {error}"),
    }
}

fn scramble(seed: u64) -> u64 {
    let mut word = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ word >> 31
}

static BUILT: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

const LIVES: u64 = 0x1157_0F11_FE00;
const BEGUN: &str = "all churn";
/// The node that is killed.
const LOST: usize = 1;
const STEPS: usize = 1500;
/// Node 0 says that it has done so many; the kill comes after less than so many words.
const STEPS_PER_WORD: usize = 20;
const STEPS_TOLD_MAX: u64 = 100;
const ROUNDS: u64 = 4;
