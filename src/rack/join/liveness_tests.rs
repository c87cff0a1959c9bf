//! Situations of one view, and a rack of many that a seed cuts, stops and kills.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::super::membership::{HostId, Member};
use super::*;

const LIMIT: Duration = Duration::from_millis(1000);

fn membership(nodes: u32) -> Membership {
    let member = |node| Member {
        node,
        incarnation: incarnation(node),
        host: HostId([0; 16]),
        address: SocketAddr::from(([127, 0, 0, 1], 1)),
        workers: 1,
        pid: node,
        uid: 0,
        has_rdma: false,
    };
    Membership {
        run: 0,
        members: (0..nodes).map(member).collect(),
    }
}

fn incarnation(node: u32) -> u64 {
    u64::from(node) + 1000
}

fn party(node: u32) -> Party {
    Party {
        node,
        incarnation: incarnation(node),
    }
}

fn view(now: Instant, me: u32, nodes: u32) -> Liveness {
    Liveness::new(now, me, &membership(nodes), LIMIT)
}

fn said(view: &mut Liveness) -> Vec<(u32, Control)> {
    std::iter::from_fn(|| view.poll_transmit()).collect()
}

fn verdicts(view: &mut Liveness) -> Vec<Verdict> {
    std::iter::from_fn(|| view.poll_verdict()).collect()
}

fn died(node: u32, cause: Cause) -> Verdict {
    let party = party(node);
    Verdict::Died { party, cause }
}

fn dead(node: u32, cause: Cause) -> Control {
    let party = party(node);
    Control::Dead { party, cause }
}

#[test]
fn closed_connection_is_death_at_once() {
    let now = Instant::now();
    let mut zero = view(now, 0, 4);
    zero.handle_closed(now, 2, Cause::Closed);
    assert_eq!(verdicts(&mut zero), [died(2, Cause::Closed)]);
    let told = [1, 2, 3].map(|node| (node, dead(2, Cause::Closed)));
    assert_eq!(said(&mut zero), told, "the dead too, in case it lives");
    assert!(!zero.is_alive(party(2)) && zero.is_alive(party(1)));

    let mut one = view(now, 1, 4);
    one.handle_control(now, 0, dead(2, Cause::Closed));
    one.handle_control(now, 0, dead(2, Cause::Closed));
    assert_eq!(
        verdicts(&mut one),
        [died(2, Cause::Closed)],
        "once is enough"
    );
}

#[test]
fn silence_is_death_and_heartbeats_are_none() {
    let now = Instant::now();
    let mut zero = view(now, 0, 3);
    let mut clock = now;
    let mut beats = 0;
    while verdicts(&mut zero).is_empty() {
        clock = zero.poll_timeout().expect("somebody is watched");
        zero.handle_heard(clock, 1);
        zero.handle_timeout(clock);
        let to_two = |(to, control): &(u32, Control)| *to == 2 && *control == Control::Heartbeat;
        beats += said(&mut zero).iter().filter(|said| to_two(said)).count();
    }
    assert_eq!(clock, now + LIMIT);
    assert!(!zero.is_alive(party(2)) && zero.is_alive(party(1)));
    assert_eq!(
        beats, 3,
        "four fit into the limit, and the last finds it dead"
    );
}

#[test]
fn node_that_is_declared_dead_ends() {
    let now = Instant::now();
    let mut two = view(now, 2, 3);
    two.handle_control(now, 0, dead(2, Cause::Silent));
    let fenced = Verdict::Fenced {
        cause: Cause::Silent,
    };
    assert_eq!(verdicts(&mut two), [fenced]);
    assert_eq!(two.poll_timeout(), None);
    two.handle_closed(now, 0, Cause::Closed);
    assert_eq!(verdicts(&mut two), [], "it has been told");
}

/// A verdict on an earlier process of the same number is none on this one.
#[test]
fn other_incarnation() {
    let now = Instant::now();
    let mut two = view(now, 2, 3);
    for node in [1, 2] {
        let party = Party {
            node,
            incarnation: 5,
        };
        let cause = Cause::Silent;
        two.handle_control(now, 0, Control::Dead { party, cause });
        two.suspect(now, party, cause);
    }
    assert_eq!(verdicts(&mut two), []);
    assert_eq!(said(&mut two), []);
}

#[test]
fn loss_of_node_0() {
    let now = Instant::now();
    let mut one = view(now, 1, 3);
    one.handle_closed(now, 2, Cause::Closed);
    assert_eq!(verdicts(&mut one), [], "there is no such connection");
    one.handle_closed(now, 0, Cause::Closed);
    let cause = Cause::Closed;
    assert_eq!(verdicts(&mut one), [Verdict::Orphaned { cause }]);
    assert_eq!(one.poll_timeout(), None);
}

