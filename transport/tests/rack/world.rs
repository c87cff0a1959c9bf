//! A simulated rack of nodes whose workers ask each other, and what must hold of the answers.
//!
//! Each request says what its answer is to be like, so that either end can check what it gets: the
//! trustee that requests come in order, once, and whole, and the client the same of results.

use std::collections::HashMap;

use gossamer_transport::rack::simulated::{Channel, End, Faults, Net, Random, Step};
use gossamer_transport::rack::{
    Channel as _, ClientLink, Fate, Geometry, Layout, LinkError, Ports, Property, Request,
    TrusteeLink, WireError,
};

/// What a world is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) nodes: u16,
    pub(crate) workers: u16,
    pub(crate) geometry: Geometry,
    pub(crate) faults: Faults,
    /// Requests of each link.
    pub(crate) requests: u64,
    /// The longest payload that is common, and one that is rare.
    pub(crate) common_bytes: usize,
    pub(crate) rare_bytes: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) issued: u64,
    pub(crate) answered: u64,
    pub(crate) not_sent: u64,
    pub(crate) unknown: u64,
    pub(crate) ended: Vec<End>,
    pub(crate) wire_errors: Vec<WireError>,
    pub(crate) damaged: u64,
}

pub(crate) struct World {
    plan: Plan,
    net: Net,
    random: Random,
    workers: Vec<Worker>,
    /// Which node a channel goes to and which worker writes it.
    channels: HashMap<usize, (Id, u16)>,
    outcome: Outcome,
}

/// A worker of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Id {
    node: u16,
    worker: u16,
}

struct Worker {
    id: Id,
    channels: HashMap<u16, Channel>,
    pairs: Vec<Pair>,
}

