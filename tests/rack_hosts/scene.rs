//! What the nodes run: tasks on every worker of every node call the ledgers of all other nodes,
//! until they are told to stop, or a node is lost.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use gossamer::Builder;
use gossamer::rack::{self, CallError, Identity, NodeLoss, Trust};

use crate::process::is_node;
use crate::report::{Ask, Caller, Effects, Number, Outcome, Report, Told};

/// No test of its own: a node of those beside it.
#[test]
#[ignore = "started by the tests here"]
fn body_of_a_node() {
    let Ok(silence) = std::env::var(SILENCE_SECONDS) else {
        return;
    };
    assert!(is_node(), "it is started as one");
    let silence = Duration::from_secs(silence.parse().expect("a number"));
    let identity = Identity::from_env().expect("the environment is set");
    let number = identity.node();
    let runtime = Builder::new()
        .workers(WORKERS)
        .silence_max(silence)
        // Also one that is cut off goes on, to say what has become of its calls.
        .node_loss_hook(|loss: &NodeLoss| println!("{}", Report::Lost(loss.node())))
        .rack(identity)
        .build()
        .expect("all come");
    std::thread::spawn(hear);
    match number {
        0 => runtime.block_on(lead()),
        _ => {
            let _of_the_rack = runtime.serve();
        }
    }
    // Of a node that was cut off they may still be about to hear so.
    while CALLERS.load(Ordering::SeqCst) > 0 {
        std::thread::park_timeout(PAUSE);
    }
    drop(runtime);
    let told = std::mem::take(&mut *TOLD.lock().expect("no panic"));
    for (at, told) in told {
        println!("{}", Report::Told(at, told));
    }
    let effects = std::mem::take(&mut *EFFECTS.lock().expect("no panic"));
    for (caller, effects) in effects {
        println!("{}", Report::Effects(caller, effects));
    }
    println!("{}", Report::End);
}

/// Does what the test asks for.
fn hear() {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match Ask::of(&line) {
            Ask::Stop => STOP.store(true, Ordering::SeqCst),
            Ask::Count => {
                let told = TOLD.lock().expect("no panic");
                let mut values = BTreeMap::new();
                for ((_, owner), told) in &*told {
                    let least = values.entry(*owner).or_insert(usize::MAX);
                    *least = told.values().min(*least);
                }
                drop(told);
                println!("{}", Report::Count(values));
            }
        }
    }
}

/// Node 0: gives all workers of all nodes the ledgers, and waits until they have done.
async fn lead() {
    let mut ledgers = Vec::new();
    for node in 0..rack::nodes() {
        let trustee = rack::trustees()[node * WORKERS];
        ledgers.push(rack::entrust_on(trustee, |(): ()| Ledger, ()).await);
    }
    // One after the other, so that each connection that one opens is there for both directions.
    for worker in 0..rack::workers() {
        let greeted = rack::spawn_on(worker, greet, ledgers.clone()).await;
        greeted.expect("nobody is lost yet");
    }
    let drives = (0..rack::workers()).map(|worker| rack::spawn_on(worker, drive, ledgers.clone()));
    // Those of a node that is lost end with it.
    join_all(drives).await;
}

/// Has this worker talk with every other node.
async fn greet(ledgers: Vec<Trust<Ledger>>) {
    for ledger in ledgers {
        ledger.apply_with(|_: &mut Ledger, (): ()| (), ()).await;
    }
}

/// One worker's part.
async fn drive(ledgers: Vec<Trust<Ledger>>) {
    let me = rack::node_id();
    let caller = me * WORKERS + gossamer::worker_id();
    let others = ledgers
        .into_iter()
        .filter(|ledger| ledger.trustee().node() != me);
    let calls = others.map(|ledger| {
        CALLERS.fetch_add(1, Ordering::SeqCst);
        // A task of this node's own, which goes on if whoever has sent this one is lost.
        gossamer::spawn(call(caller, ledger))
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("no panic");
    }
}

/// Calls one ledger, some calls at a time, and notes what it was told of each.
async fn call(caller: Caller, ledger: Trust<Ledger>) {
    let owner = ledger.trustee().node();
    let mut number = 0;
    // Once one has failed, until all do.
    let (mut has_failed, mut is_lost) = (false, false);
    while !is_lost && (has_failed || !STOP.load(Ordering::SeqCst)) {
        let began = Instant::now();
        let calls = (number..number + CALLS_AT_A_TIME).map(|number| {
            let payload = payload(caller, number);
            ledger.try_apply_with(Ledger::note, (caller, number, payload))
        });
        let outcomes = join_all(calls).await;
        let outcomes: Vec<_> = (number..)
            .zip(outcomes)
            .map(|(number, outcome)| match outcome {
                Ok(payload) if payload == self::payload(caller, number) => Outcome::Value,
                Ok(_) => Outcome::WrongValue,
                Err(CallError::Unknown { node }) if node == owner => Outcome::Unknown,
                Err(error) if error.has_run() == Some(false) => Outcome::NotExecuted,
                Err(error) => panic!("caller {caller}, node {owner}: {error:?}"),
            })
            .collect();
        number += CALLS_AT_A_TIME;
        has_failed |= outcomes.iter().any(|outcome| *outcome != Outcome::Value);
        is_lost = (outcomes.iter()).all(|outcome| *outcome == Outcome::NotExecuted);
        tell((caller, owner), &outcomes, began.elapsed());
        // So that neither the machine nor the record is full.
        gossamer::time::sleep(BREATH).await;
    }
    CALLERS.fetch_sub(1, Ordering::SeqCst);
}

fn tell(at: (Caller, usize), outcomes: &[Outcome], took: Duration) {
    let mut told = TOLD.lock().expect("no panic");
    told.entry(at).or_default().add(outcomes, took);
}

/// Most are small, some do not fit into a slot, few are many pieces.
fn payload(caller: Caller, number: Number) -> Vec<u8> {
    let bytes = match number {
        0 => 300_000,
        _ if number.is_multiple_of(64) => 3000,
        _ => number % 4,
    };
    let byte = |at: usize| (at ^ number ^ caller) as u8;
    (0..bytes).map(byte).collect()
}

/// What is called. Its effects outlive it, to be told of.
struct Ledger;

impl Ledger {
    fn note(&mut self, (caller, number, payload): (Caller, Number, Vec<u8>)) -> Vec<u8> {
        let mut effects = EFFECTS.lock().expect("no panic");
        effects.entry(caller).or_default().add(number);
        payload
    }
}

static TOLD: Mutex<BTreeMap<(Caller, usize), Told>> = Mutex::new(BTreeMap::new());
static EFFECTS: Mutex<BTreeMap<Caller, Effects>> = Mutex::new(BTreeMap::new());
static STOP: AtomicBool = AtomicBool::new(false);
/// Tasks that call.
static CALLERS: AtomicUsize = AtomicUsize::new(0);

/// For how long nothing may be heard of a node.
pub(crate) const SILENCE_SECONDS: &str = "SILENCE_SECONDS_OF_A_NODE";
pub(crate) const WORKERS: usize = 2;
const CALLS_AT_A_TIME: usize = 4;
const BREATH: Duration = Duration::from_micros(200);
const PAUSE: Duration = Duration::from_millis(10);
