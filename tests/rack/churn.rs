//! What the nodes of a rack do while some of them are killed: build, clone, send, use and drop
//! trusts, as a seed says, and all of it counted.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures::FutureExt;
use gossamer::Runtime;
use gossamer::rack::{self, CallError, NotExecuted, Refusal, Trust};
use serde::{Deserialize, Serialize};

use super::nodes::on;
use crate::tally::{CALLS_MAX, CallId, Outcome, TASKS_MAX, tally};

/// What all nodes do together.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) nodes: usize,
    /// A bit for each node that may be killed.
    pub(super) doomed: u32,
}

impl Plan {
    /// As [`of_words`](Self::of_words) reads it.
    pub(super) fn to_words(self) -> String {
        let Self {
            seed,
            nodes,
            doomed,
        } = self;
        format!("{seed} {nodes} {doomed}")
    }

    pub(super) fn of_words(words: &str) -> Self {
        let mut words = words.split(' ');
        let mut next = || words.next().and_then(|word| word.parse().ok());
        let mut number = || next().expect("a number");
        Self {
            seed: number(),
            nodes: number() as usize,
            doomed: number() as u32,
        }
    }

    pub(super) fn may_die(&self, node: usize) -> bool {
        self.doomed & 1 << node != 0
    }
}

/// How many steps a plan has, if nobody dies; those that wait for its end come on top.
pub(super) fn steps(nodes: usize) -> u64 {
    (tasks(nodes) * STEPS) as u64
}

/// What node 0 does: it has all workers churn, and then waits until nothing is left anywhere.
pub(super) fn churn_all(runtime: &Runtime, plan: Plan) {
    let all = async move {
        let nodes: Vec<_> = (0..plan.nodes).collect();
        let mut holders = Vec::new();
        for &node in &nodes {
            let build = |_: ()| Holder::new();
            holders.push(rack::entrust_on(on(node), build, ()).await);
        }
        let tasks: Vec<_> = (0..tasks(plan.nodes))
            .map(|task| {
                let worker = task % rack::workers();
                rack::spawn_on(worker, churn, (plan, task, holders.clone()))
            })
            .collect();
        for task in tasks {
            plan.check(task.await, &nodes);
        }
        drop(holders);
        for &node in &nodes {
            let settled = rack::spawn_on(node * WORKERS, settle, node);
            plan.check(settled.await, &[node]);
        }
    };
    runtime.block_on(async {
        let ended = gossamer::time::timeout(PATIENCE, all).await;
        ended.expect("every call ends");
    });
    tally().last_step();
}

/// Waits until no trust and no property is left on this node.
async fn settle(node: usize) {
    let began = Instant::now();
    while rack::__references() != (0, 0, 0) || tally().undropped(node) != 0 {
        assert!(
            began.elapsed() < PATIENCE / 2,
            "node {node} has {} properties that nobody drops, and references {:?}",
            tally().undropped(node),
            rack::__references(),
        );
        tally().step();
        gossamer::yield_now().await;
    }
}

/// Runs on each worker.
async fn churn((plan, task, holders): (Plan, usize, Vec<Trust<Holder>>)) {
    let mut churn = Churn {
        plan,
        task,
        holders,
        own: Vec::new(),
        calls: 0,
        random: scramble(plan.seed ^ (task as u64) << 32),
    };
    for _ in 0..STEPS {
        tally().step();
        churn.step().await;
    }
}

struct Churn {
    plan: Plan,
    task: usize,
    holders: Vec<Trust<Holder>>,
    own: Vec<Trust<Counted>>,
    calls: usize,
    random: u64,
}

impl Churn {
    async fn step(&mut self) {
        let node = self.below(self.plan.nodes);
        match self.below(9) {
            0 => self.build(node).await,
            1 => self.give(node).await,
            2 => self.post(node),
            3 => self.take(node).await,
            4 => self.touch().await,
            5 => self.exchange(node).await,
            6 => self.send_errand().await,
            7 => self.abandon(node),
            _ => gossamer::yield_now().await,
        }
        while self.own.len() > OWN_MAX {
            let at = self.below(self.own.len());
            drop(self.own.swap_remove(at));
        }
    }