/// Both links of one worker with one other.
struct Pair {
    peer: Id,
    client: Option<ClientLink<u64>>,
    trustee: TrusteeLink,
    issued: u64,
    answered: u64,
    served: u64,
    /// Of the payload of the last request that was common.
    bytes: usize,
    is_broken: bool,
    /// Whether all that could be pushed was, since anything was done.
    is_pushed: bool,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut net = Net::new(plan.seed, plan.faults);
        let layout = Layout {
            writers: 1,
            workers: plan.workers,
            geometry: plan.geometry,
        };
        let mut ids = Vec::new();
        for node in 0..plan.nodes {
            ids.extend((0..plan.workers).map(|worker| Id { node, worker }));
        }
        let mut channels = HashMap::new();
        let mut inbound = HashMap::new();
        let mut workers = Vec::new();
        for &id in &ids {
            let mut out = HashMap::new();
            for node in (0..plan.nodes).filter(|&node| node != id.node) {
                let ports = Ports::private(layout).expect("memory");
                inbound.insert((id, node), ports.clone());
                let channel = net.channel(ports);
                channels.insert(channel.number(), (id, node));
                out.insert(node, channel);
            }
            workers.push(Worker {
                id,
                channels: out,
                pairs: Vec::new(),
            });
        }
        for worker in &mut workers {
            for &peer in ids.iter().filter(|peer| peer.node != worker.id.node) {
                let port = inbound[&(peer, worker.id.node)].port(0, worker.id.worker);
                worker.pairs.push(Pair {
                    peer,
                    client: Some(ClientLink::new(peer.worker, port.clone())),
                    trustee: TrusteeLink::new(peer.worker, port),
                    issued: 0,
                    answered: 0,
                    served: 0,
                    bytes: 0,
                    is_broken: false,
                    is_pushed: false,
                });
            }
        }
        Self {
            plan,
            net,
            random: Random::new(!plan.seed),
            workers,
            channels,
            outcome: Outcome::default(),
        }
    }

    /// Runs until nothing happens any more.
    pub(crate) fn run(mut self) -> Outcome {
        let mut quiet = 0;
        while quiet < QUIET_ROUNDS {
            let mut happened = false;
            for _ in 0..self.workers.len() {
                let at = self.random.below(self.workers.len());
                happened |= self.turn(at);
            }
            for _ in 0..self.random.below(12) {
                match self.net.step() {
                    Step::Idle => break,
                    Step::Delivered | Step::Delayed => happened = true,
                    Step::Ended(channel, end) => {
                        happened = true;
                        self.outcome.ended.push(end);
                        self.break_channel(channel);
                    }
                }
            }
            quiet = if happened { 0 } else { quiet + 1 };
        }
        self.outcome.damaged = self.net.damaged();
        self.settle()
    }

    /// What is left has no answer.
    fn settle(mut self) -> Outcome {
        let is_forged = self.plan.faults.forge > 0;
        let served: HashMap<_, _> = self
            .workers
            .iter()
            .flat_map(|worker| worker.pairs.iter().map(|p| ((worker.id, p.peer), p.served)))
            .collect();
        for worker in &mut self.workers {
            for pair in &mut worker.pairs {
                let client = pair.client.take().expect("taken here only");
                let is_quiet = !client.has_arrived() && !pair.trustee.has_arrived();
                assert!(is_quiet || pair.is_broken, "a worker would not sleep");
                let mut number = pair.answered;
                for (note, fate) in client.into_unanswered() {
                    assert!(note == number || is_forged, "notes stay in order");
                    number += 1;
                    match fate {
                        Fate::NotSent => {
                            self.outcome.not_sent += 1;
                            let ran = served[&(pair.peer, worker.id)];
                            assert!(note >= ran || is_forged, "it has run");
                        }
                        Fate::Unknown => self.outcome.unknown += 1,
                    }
                }
                assert_eq!(number, pair.issued, "each request has one fate");
                self.outcome.issued += number;
            }
        }
        self.outcome
    }

    /// Both directions end when one does, as a node drops a peer as a whole.
    fn break_channel(&mut self, channel: usize) {
        let (writer, node) = self.channels[&channel];
        for worker in &mut self.workers {
            let other = match worker.id.node {
                of if of == writer.node => node,
                of if of == node => writer.node,
                _ => continue,
            };
            if let Some(channel) = worker.channels.get_mut(&other) {
                channel.kill();
            }
            let pairs = worker.pairs.iter_mut();
            for pair in pairs.filter(|pair| pair.peer.node == other) {
                pair.is_broken = true;
            }
        }
    }

    /// A worker does some of what it could; returns whether it did anything.
    fn turn(&mut self, at: usize) -> bool {
        let (plan, random) = (&self.plan, &mut self.random);
        let worker = &mut self.workers[at];
        let mut happened = false;
        for pair in &mut worker.pairs {
            let channel = worker.channels.get_mut(&pair.peer.node).expect("one each");
            if pair.is_broken {
                continue;
            }
            match pair.turn(plan, random, channel, &mut self.outcome.answered) {
                Ok(did) => happened |= did,
                Err(LinkError::Wire(error)) => {
                    self.outcome.wire_errors.push(error);
                    pair.is_broken = true;
                    happened = true;
                }
                Err(LinkError::Dead) => pair.is_broken = true,
                Err(other) => panic!("unknown error {other}"),
            }
        }
        for channel in worker.channels.values_mut() {
            // The net delivers without.
            let _ = channel.flush();
        }
        happened
    }
}

impl Pair {
    fn turn(
        &mut self,
        plan: &Plan,
        random: &mut Random,
        channel: &mut Channel,
        answered: &mut u64,
    ) -> Result<bool, LinkError> {
        if plan.faults.busy == 0 && self.may_sleep(plan) {
            return Ok(false);
        }
        self.is_pushed = false;
        let mut happened = self.issue(plan, random);
        for _ in 0..random.below(40) {
            // Now and then one waits until a later turn.
            if !self.trustee.is_due() {
                if !self.take_request(plan, random)? {
                    break;
                }
                happened = true;
            }
            if random.happens(50) {
                return Ok(true);
            }
            let bytes = answer_bytes(plan, self.served);
            let status = status(self.served);
            let answer = payload(!self.served, bytes);
            self.trustee.respond(status, answer).expect("not too long");
            self.served += 1;
        }
        let client = self.client.as_mut().expect("taken at the end only");
        for _ in 0..random.below(100) {
            if random.happens(300)
                && let Some(mut answers) = client.lend_results()?
            {
                // A few of them, and others another time.
                let mut left = random.below(100);
                let mut unreadable = None;
                while left > 0 && unreadable.is_none() {
                    left -= 1;
                    let taken = answers.take_inline(|note, status, payload| {
                        check(plan, self.answered, (note, status, payload));
                        self.answered += 1;
                        *answered += 1;
                        happened = true;
                    });
                    match taken {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => unreadable = Some(error),
                    }
                }
                client.take_back(answers, unreadable);
                continue;
            }
            let Some(answer) = client.poll_result()? else {
                break;
            };
            happened = true;
            *answered += 1;
            check(
                plan,
                self.answered,
                (answer.note, answer.status, &answer.payload),
            );
            self.answered += 1;
        }
        if random.happens(700) {
            happened |= client.publish(channel)? > 0;
            happened |= self.trustee.publish(channel)?;
            self.is_pushed = true;
        }
        Ok(happened)
    }