#[test]
fn suspicion_ends_one_of_two() {
    let now = Instant::now();
    let mut one = view(now, 1, 4);
    one.suspect(now, party(2), Cause::Closed);
    let said_by_one = said(&mut one);
    assert_eq!(verdicts(&mut one), [], "node 0 decides");

    let mut zero = view(now, 0, 4);
    for (to, control) in said_by_one {
        assert_eq!(to, 0);
        zero.handle_control(now, 1, control);
    }
    assert_eq!(verdicts(&mut zero), [died(2, Cause::Unreachable)]);
    let party = party(1);
    let cause = Cause::Closed;
    zero.handle_control(now, 2, Control::Suspect { party, cause });
    assert_eq!(verdicts(&mut zero), [], "the dead accuse nobody");
}

#[test]
fn who_suspects_node_0_goes() {
    let now = Instant::now();
    let mut zero = view(now, 0, 3);
    let (party, cause) = (party(0), Cause::Silent);
    zero.handle_control(now, 2, Control::Suspect { party, cause });
    assert_eq!(verdicts(&mut zero), [died(2, Cause::Unreachable)]);
}

#[test]
fn end_in_order() {
    let now = Instant::now();
    let mut zero = view(now, 0, 3);
    let mut one = view(now, 1, 3);
    zero.end(now, 3);
    let told = [1, 2].map(|node| (node, Control::End { status: 3 }));
    assert_eq!(said(&mut zero), told);
    one.handle_control(now, 0, Control::End { status: 3 });
    assert_eq!(verdicts(&mut one), [Verdict::Ends { status: 3 }]);
    one.suspect(now, party(2), Cause::Closed);
    one.leave(now);
    assert_eq!(said(&mut one), [(0, Control::Leave)], "and suspects nobody");
    one.handle_closed(now, 0, Cause::Closed);
    assert_eq!(verdicts(&mut one), []);
    zero.handle_control(now, 1, Control::Leave);
    zero.handle_closed(now, 1, Cause::Closed);
    assert_eq!(verdicts(&mut zero), []);
    zero.handle_closed(now, 2, Cause::Closed);
    assert_eq!(verdicts(&mut zero), [Verdict::Alone]);
}

#[test]
fn leaving_before_the_end_is_death() {
    let now = Instant::now();
    let mut zero = view(now, 0, 3);
    zero.handle_control(now, 1, Control::Leave);
    assert_eq!(verdicts(&mut zero), [died(1, Cause::Left)]);
    zero.handle_control(now, 2, Control::End { status: 0 });
    assert_eq!(verdicts(&mut zero), [died(2, Cause::Damaged)]);
}

/// What came while this process stood still has not been read when it looks at the clock.
#[test]
fn process_that_stood_still_condemns_nobody() {
    let now = Instant::now();
    let mut zero = view(now, 0, 3);
    let late = now + LIMIT * 10;
    zero.handle_timeout(late);
    assert_eq!(verdicts(&mut zero), []);
    let mut clock = late;
    while verdicts(&mut zero).is_empty() {
        clock = zero.poll_timeout().expect("somebody is watched");
        zero.handle_timeout(clock);
    }
    assert_eq!(clock, late + LIMIT);
}

/// A rack in one place: queues between node 0 and the others, and what a seed does to them.
struct Rack {
    now: Instant,
    views: Vec<Liveness>,
    /// From and to each node but node 0: what is under way.
    queues: Vec<[VecDeque<Control>; 2]>,
    is_cut: Vec<bool>,
    is_killed: Vec<bool>,
    seen: Vec<Vec<Verdict>>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Kill(u32),
    Cut(u32),
    Suspect(u32, u32),
    Deliver(u32, usize),
    Wait(u64),
}

fn step(nodes: u32) -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (1..nodes).prop_map(Step::Kill),
        1 => (1..nodes).prop_map(Step::Cut),
        2 => (0..nodes, 0..nodes).prop_map(|(by, of)| Step::Suspect(by, of)),
        8 => (1..nodes, 0_usize..2).prop_map(|(node, way)| Step::Deliver(node, way)),
        4 => (1_u64..400).prop_map(Step::Wait),
    ]
}