    async fn build(&mut self, node: usize) {
        let id = self.begin(&[node]);
        let build = |id: CallId| {
            tally().run(id);
            Counted::new()
        };
        let built = rack::try_entrust_on(on(node), build, id).await;
        self.own.extend(self.end(id, built, &[node]));
    }

    async fn give(&mut self, node: usize) {
        let Some((trust, owner)) = self.any() else {
            return;
        };
        let id = self.begin(&[node, owner]);
        let given = self.holders[node].try_apply_with(Holder::put, (id, trust));
        self.end(id, given.await, &[node, owner]);
    }

    fn post(&mut self, node: usize) {
        let Some((trust, owner)) = self.any() else {
            return;
        };
        let id = self.begin(&[node, owner]);
        self.holders[node].post_with(Holder::put, (id, trust));
        tally().end(id, Outcome::Unawaited);
    }

    async fn take(&mut self, node: usize) {
        let id = self.begin(&[node]);
        let at = self.below(HELD_MAX);
        let taken = self.holders[node].try_apply_with(Holder::take, (id, at));
        self.own
            .extend(self.end(id, taken.await, &[node]).flatten());
    }

    async fn touch(&mut self) {
        let Some((trust, owner)) = self.any() else {
            return;
        };
        let id = self.begin(&[owner]);
        let touched = trust.try_apply_with(Counted::touch, id);
        self.end(id, touched.await, &[owner]);
    }

    /// Trusts in arguments and results at a time, and with them as much as goes in many pieces.
    async fn exchange(&mut self, node: usize) {
        let trusts: Vec<_> = (0..3).filter_map(|_| self.any()).collect();
        let mut nodes = vec![node];
        nodes.extend(trusts.iter().map(|&(_, owner)| owner));
        let trusts = trusts.into_iter().map(|(trust, _)| trust).collect();
        let padding = "x".repeat(PADDINGS[self.below(PADDINGS.len())]);
        let id = self.begin(&nodes);
        let exchanged = self.holders[node].try_apply_with(Holder::exchange, (id, trusts, padding));
        let others = self.end(id, exchanged.await, &nodes);
        self.own
            .extend(others.into_iter().flat_map(|(others, _)| others));
    }

    /// A task elsewhere uses a trust and gives it back.
    async fn send_errand(&mut self) {
        let Some((trust, owner)) = self.any() else {
            return;
        };
        let worker = self.below(rack::workers());
        let nodes = [worker / WORKERS, owner];
        let (id, id_there) = (self.begin(&nodes), self.begin(&nodes));
        let errand = async |(plan, id, id_there, trust): (Plan, CallId, CallId, Trust<Counted>)| {
            tally().run(id);
            let touched = trust.try_apply_with(Counted::touch, id_there).await;
            plan.end(id_there, touched, &[trust.trustee().node()]);
            trust
        };
        let task = rack::spawn_on(worker, errand, (self.plan, id, id_there, trust));
        self.own.extend(self.end(id, task.await, &nodes));
    }

    /// Issues a call, and forgets about it.
    fn abandon(&mut self, node: usize) {
        let id = self.begin(&[node]);
        let at = self.below(HELD_MAX);
        let taken = pin!(self.holders[node].try_apply_with(Holder::take, (id, at)));
        match taken.now_or_never() {
            Some(taken) => drop(self.end(id, taken, &[node])),
            None => tally().end(id, Outcome::Unawaited),
        }
    }

    /// A clone of a trust, and the owner of its property.
    fn any(&mut self) -> Option<(Trust<Counted>, usize)> {
        let at = self.below(self.own.len().max(1));
        let trust = self.own.get(at)?.clone();
        let owner = trust.trustee().node();
        Some((trust, owner))
    }