    /// Takes the next request in one of the ways that there are; whether there is one.
    fn take_request(&mut self, plan: &Plan, random: &mut Random) -> Result<bool, WireError> {
        let strict = plan.faults.forge == 0;
        let expect = |served, bytes: &[u8]| {
            let expected = payload(served, bytes.len());
            assert!(!strict || *bytes == expected, "another payload");
        };
        if random.happens(500)
            && let Some(payload) = self.trustee.serve_alike().take()
        {
            expect(self.served, payload);
            return Ok(true);
        }
        let (asked, kind, property) = if random.happens(500)
            && let Some(alike) = self.trustee.poll_alike()?
        {
            let mut serving = self.trustee.serve_alike();
            let payload = serving.take().expect("one at least");
            expect(self.served, payload);
            (alike.call, alike.kind, alike.property)
        } else {
            let Some(request) = self.trustee.poll_request()? else {
                return Ok(false);
            };
            expect(self.served, &request.payload);
            (request.call, request.kind, request.property)
        };
        if strict {
            assert_eq!(property, property_of(self.served), "out of order");
            assert_eq!(asked, call(self.served));
            assert_eq!(kind, kind_of(self.served));
        }
        Ok(true)
    }

    /// Whether a worker would sleep that asks its links: whoever is wrong about that never goes on.
    fn may_sleep(&self, plan: &Plan) -> bool {
        let client = self.client.as_ref().expect("taken at the end only");
        let waits = self.is_pushed && self.issued == plan.requests && !self.trustee.is_due();
        waits && !client.has_arrived() && !self.trustee.has_arrived()
    }

    fn issue(&mut self, plan: &Plan, random: &mut Random) -> bool {
        let before = self.issued;
        let client = self.client.as_mut().expect("taken at the end only");
        while self.issued < plan.requests && !random.happens(80) {
            if random.happens(200) {
                self.bytes = random.below(plan.common_bytes + 1);
            }
            let bytes = if random.happens(20) {
                random.below(plan.rare_bytes + 1)
            } else {
                self.bytes
            };
            let number = self.issued;
            let request = Request {
                call: call(number),
                property: property_of(number),
                kind: kind_of(number),
                result_bytes: random.below(40) as u16,
            };
            let payload = payload(number, bytes);
            client
                .issue(request, payload, number)
                .expect("not too long");
            self.issued += 1;
        }
        self.issued > before
    }
}

/// A result is that of the request, unless somebody lies.
fn check(plan: &Plan, number: u64, (note, status, result): (u64, u8, &[u8])) {
    assert_eq!(note, number, "notes come in order");
    if plan.faults.forge == 0 {
        assert_eq!(status, self::status(number));
        let expected = payload(!number, answer_bytes(plan, number));
        assert!(*result == expected, "another result");
    }
}

/// Calls, of which a batch has more than it can list. All that says what requests and results have in
/// common stays the same for some, and changes at another one each.
fn call(number: u64) -> u64 {
    0xca11_0000_0000_0000 + number / 5 % 5
}

fn property_of(number: u64) -> Property {
    Property {
        index: (number / 9 % PROPERTIES) as u32,
        generation: 1,
    }
}

fn kind_of(number: u64) -> u8 {
    (number / 7 % 64) as u8
}

fn status(number: u64) -> u8 {
    (number / 6) as u8
}

fn payload(number: u64, bytes: usize) -> Vec<u8> {
    let at = |at: usize| (number as usize).wrapping_mul(31).wrapping_add(at) as u8;
    (0..bytes).map(at).collect()
}

fn answer_bytes(plan: &Plan, number: u64) -> usize {
    let mut random = Random::new(number);
    if random.happens(20) {
        random.below(plan.rare_bytes + 1)
    } else {
        Random::new(number / 8).below(plan.common_bytes + 1)
    }
}

const PROPERTIES: u64 = 3;
/// Each chooses at random what to do, so one quiet round says little.
const QUIET_ROUNDS: usize = 60;
