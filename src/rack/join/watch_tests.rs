//! Threads that watch each other over loopback; nothing is waited for but what must come.

use std::sync::mpsc::{Receiver, channel};

use super::super::rig;
use super::*;

/// Never waited for, but in the test of silence.
const LONG: Duration = Duration::from_secs(3600);

struct Node {
    watch: Watch,
    verdicts: Receiver<Verdict>,
    membership: Membership,
}

impl Node {
    fn next(&self) -> Verdict {
        self.verdicts.recv().expect("the thread runs")
    }

    fn party(&self, node: u32) -> Party {
        let member = self.membership.find(node).expect("it is in");
        Party {
            node,
            incarnation: member.incarnation,
        }
    }
}

fn nodes(count: u32, silence_max: impl Fn(u32) -> Duration) -> Vec<Node> {
    let joined = rig::rack(count).into_iter();
    let nodes = joined.map(|joined| {
        let (identity, membership, connections) = joined.into_parts();
        let controls = connections.expect("there are others").controls;
        let (sender, verdicts) = channel();
        let me = identity.node;
        // A test that has ended does not care.
        let hook = move |verdict| {
            let _ = sender.send(verdict);
        };
        let watch = Watch::start(me, &membership, controls, silence_max(me), hook);
        Node {
            watch: watch.expect("a thread starts"),
            verdicts,
            membership,
        }
    });
    nodes.collect()
}

#[test]
fn death_is_told_to_all() {
    let mut nodes = nodes(4, |_| LONG);
    let party = nodes[0].party(2);
    drop(nodes.remove(2));
    for node in &nodes {
        let cause = Cause::Closed;
        assert_eq!(node.next(), Verdict::Died { party, cause });
        assert!(!node.watch.is_alive(party));
    }
    drop(nodes.remove(0));
    for node in &nodes {
        let cause = Cause::Closed;
        assert_eq!(node.next(), Verdict::Orphaned { cause });
    }
}

#[test]
fn suspect_learns_that_it_is_dead() {
    let nodes = nodes(3, |_| LONG);
    let party = nodes[0].party(2);
    nodes[1].watch.suspect(party, Cause::Closed);
    let cause = Cause::Unreachable;
    assert_eq!(nodes[0].next(), Verdict::Died { party, cause });
    assert_eq!(nodes[1].next(), Verdict::Died { party, cause });
    assert_eq!(nodes[2].next(), Verdict::Fenced { cause });
}

/// Node 1 says something every fifteen minutes, and node 0 expects it more often.
#[test]
fn silence_is_death() {
    let nodes = nodes(2, |node| match node {
        0 => Duration::from_millis(50),
        _ => LONG,
    });
    let party = nodes[0].party(1);
    let cause = Cause::Silent;
    assert_eq!(nodes[0].next(), Verdict::Died { party, cause });
    assert_eq!(nodes[1].next(), Verdict::Fenced { cause });
}

#[test]
fn end_in_order() {
    let nodes = nodes(3, |_| LONG);
    nodes[0].watch.end(5);
    for node in &nodes[1..] {
        assert_eq!(node.next(), Verdict::Ends { status: 5 });
        node.watch.leave();
    }
    assert_eq!(nodes[0].next(), Verdict::Alone);
    for node in nodes {
        assert!(node.verdicts.recv().is_err(), "its thread has ended");
    }
}