    /// A call among this node and these is about to be issued.
    fn begin(&mut self, nodes: &[usize]) -> CallId {
        let id = (self.task, self.calls);
        self.calls += 1;
        tally().begin(id, nodes.iter().copied().chain([rack::node_id()]));
        id
    }

    fn end<U>(&self, id: CallId, result: Result<U, CallError>, nodes: &[usize]) -> Option<U> {
        self.plan.end(id, result, nodes)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.random = scramble(self.random);
        self.random as usize % limit
    }
}

impl Plan {
    /// A call of this node with these has ended.
    fn end<U>(&self, id: CallId, result: Result<U, CallError>, nodes: &[usize]) -> Option<U> {
        let outcome = match &result {
            Ok(_) => Outcome::Value,
            Err(CallError::NotExecuted(_)) => Outcome::NotExecuted,
            Err(_) => Outcome::Unknown,
        };
        tally().end(id, outcome);
        self.check(result, nodes)
    }

    /// A call may fail only if a node that may be killed has to do with it.
    fn check<U>(&self, result: Result<U, CallError>, nodes: &[usize]) -> Option<U> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let lost = match error {
            CallError::Unknown { node }
            | CallError::NotExecuted(
                NotExecuted::NodeLost { node }
                | NotExecuted::Refused {
                    node,
                    refusal: Refusal::NoProperty,
                },
            ) => node,
            error => panic!("with nodes {nodes:?}: {error}"),
        };
        let is_of_it = nodes.contains(&lost) && self.may_die(lost);
        assert!(is_of_it, "with nodes {nodes:?}: {error}");
        None
    }
}

/// Trusts on their way between tasks.
struct Holder {
    trusts: Vec<Trust<Counted>>,
    counted: Counted,
}

impl Holder {
    fn new() -> Self {
        Self {
            trusts: Vec::new(),
            counted: Counted::new(),
        }
    }

    fn put(&mut self, (id, trust): (CallId, Trust<Counted>)) {
        self.counted.touch(id);
        self.trusts.push(trust);
        if self.trusts.len() > HELD_MAX {
            drop(self.trusts.swap_remove(0));
        }
    }

    fn take(&mut self, (id, at): (CallId, usize)) -> Option<Trust<Counted>> {
        self.counted.touch(id);
        let len = self.trusts.len();
        (len > 0).then(|| self.trusts.swap_remove(at % len))
    }

    fn exchange(&mut self, (id, trusts, padding): Exchange) -> (Vec<Trust<Counted>>, String) {
        self.counted.touch(id);
        let left = self.trusts.len().saturating_sub(trusts.len());
        let others = self.trusts.split_off(left);
        self.trusts.extend(trusts);
        (others, padding)
    }
}

type Exchange = (CallId, Vec<Trust<Counted>>, String);

/// A property that is counted, and knows whether it lives.
struct Counted {
    node: usize,
    number: usize,
}

impl Counted {
    fn new() -> Self {
        let node = rack::node_id();
        let number = tally().build(node);
        Self { node, number }
    }

    fn touch(&mut self, id: CallId) {
        tally().touch(self.node, self.number);
        tally().run(id);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        tally().drop_property(self.node, self.number);
    }
}

pub(super) fn scramble(seed: u64) -> u64 {
    let mut word = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ word >> 31
}

fn tasks(nodes: usize) -> usize {
    nodes * WORKERS * TASKS_PER_WORKER
}

const WORKERS: usize = 2;
const TASKS_PER_WORKER: usize = 2;
const STEPS: usize = 150;
const OWN_MAX: usize = 6;
const HELD_MAX: usize = 12;
/// By bytes, what travels in a slot, in a few pieces, and in more than are on their way at a time.
const PADDINGS: [usize; 6] = [0, 0, 0, 100, 3000, 100_000];
/// For longer than this nothing here takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(240);

const _: () = assert!(STEPS * 2 <= CALLS_MAX && crate::tally::NODES_MAX * 4 <= TASKS_MAX);