impl Rack {
    fn new(nodes: u32) -> Self {
        let now = Instant::now();
        Self {
            now,
            views: (0..nodes).map(|me| view(now, me, nodes)).collect(),
            queues: vec![[VecDeque::new(), VecDeque::new()]; nodes as usize],
            is_cut: vec![false; nodes as usize],
            is_killed: vec![false; nodes as usize],
            seen: vec![Vec::new(); nodes as usize],
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Kill(node) => self.is_killed[node as usize] = true,
            Step::Cut(node) => self.is_cut[node as usize] = true,
            Step::Suspect(by, of) if !self.is_killed[by as usize] => {
                self.views[by as usize].suspect(self.now, party(of), Cause::Closed);
            }
            Step::Suspect(..) => {}
            Step::Deliver(node, way) => self.deliver(node, way),
            Step::Wait(millis) => {
                self.now += Duration::from_millis(millis);
                for me in 0..self.views.len() {
                    if !self.is_killed[me] {
                        self.views[me].handle_timeout(self.now);
                    }
                }
            }
        }
        self.collect();
    }

    /// What a node is sent, or sends, next; its end, if it was killed and has said no more.
    fn deliver(&mut self, node: u32, way: usize) {
        let at = node as usize;
        if self.is_cut[at] {
            return;
        }
        let (from, to) = [(node, 0), (0, node)][way];
        match self.queues[at][way].pop_front() {
            Some(control) if !self.is_killed[to as usize] => {
                self.views[to as usize].handle_control(self.now, from, control);
            }
            Some(_) => {}
            None if way == 0 && self.is_killed[at] => {
                self.views[0].handle_closed(self.now, node, Cause::Closed);
            }
            None => {}
        }
    }

    fn collect(&mut self) {
        for me in 0..self.views.len() {
            while let Some((to, control)) = self.views[me].poll_transmit() {
                let (node, way) = if me == 0 { (to, 1) } else { (me as u32, 0) };
                self.queues[node as usize][way].push_back(control);
            }
            while let Some(verdict) = self.views[me].poll_verdict() {
                self.seen[me].push(verdict);
                // It ends at once.
                self.is_killed[me] |= !matches!(verdict, Verdict::Died { .. });
            }
        }
    }

    /// Lets all that is under way arrive, again and again, for longer than silence may last.
    fn settle(&mut self) {
        for _ in 0..20 {
            for _ in 0..100 {
                for node in 1..self.views.len() as u32 {
                    self.take(Step::Deliver(node, 0));
                    self.take(Step::Deliver(node, 1));
                }
            }
            self.take(Step::Wait(LIMIT.as_millis() as u64 / 5));
        }
    }
}

proptest! {
    /// Whatever happens, all that are left have seen the same deaths in the same order, nobody
    /// dies without a reason, and nobody who was declared dead goes on.
    #[test]
    fn survivors_agree(
        nodes in 2_u32..6,
        steps in prop::collection::vec(step(5), 0..60),
    ) {
        let mut rack = Rack::new(nodes);
        let mut has_reason = vec![false; nodes as usize];
        for step in steps {
            match step {
                Step::Kill(node) | Step::Cut(node) | Step::Deliver(node, _) if node >= nodes => {
                    continue;
                }
                Step::Suspect(by, of) if by >= nodes || of >= nodes => continue,
                Step::Kill(node) | Step::Cut(node) => has_reason[node as usize] = true,
                Step::Suspect(by, of) => {
                    has_reason[by as usize] = true;
                    has_reason[of as usize] = true;
                }
                // One view's clock does not run while its messages wait, as a thread reads first.
                Step::Wait(_) => {
                    for node in 1..nodes {
                        for way in [0, 1] {
                            while !rack.is_cut[node as usize]
                                && !rack.queues[node as usize][way].is_empty()
                            {
                                rack.take(Step::Deliver(node, way));
                            }
                        }
                    }
                }
                Step::Deliver(..) => {}
            }
            rack.take(step);
        }
        rack.settle();
        let deaths = rack.seen[0].clone();
        for verdict in &deaths {
            let Verdict::Died { party, .. } = verdict else {
                panic!("node 0 ends only by itself: {verdict:?}");
            };
            prop_assert!(has_reason[party.node as usize], "{verdict:?}");
        }
        for node in 1..nodes {
            let at = node as usize;
            let is_dead = !rack.views[0].is_alive(party(node));
            prop_assert_eq!(is_dead, rack.is_killed[at], "node {}", node);
            if !is_dead {
                prop_assert_eq!(&rack.seen[at], &deaths, "node {}", node);
            } else {
                let others = rack.seen[at].iter().filter(|v| matches!(v, Verdict::Died { .. }));
                prop_assert!(others.zip(&deaths).all(|(seen, death)| seen == death));
            }
        }
    }
}
